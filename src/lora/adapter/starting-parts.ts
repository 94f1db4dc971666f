import type { CausalLM } from '../../models/causal-lm.js';
import { type AdapterLayout, pairTargets, storedName, trainedParameters } from './adapter-layout.js';
import { type AdapterParts, arraysOf, type ModuleArrays } from './adapter-point.js';
import { weightOf } from './base-weights.js';
import { adaptedRowNorms, rowSquares } from './module-adapters.js';

/**
 * Returns the factors and the initial values of all other trained arrays: magnitudes are the row norms of W + sAB,
 * weights and other parameters those of the model.
 *
 * @param factors - the factors of every module with a factor pair.
 */
export function startingParts(model: CausalLM, layout: AdapterLayout, factors: ReadonlyMap<string, ModuleArrays>): AdapterParts {
  const modules = new Map<string, ModuleArrays>();
  for (const target of pairTargets(layout)) {
    const { A, B } = arraysOf(factors, target);
    const norms = () =>
      model.algebra.tidy(() =>
        adaptedRowNorms(model, target.module.name, rowSquares(target.module, weightOf(model, target)), { A, B }, target.scale),
      );
    modules.set(target.module.name, { A, B, ...(layout.magnitudes ? { magnitude: norms() } : {}) });
  }
  return { modules, parameters: new Map(trainedParameters(layout).map((name) => [name, model.parameter(storedName(model, name))])) };
}
