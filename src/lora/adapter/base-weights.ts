/** The weights under the adapters. */
import { add, sub, type Tensor, unstack } from '@tensorflow/tfjs-core';
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
 * Takes s·AB of every adapter out of the base weights, or gives it back (to rounding).
 *
 * @param pairs - the factors, stacked by shape.
 */
export function changeBase(model: CausalLM, layout: AdapterLayout, pairs: StackPairs, change: 'take' | 'restore'): void {
  for (const { key, targets } of layout.stacks) {
    for (const [i, target] of targets.entries()) {
      const changed = model.algebra.tidy(() => {
        const product = storedProduct(target, { A: unstack(pairs[key].A)[i], B: unstack(pairs[key].B)[i] });
        return change === 'take' ? sub(weightOf(model, target), product) : add(weightOf(model, target), product);
      });
      model.replaceParameter(weightName(model, target.module.name), model.algebra.keep(changed));
    }
  }
}
