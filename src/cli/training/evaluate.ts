/** Samples of prompts during a training, and measures of the modules of its adapter. */
import { measurePair } from '../../diagnostics/index.js';
import { hostAlgebra } from '../../index.js';
import type { LoraAdapter } from '../../lora/index.js';
import type { CausalLM, ModelOverlay, Tokenizer } from '../../models/index.js';
import type { LayersLine } from '../run/recorder.js';

/** Options of {@link completeText}. */
export interface SampleOptions {
  readonly maxNewTokens: number;
  readonly overlay?: ModelOverlay;
}

/** Returns the likeliest continuation of a prompt, without its end token. */
export async function completeText(model: CausalLM, tokenizer: Tokenizer, prompt: string, options: SampleOptions): Promise<string> {
  const ids: number[] = [];
  for await (const id of model.generate(tokenizer.encode(prompt), { ...options, stopTokens: tokenizer.endIds })) ids.push(id);
  return tokenizer.decode(ids.filter((id) => !tokenizer.endIds.includes(id)));
}

/** Measures all pairs of an adapter, in float64 on the host; empty if the weights themselves are trained. */
export async function measureLayers(adapter: LoraAdapter): Promise<LayersLine['layers']> {
  const [la, host] = [adapter.model.algebra, hostAlgebra()];
  const layers: LayersLine['layers'][number][] = [];
  for (const { key, targets } of adapter.layout.stacks) {
    const [a, b] = await la.tidy(async () => {
      const { A, B } = adapter.pair(key);
      return [await la.toArray(A), await la.toArray(B)];
    });
    for (const [i, { module, rank, scale }] of targets.entries()) {
      const part = (values: ArrayLike<number>, rows: number, columns: number) =>
        host.fromArray(Float64Array.from(values).subarray(i * rows * columns, (i + 1) * rows * columns), [rows, columns]);
      const pair = { A: part(a, module.outFeatures, rank), B: part(b, rank, module.inFeatures) };
      const { balanceGap, conditionNumber, balancedConditionNumber, effectiveRank, singularValues } = await measurePair(host, pair, {
        scale,
      });
      layers.push({ module: module.name, balanceGap, conditionNumber, balancedConditionNumber, effectiveRank, singularValues });
    }
  }
  return layers;
}
