/** The weights under the adapters. */
import { add, sub, type Tensor, unstack } from '@tensorflow/tfjs-core';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { outByIn, storedProduct } from '../methods/start.js';
import type { TargetModule } from '../targets/target-modules.js';
import { type AdapterLayout, storedName } from './adapter-layout.js';
import type { StackPairs } from './adapter-point.js';

/** A module's weight, as it is stored: the model's own. */
export function weightOf(model: CausalLM, { module }: TargetModule): Tensor {
  return model.parameter(weightName(model, module.name));
}

/** A module's weight as [m, n], whatever way it is stored. */
export function matrixOf(model: CausalLM, target: TargetModule): Tensor {
  return outByIn(target, weightOf(model, target));
}

/** The parameter that holds a module's weight: a tied head's is the embedding. */
export function weightName(model: CausalLM, module: string): string {
  return storedName(model, `${module}.weight`);
}

/**
 * Takes s·AB of every adapter out of the base weights. Where that or what follows fails, the weights are given back what was taken, to rounding.
 *
 * @param pairs - the factors, stacked by shape.
 * @param use - what follows; its result is returned.
 */
export function withReducedBase<Result>(model: CausalLM, layout: AdapterLayout, pairs: StackPairs, use: () => Result): Result {
  const reduced: (readonly [TargetModule, FactorPair<Tensor>])[] = [];
  return model.algebra.tidy(() => {
    try {
      for (const [target, pair] of pairsOf(layout, pairs)) {
        exchange(model, target, pair, sub);
        reduced.push([target, pair]);
      }
      return use();
    } catch (error) {
      for (const [target, pair] of reduced) exchange(model, target, pair, add);
      throw error;
    }
  });
}

/** Gives s·AB of every adapter back to the base weights, to rounding. */
export function restoreBase(model: CausalLM, layout: AdapterLayout, pairs: StackPairs): void {
  model.algebra.tidy(() => {
    for (const [target, pair] of pairsOf(layout, pairs)) exchange(model, target, pair, add);
  });
}

/** The factors of each module; copies, stack by stack. */
function* pairsOf(layout: AdapterLayout, pairs: StackPairs): Generator<readonly [TargetModule, FactorPair<Tensor>]> {
  for (const { key, targets } of layout.stacks) {
    const [As, Bs] = [unstack(pairs[key].A), unstack(pairs[key].B)];
    for (const [i, target] of targets.entries()) yield [target, { A: As[i], B: Bs[i] }];
  }
}

function exchange(model: CausalLM, target: TargetModule, pair: FactorPair<Tensor>, operation: typeof add): void {
  const changed = model.algebra.tidy(() => operation(weightOf(model, target), storedProduct(target, pair)));
  model.replaceParameter(weightName(model, target.module.name), model.algebra.keep(changed));
}
