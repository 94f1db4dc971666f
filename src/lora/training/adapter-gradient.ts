import type { TokenBatch } from '../../models/token-batch.js';
import { type AdapterPoint, pullBack, putTogether } from '../adapter/adapter-point.js';
import type { DropoutDraw } from '../adapter/dropout.js';
import type { LoraAdapter } from '../adapter/lora-adapter.js';

/** Options of {@link adapterGradient}. */
export interface AdapterGradientOptions {
  /** Number by which the sum of the token losses is divided. */
  readonly denominator: number;
  /** The dropout masks. Default: no dropout. */
  readonly dropout?: DropoutDraw;
  /** If true, activations are computed twice instead of kept, as in `lossAndGradient`. Default: by their size. */
  readonly recompute?: boolean | undefined;
}

/**
 * Computes loss and gradient of one batch at a point of an adapter, in the coordinates of its geometry. The overlay's
 * copies and the derivatives of single modules are freed. The gradient is as finite as the loss is.
 */
export function adapterGradient(
  adapter: LoraAdapter,
  x: AdapterPoint,
  batch: TokenBatch,
  { denominator, dropout, recompute }: AdapterGradientOptions,
): Promise<{ readonly loss: number; readonly gradient: AdapterPoint }> {
  const { model, layout } = adapter;
  const la = model.algebra;
  return la.tidy(async () => {
    const overlay = adapter.overlay({ point: x, ...(dropout === undefined ? {} : { dropout }) });
    const options = { denominator, ...(recompute === undefined ? {} : { recompute }) };
    const { loss, adapters, replaced } = await model.lossAndGradient(batch, overlay, options);
    const modules = new Map(
      [...adapters].map(([name, { A, B, magnitude }]) => [name, { A, B, ...(magnitude === undefined ? {} : { magnitude }) }]),
    );
    return { loss, gradient: pullBack(la, layout, x, putTogether(layout, { modules, parameters: replaced })) };
  });
}
