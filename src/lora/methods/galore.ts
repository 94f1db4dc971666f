import type { Tensor } from '@tensorflow/tfjs-core';
import { declareOptions } from '../../core/options.js';
import { euclidean } from '../../manifolds/euclidean.js';
import { product } from '../../manifolds/product.js';
import { adamw } from '../../solvers/directions/adam.js';
import { componentwise } from '../../solvers/directions/componentwise.js';
import { type GaloreOptions, galore as galoreRule, projectionOptions } from '../../solvers/directions/galore.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraGeometry, LoraMethod, StackManifold } from './lora-method.js';
import type { LoraStart } from './start.js';

/** Options of {@link galore}. */
export type GaloreMethodOptions = Pick<GaloreOptions, 'gap' | 'scale' | 'signs'>;

const galoreMethodOptions = declareOptions<GaloreMethodOptions>()(projectionOptions);

/** Defaults of {@link galore}: those of the authors' code, but with well-defined signs. */
export const galoreMethodDefaults: Required<GaloreMethodOptions> = galoreMethodOptions.defaults;

/** The weights of the target modules themselves, in flat space. */
const weightGeometry: LoraGeometry = {
  name: 'whole weights, addition',
  trains: 'weights',
  manifold: ({ m, n, batch = [], algebra }) =>
    product({
      weight: euclidean<Tensor>({ shape: [...batch, m, n], ...(algebra === undefined ? {} : { algebra }) }),
    }) as unknown as StackManifold,
};

/** A start that leaves the weights as they are. */
const weightStart: LoraStart = {
  name: 'weights',
  trains: 'weights',
  changesBase: false,
  factors({ target }) {
    throw new TypeError(`weightStart: ${target.module.name} has no factors`);
  },
};

/** Returns GaLore's rule for the weights, with the rank of each module, and AdamW for all other trained arrays. */
export function galoreDirection(options: GaloreMethodOptions = {}): LoraDirection {
  const settings = galoreMethodOptions.read('galore', options);
  return {
    name: 'galore',
    needsWeights: true,
    rule(optimizer, { weights }) {
      const rules = weights.map(({ key, rank }) => {
        const weight = galoreRule({ ...settings, ...optimizer, rank });
        return [key, componentwise({ weight }, weight)] as const;
      });
      return componentwise({ weights: componentwise(Object.fromEntries(rules), adamw(optimizer)) }, adamw(optimizer));
    },
  };
}

/**
 * GaLore: the weights of the target modules are trained themselves, by Adam on gradients projected on their leading
 * singular vectors, as many as the rank says. Weights are projected as they are stored, GPT-2's Conv1D [in, out] too,
 * as the authors' code does.
 *
 * There are no factors: starts, α, dropout and DoRA do not apply. {@link saveAdapter} writes the trained weights, and
 * the nearest adapter of a given rank beside them. Defaults are no weight decay and ε = 1e-6, as in the authors' code.
 *
 * @throws ConfigError on unknown or invalid options; ShapeError if `gap` is not a positive integer.
 * @see Zhao et al., "GaLore: memory-efficient LLM training by gradient low-rank projection", ICML 2024.
 */
export function galore(options: GaloreMethodOptions = {}): LoraMethod {
  return {
    ...lora(),
    name: 'galore',
    geometry: weightGeometry,
    direction: galoreDirection(options),
    start: weightStart,
    alpha: (rank) => rank,
  };
}
