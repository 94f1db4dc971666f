import { checkChoice, checkKeys, checkNumber, checkPositiveInteger } from '../../core/options.js';
import { type BalancingSchedule, balancingDefaults, balancingFactors } from '../../manifolds/balancing-factors.js';
import { adamw, type MomentRule } from '../../solvers/directions/adam.js';
import type { LoraMethod } from './lora-method.js';

/** Options of {@link balora}. */
export interface BaloraOptions extends BalancingSchedule {
  /** Which balanced pair a step lands on: that of the singular vectors, as published, or the nearest one. Default: {@link baloraDefaults}. */
  readonly gauge?: 'svd' | 'nearest';
  /** What becomes of Adam's moments when the factors change gauge. */
  readonly moments?: MomentRule;
}

/** The defaults of {@link balora}. */
export const baloraDefaults: Required<BaloraOptions> = { ...balancingDefaults, gauge: 'svd', moments: 'transport' };

/**
 * BaLoRA: balanced factors with the Bures metric, AdamW, and the balanced projection after each step, which leaves the product as it is.
 *
 * `balora({ moments: 'keep' })` is the method as published; moments that follow the gauge are this library's default.
 *
 * @throws ConfigError on unknown options; ShapeError if `every` is not a positive integer.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function balora(options: BaloraOptions = {}): LoraMethod {
  checkKeys('balora', options, ['gauge', 'moments', 'every', 'start']);
  const { gauge, moments, every, start } = { ...baloraDefaults, ...options };
  checkChoice('balora', 'gauge', gauge, ['svd', 'nearest']);
  checkChoice('balora', 'moments', moments, ['transport', 'transport-first', 'keep']);
  checkPositiveInteger('balora', 'every', every);
  checkNumber('balora', 'start', start, { min: 0 });
  return {
    name: 'balora',
    config: { initialization: 'kaiming' },
    geometry: (stack) => balancingFactors({ ...stack, gauge, every, start }),
    direction: (optimizer) => adamw({ ...optimizer, moments }),
  };
}
