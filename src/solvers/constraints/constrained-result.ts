import type { ConstraintArrays } from './constrained-problem.js';
import type { KktResiduals } from './kkt-residuals.js';

/** Numbers of an outer iteration. */
export interface ConstrainedIteration extends KktResiduals {
  /** Number of outer iterations so far. */
  readonly iteration: number;
  /** The cost f, without penalties. */
  readonly cost: number;
  /** The penalty ρ of this iteration. */
  readonly penalty: number;
  /** Number of iterations of the inner run. */
  readonly innerIterations: number;
  /** The reason why the inner run ended, in words. */
  readonly innerReason: string;
}

/** Result of {@link augmentedLagrangian}. Not converging is a result, too. */
export interface ConstrainedResult<M, P> {
  /** The last point. */
  readonly x: P;
  /** The cost f at x, without penalties. */
  readonly cost: number;
  /** The multipliers γ of h, and λ ≥ 0 of g, with which `residuals` were measured. */
  readonly multipliers: ConstraintArrays<M>;
  /** The parts of the KKT residual at x. */
  readonly residuals: KktResiduals;
  /** The last penalty ρ. */
  readonly penalty: number;
  /** Name of the inner solver, as a result of `minimize` has it. */
  readonly solver: string;
  /** Number of outer iterations. */
  readonly iterations: number;
  /** Number of iterations of all inner runs together. */
  readonly innerIterations: number;
  /** True if the KKT residual is within the tolerance. */
  readonly converged: boolean;
  /** The reason for stopping, in words; it says if the constraints could not be met. */
  readonly stopReason: string;
  /** The numbers of every outer iteration. */
  readonly history: readonly ConstrainedIteration[];
  /** Wall-clock seconds. */
  readonly seconds: number;
}
