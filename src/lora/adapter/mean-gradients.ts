import type { Tensor } from '@tensorflow/tfjs-core';
import type { CausalLM } from '../../models/causal-lm.js';
import type { TokenBatch } from '../../models/token-batch.js';
import { outByIn } from '../methods/start.js';
import type { TargetModule } from '../targets/target-modules.js';
import { weightOf } from './base-weights.js';

/** Largest number of bytes of gradients held at once, unless one module's alone are more. */
const GROUP_BYTES = 64 * 2 ** 20;

/**
 * Computes the gradient of each batch's mean loss with respect to the weights of modules, averaged over batches, for
 * starts such as LoRA-GA. It takes one group of modules after another, so that no second set of weights exists: each
 * group costs a forward and a backward pass over all batches.
 *
 * @param visit - is called with a module and its gradient [m, n], which is freed afterwards.
 * @returns the results of `visit`, in the order of the modules; their arrays belong to the current scope.
 */
export async function meanGradients<Result>(
  model: CausalLM,
  targets: readonly TargetModule[],
  batches: readonly TokenBatch[],
  visit: (target: TargetModule, gradient: Tensor) => Result,
): Promise<readonly Result[]> {
  const la = model.algebra;
  const results: Result[] = [];
  for (const group of groupsOf(targets)) {
    const ofGroup = await la.tidy(async () => {
      const names = group.map(({ module }) => `${module.name}.weight`);
      const replaced = new Map(group.map((target, i) => [names[i], weightOf(model, target)]));
      let sums: readonly Tensor[] | undefined;
      for (const batch of batches) {
        const before = sums;
        sums = await la.tidy(async () => {
          const { replaced: gradients } = await model.lossAndGradient(batch, { adapters: new Map(), replaced });
          return names.map((name, i) => {
            const share = la.scale(1 / batches.length, gradients.get(name) as Tensor);
            return before === undefined ? share : la.add(before[i], share);
          });
        });
        for (const sum of before ?? []) la.dispose(sum);
      }
      return group.map((target, i) => visit(target, outByIn(target, (sums as readonly Tensor[])[i])));
    });
    results.push(...ofGroup);
  }
  return results;
}

function groupsOf(targets: readonly TargetModule[]): readonly (readonly TargetModule[])[] {
  const groups: TargetModule[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const target of targets) {
    const { inFeatures, outFeatures } = target.module;
    const own = 4 * inFeatures * outFeatures;
    if (bytes + own > GROUP_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups[groups.length - 1].push(target);
    bytes += own;
  }
  return groups;
}
