/** The weights under the adapters. */
import { add, sub, type Tensor, unstack } from '@tensorflow/tfjs-core';
import { NumericalError } from '../../core/errors.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { CausalLM } from '../../models/causal-lm.js';
import { nonFiniteWeight } from '../../models/non-finite.js';
import type { LoraInitialization } from '../config/lora-config.js';
import { startFactors, starts, storedProduct } from '../initialization/start-factors.js';
import type { TargetModule } from '../targets/target-modules.js';
import { type AdapterLayout, storedName } from './adapter-layout.js';
import type { AdapterPoint } from './adapter-point.js';

/** A module's weight, as it is stored: the model's own. */
export function weightOf(model: CausalLM, { module }: TargetModule): Tensor {
  return model.parameter(weightName(model, module.name));
}

/** The parameter that holds a module's weight: a tied head's is the embedding. */
export function weightName(model: CausalLM, module: string): string {
  return storedName(model, `${module}.weight`);
}

/**
 * The factors that every module of a layout starts with, drawn from one seed or computed from the weights.
 *
 * @param caller - the public function on whose behalf this happens.
 * @returns by module, the caller's to dispose of.
 * @throws NumericalError naming the weight that is not finite, where the start is a factorization of the weights.
 */
export function baseFactors(
  caller: string,
  model: CausalLM,
  layout: AdapterLayout,
  initialization: LoraInitialization,
  seed: number,
): ReadonlyMap<string, FactorPair<Tensor>> {
  const explained = (): NumericalError | undefined => nonFiniteWeight(`${caller}: the start '${initialization}' cannot be computed`, model);
  let factors: ReadonlyMap<string, FactorPair<Tensor>>;
  try {
    factors = startFactors(model.algebra, layout.targets, (target) => weightOf(model, target), initialization, seed);
  } catch (error) {
    throw (error instanceof NumericalError ? explained() : undefined) ?? error;
  }
  if (!starts[initialization].changesBase || [...factors.values()].every((pair) => seemsFinite(model, pair))) return factors;
  // A factorization of some columns does not see the others; taking such a product out would spoil the whole weight.
  throw (
    explained() ??
    new NumericalError(
      `${caller}: the start '${initialization}' overflows float32, though all weights of the base model are finite; take another start`,
    )
  );
}

/** Whether all entries are finite, or cannot be read at once. */
function seemsFinite({ algebra }: CausalLM, { A, B }: FactorPair<Tensor>): boolean {
  return [A, B].every((x) => {
    const values = algebra.toArray(x);
    return values instanceof Promise || values.every(Number.isFinite);
  });
}

/**
 * Takes s·AB of every adapter out of the base weights. Where that or what follows fails, the weights are given back what was taken, to rounding.
 *
 * @param pairs - the factors, stacked by shape.
 * @param use - what follows; its result is returned.
 */
export function withReducedBase<Result>(model: CausalLM, layout: AdapterLayout, pairs: AdapterPoint['pairs'], use: () => Result): Result {
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
export function restoreBase(model: CausalLM, layout: AdapterLayout, pairs: AdapterPoint['pairs']): void {
  model.algebra.tidy(() => {
    for (const [target, pair] of pairsOf(layout, pairs)) exchange(model, target, pair, add);
  });
}

/** The factors of each module; copies, stack by stack. */
function* pairsOf(layout: AdapterLayout, pairs: AdapterPoint['pairs']): Generator<readonly [TargetModule, FactorPair<Tensor>]> {
  for (const { key, targets } of layout.stacks) {
    const [As, Bs] = [unstack(pairs[key].A), unstack(pairs[key].B)];
    for (const [i, target] of targets.entries()) yield [target, { A: As[i], B: Bs[i] }];
  }
}

function exchange(model: CausalLM, target: TargetModule, pair: FactorPair<Tensor>, operation: typeof add): void {
  const changed = model.algebra.tidy(() => operation(weightOf(model, target), storedProduct(target, pair)));
  model.replaceParameter(weightName(model, target.module.name), model.algebra.keep(changed));
}
