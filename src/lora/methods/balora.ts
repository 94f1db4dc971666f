import { ConfigError } from '../../core/errors.js';
import { choice, count, declareOptions, describeValue, option, size } from '../../core/options.js';
import { type BalancingSchedule, balancedFactors, balancedFactorsDefaults } from '../../manifolds/balanced-factors.js';
import { adamw, type MomentRule, momentsOption } from '../../solvers/directions/adam.js';
import { matrixAdam } from '../../solvers/directions/matrix-adam.js';
import { momentBalanced } from '../../solvers/directions/moment-balanced.js';
import { adamwDirection } from './directions.js';
import { lora } from './lora.js';
import type { LoraDirection, LoraMethod, StackManifold } from './lora-method.js';
import { pairDirection } from './pair-direction.js';

/** Options of {@link balora}. */
export interface BaloraOptions extends BalancingSchedule {
  /**
   * The balanced pair on which a step lands: that of the singular vectors, as published, or the nearest one. Default:
   * `'svd'`.
   */
  readonly gauge?: 'svd' | 'nearest';
  /** Treatment of Adam's moments when the factors change gauge. Default: `'transport'`. */
  readonly moments?: MomentRule;
  /**
   * Second moments of Adam: averages of squares entry by entry, or r×r matrices, which follow the gauge exactly
   * ({@link matrixAdam}). Default: `'entries'`.
   */
  readonly secondMoment?: 'entries' | 'matrix';
  /**
   * μ > 0 of the balance AᵀA = μBBᵀ, or `'moments'`, which takes it from Adam's second moments
   * ({@link momentBalanced}). Factors are stored with μ = 1; AdamW's steps are those on the pair with this μ: A moves
   * μ^-¼ and B μ^¼ times as far. Default: 1.
   */
  readonly mu?: number | 'moments';
}

const baloraOptions = declareOptions<BaloraOptions>()({
  every: size({ default: balancedFactorsDefaults.every }),
  start: count({ default: balancedFactorsDefaults.start }),
  gauge: choice(['svd', 'nearest'], { default: 'svd' }),
  moments: momentsOption,
  secondMoment: choice(['entries', 'matrix'], { default: 'entries' }),
  mu: option<number | 'moments', { default: number | 'moments' }>({ default: 1 }, (caller, name, value) => {
    if (value === 'moments' || (typeof value === 'number' && value > 0 && Number.isFinite(value))) return;
    throw new ConfigError(
      `${caller}: ${name} must be a positive number or 'moments', got ${describeValue(value)}; leave it out for AᵀA = BBᵀ`,
    );
  }),
});

/** Defaults of {@link balora}. */
export const baloraDefaults: Required<BaloraOptions> = baloraOptions.defaults;

/**
 * α/r for starts at zero. On balanced factors Adam's steps, after the first, see only rate·√(α/r) (docs/study.md, "One
 * number instead of two"): the scale is a choice of unit for the rate. This one brings the best rates near those of
 * LoRA at its α. Other starts set the size of their product themselves; for them α is LoRA's.
 */
const SCALE = 128;

/** {@link matrixAdam} on the pairs. */
export const matrixAdamDirection: LoraDirection = pairDirection('matrix-adam', ({ epsilonBeforeCorrection: _, ...rates }) =>
  matrixAdam(rates),
);

/** {@link momentBalanced} AdamW on the pairs. */
export const momentBalancedDirection = (moments: MomentRule = 'transport'): LoraDirection =>
  pairDirection('moment-balanced', (options) => momentBalanced(adamw({ ...options, moments })));

/**
 * BaLoRA: balanced factors with the Bures metric, AdamW, and the balanced projection after each step, which leaves the
 * product as it is.
 *
 * Adam's moments follow the gauge by default. As published, they do not: `balora({ moments: 'keep' })`. docs/study.md
 * compares both.
 *
 * @throws ConfigError on unknown options, and for `secondMoment: 'matrix'` with moments that do not follow the gauge or
 * with `mu: 'moments'`; ShapeError if `every` is not a positive integer.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function balora(options: BaloraOptions = {}): LoraMethod {
  const { gauge, moments, secondMoment, mu, every, start } = baloraOptions.read('balora', options);
  if (secondMoment === 'matrix' && moments !== 'transport') {
    throw new ConfigError(
      `balora: secondMoment 'matrix' goes with moments 'transport', got '${moments}': matrices that stay behind belong to other directions; leave moments out`,
    );
  }
  if (secondMoment === 'matrix' && mu === 'moments') {
    throw new ConfigError("balora: mu 'moments' compares second moments entry by entry, got secondMoment 'matrix'; leave one of them out");
  }
  return {
    ...lora(),
    name: 'balora',
    geometry: {
      name: 'balanced factors, Bures metric',
      balanced: true,
      manifold: (stack) => balancedFactors({ ...stack, gauge, every, start }) as unknown as StackManifold,
    },
    direction:
      secondMoment === 'matrix' ? matrixAdamDirection : mu === 'moments' ? momentBalancedDirection(moments) : adamwDirection(moments),
    ...(typeof mu === 'number' && mu !== 1 ? { rates: { A: mu ** -0.25, B: mu ** 0.25 } } : {}),
    alpha: (rank, start) => (start.startsAtZero === true ? SCALE * rank : lora().alpha(rank, start)),
  };
}
