/** The weights under the adapters. */
import { add, sub, type Tensor, unstack } from '@tensorflow/tfjs-core';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { outByIn, storedProduct } from '../methods/start.js';
import type { TargetModule } from '../targets/target-modules.js';
import { type AdapterLayout, storedName } from './adapter-layout.js';
import type { StackPairs } from './adapter-point.js';

/** Returns a module's weight as it is stored: the model's own array. */
export function weightOf(model: CausalLM, { module }: TargetModule): Tensor {
  return model.parameter(weightName(model, module.name));
}

/** Returns a module's weight as [m, n], in whatever layout it is stored. */
export function matrixOf(model: CausalLM, target: TargetModule): Tensor {
  return outByIn(target, weightOf(model, target));
}

/** Returns the name of the parameter that holds a module's weight: the embedding for a tied head. */
export function weightName(model: CausalLM, module: string): string {
  return storedName(model, `${module}.weight`);
}

/**
 * Subtracts s·AB of every adapter from the base weights, then calls `use`. If either fails, the weights are restored,
 * to rounding.
 *
 * @param pairs - the factors, stacked by shape.
 * @param use - is called with the weights reduced; its result is returned.
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

/** Adds s·AB of every adapter to the base weights again, to rounding. */
export function restoreBase(model: CausalLM, layout: AdapterLayout, pairs: StackPairs): void {
  model.algebra.tidy(() => {
    for (const [target, pair] of pairsOf(layout, pairs)) exchange(model, target, pair, add);
  });
}

/** Yields the factors of each module, as copies, stack by stack. */
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
