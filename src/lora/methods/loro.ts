import { checkChoice, checkCount, checkKeys, checkPositiveInteger } from '../../core/options.js';
import { type LazyRate, lazyFactors, lazyRates } from '../../manifolds/lazy-factors.js';
import { adamw } from '../../solvers/directions/adam.js';
import { restarted } from '../../solvers/directions/restarted.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraMethod, StackManifold } from './lora-method.js';
import { compensatedStart } from './start.js';

/** Options of {@link loro}. */
export interface LoroOptions {
  /** Every so many steps one is exact. Default: {@link loroDefaults}. */
  readonly every?: number;
  /** After so many steps the moments begin anew; 0 for never. */
  readonly refresh?: number;
  /** The rate of the other steps: that of the exact ones, or for each factor r/(its longer side) times it, as in the authors' scripts. */
  readonly lazyRate?: LazyRate;
}

/** The defaults of {@link loro}: those of the authors' scripts, but for the rate. */
export const loroDefaults: Required<LoroOptions> = { every: 500, refresh: 500, lazyRate: 'same' };

/** ε of the authors' AdamW, which adds it before the bias correction. */
const EPSILON = 1e-6;

/**
 * LORO: Adam's steps of the factors, and every so many of them one that is taken on the rank-r matrices and lands on the
 * balanced pair, after which the moments begin anew. Both factors start at random, and their product is taken out of the
 * base. The exact step is given Adam's direction, not the gradient, as in the authors' code.
 *
 * @throws ConfigError on unknown options; ShapeError if `every` is not a positive integer.
 * @see Mo et al., "LORO: parameter and memory efficient pretraining via low-rank Riemannian optimization", ICLR 2025.
 */
export function loro(options: LoroOptions = {}): LoraMethod {
  checkKeys('loro', options, Object.keys(loroDefaults));
  const { every, refresh, lazyRate } = { ...loroDefaults, ...options };
  checkPositiveInteger('loro', 'every', every);
  checkChoice('loro', 'lazyRate', lazyRate, lazyRates);
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

/** AdamW as the authors of {@link loro} have it, whose moments begin anew every `refresh` steps. */
export function loroDirection(options: Pick<LoroOptions, 'refresh'> = {}): LoraDirection {
  checkKeys('loro', options, ['refresh']);
  const { refresh } = { ...loroDefaults, ...options };
  checkCount('loro', 'refresh', refresh);
  return {
    name: 'loro',
    rule(optimizer) {
      const rule = adamw({ epsilon: EPSILON, weightDecay: 0, ...optimizer, epsilonBeforeCorrection: true, moments: 'keep' });
      return refresh === 0 ? rule : restarted(rule, refresh);
    },
  };
}
