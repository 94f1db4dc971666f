import type { Tensor } from '@tensorflow/tfjs-core';
import { measureHostPair, type PairMeasures } from '../../diagnostics/measure-pair.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { LoraAdapter } from './lora-adapter.js';

/** Measures of the pair of a module. */
export interface ModuleMeasures extends PairMeasures {
  /** Name of the module in the model. */
  readonly module: string;
}

/**
 * Measures all pairs of an adapter in float64 on the host, as `measurePair` of bures/diagnostics does: spectrum,
 * balance, conditioning.
 *
 * @param adapter - the adapter, on its model.
 * @returns an entry for each module; none if the weights themselves are trained.
 * @throws NumericalError naming the module, if an entry is not finite.
 */
export async function measureAdapter(adapter: LoraAdapter): Promise<readonly ModuleMeasures[]> {
  const [la, host] = [adapter.model.algebra, hostAlgebra()];
  const measures: ModuleMeasures[] = [];
  for (const { key, targets } of adapter.layout.stacks) {
    const [a, b] = await la.tidy(async () => {
      const { A, B } = adapter.pair(key);
      const onHost = async (array: Tensor): Promise<HostArray> => host.fromArray(await la.toArray(array), array.shape);
      return [await onHost(A), await onHost(B)];
    });
    for (const [i, { module, scale }] of targets.entries()) {
      const pair = { A: memberOf(a, i), B: memberOf(b, i) };
      measures.push({ module: module.name, ...(await measureHostPair(`measureAdapter: ${module.name}`, pair, scale)) });
    }
  }
  return measures;
}

/** Returns member i of a stack [k, rows, columns]. */
function memberOf(stack: HostArray, i: number): HostArray {
  const host = hostAlgebra();
  const [members, rows, columns] = host.shape(stack);
  return host.reshape(host.slice(host.reshape(stack, [members, rows * columns]), { rows: [i, i + 1] }), [rows, columns]);
}
