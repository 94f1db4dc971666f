import { ConfigError } from '../../core/errors.js';
import { declareOptions, describeValue, number, option, size } from '../../core/options.js';
import { type AbortSignalLike, iterateOptions } from '../run.js';
import type { SolverFor } from '../solver.js';
import type { ConstraintArrays } from './constrained-problem.js';
import type { ConstrainedIteration } from './constrained-result.js';

/** Options of {@link augmentedLagrangian}. */
export interface AugmentedLagrangianOptions<M, P, T> {
  /**
   * Solver of the unconstrained problems. Default: gradient descent along {@link lbfgs}, with {@link wolfe} steps. With
   * {@link projectedLbfgs} bounds hold exactly, beside the constraints.
   */
  readonly solver?: SolverFor<NoInfer<P>, NoInfer<T>>;
  /** Initial point, which may violate the constraints. Default: a random point. */
  readonly initial?: P;
  /** Seed of the random initial point. Default: 0. */
  readonly seed?: number;
  /** Initial multipliers, those of an earlier result for example. Default: zeros. */
  readonly multipliers?: ConstraintArrays<M>;
  /**
   * Initial penalty ρ₀. Default: 10·max(1, |f|)/max(1, ½·violation²) at the start, within [1e-6, 10] (Birgin and
   * Martínez).
   */
  readonly penalty?: number;
  /** Factor of the penalty after an iteration that did not bring the constraints closer. Default: 4. */
  readonly penaltyGrowth?: number;
  /** The violation counts as brought closer if it fell to this fraction of the last, in (0, 1). Default: 0.5. */
  readonly sufficientProgress?: number;
  /** Value of the KKT residual, the largest of its parts, at which the run has converged. Default: 1e-6. */
  readonly tolerance?: number;
  /** Largest number of outer iterations, each of which is a run of `solver`. Default: 100. */
  readonly maxIterations?: number;
  /** Largest number of iterations of each of those runs. Default: 1000. */
  readonly innerIterations?: number;
  /** Signal that ends the run. Default: none. */
  readonly signal?: AbortSignalLike;
  /** Called after each outer iteration. Default: nothing. */
  readonly onIteration?: (step: ConstrainedIteration & { readonly x: P }) => void;
}

const { solver, initial, seed, signal } = iterateOptions.options;
/** Declares the options of `augmentedLagrangian`. */
export const augmentedLagrangianOptions = declareOptions<AugmentedLagrangianOptions<unknown, unknown, unknown>>()({
  solver,
  initial,
  seed,
  multipliers: option({ optional: true }),
  penalty: number({ optional: true, above: 0 }),
  penaltyGrowth: number({ default: 4, above: 1 }),
  sufficientProgress: number({ default: 0.5, above: 0, below: 1 }),
  tolerance: number({ default: 1e-6, above: 0 }),
  maxIterations: size({ default: 100 }),
  innerIterations: size({ default: 1000 }),
  signal,
  onIteration: option({ optional: true }, (caller, name, value) => {
    if (typeof value === 'function') return;
    throw new ConfigError(`${caller}: ${name} must be a function, got ${describeValue(value)}; pass, say, ({ iteration, kkt }) => …`);
  }),
});

/** Defaults of {@link augmentedLagrangian}. */
export const augmentedLagrangianDefaults: Required<
  Pick<
    AugmentedLagrangianOptions<unknown, unknown, unknown>,
    'seed' | 'penaltyGrowth' | 'sufficientProgress' | 'tolerance' | 'maxIterations' | 'innerIterations'
  >
> = augmentedLagrangianOptions.defaults;

/** Options of {@link augmentedLagrangian} as they are used. */
export type AugmentedLagrangianSettings<M, P, T> = typeof augmentedLagrangianDefaults & AugmentedLagrangianOptions<M, P, T>;
