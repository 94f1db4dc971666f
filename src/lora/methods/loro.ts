import { choice, count, declareOptions, size } from '../../core/options.js';
import { type LazyRate, lazyFactors, lazyRates } from '../../manifolds/lazy-factors.js';
import { adamw } from '../../solvers/directions/adam.js';
import { restarted } from '../../solvers/directions/restarted.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraMethod, StackManifold } from './lora-method.js';
import { compensatedStart } from './start.js';

/** Options of {@link loro}. */
export interface LoroOptions {
  /** Number of steps from one exact step to the next. Default: 500. */
  readonly every?: number;
  /** Number of steps after which the moments are reset; 0 for never. Default: 500. */
  readonly refresh?: number;
  /**
   * Rate of the other steps: that of the exact ones, or for each factor r/(its longer side) times that, as in the
   * authors' scripts. Default: `'same'`.
   */
  readonly lazyRate?: LazyRate;
}

const loroOptions = declareOptions<LoroOptions>()({
  every: size({ default: 500 }),
  refresh: count({ default: 500 }),
  lazyRate: choice(lazyRates, { default: 'same' }),
});
const loroDirectionOptions = declareOptions<Pick<LoroOptions, 'refresh'>>()({ refresh: loroOptions.options.refresh });

/** Defaults of {@link loro}: those of the authors' scripts, except for the rate. */
export const loroDefaults: Required<LoroOptions> = loroOptions.defaults;

/** The ε of the authors' AdamW, which adds it before the bias correction. */
const EPSILON = 1e-6;

/**
 * LORO: Adam on the factors, where every `every`-th step is taken on the rank-r matrices and lands on the balanced
 * pair; every `refresh` steps the moments are reset. Both factors start at random, and their product is subtracted from
 * the base. The exact step takes Adam's direction, not the gradient, as in the authors' code.
 *
 * @throws ConfigError on unknown options; ShapeError if `every` is not a positive integer.
 * @see Mo et al., "LORO: parameter and memory efficient pretraining via low-rank Riemannian optimization", ICLR 2025.
 */
export function loro(options: LoroOptions = {}): LoraMethod {
  const { every, refresh, lazyRate } = loroOptions.read('loro', options);
  return {
    ...lora(),
    name: 'loro',
    geometry: {
      name: `factors, exact fixed-rank step every ${every}`,
      refusesPairRules: 'whose exact step takes its directions for gradients of the factors',
      manifold: (stack) => lazyFactors({ ...stack, every, lazyRate }) as unknown as StackManifold,
    },
    direction: loroDirection({ refresh }),
    start: compensatedStart,
  };
}

/** Returns the AdamW of {@link loro}'s authors, whose moments are reset every `refresh` steps. */
export function loroDirection(options: Pick<LoroOptions, 'refresh'> = {}): LoraDirection {
  const { refresh } = loroDirectionOptions.read('loro', options);
  return {
    name: 'loro',
    rule(optimizer) {
      const rule = adamw({ epsilon: EPSILON, weightDecay: 0, ...optimizer, epsilonBeforeCorrection: true, moments: 'keep' });
      return refresh === 0 ? rule : restarted(rule, refresh);
    },
  };
}
