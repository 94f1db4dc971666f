/** What an outer iteration of `augmentedLagrangian` hands to the next, and where the first begins. */
import { ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Objective } from '../problem.js';
import type { AugmentedLagrangianSettings } from './augmented-lagrangian-options.js';
import type { AugmentedTerms, ConstrainedProblem, ConstraintArrays } from './constrained-problem.js';
import { violationOf } from './kkt-residuals.js';
import { firstPenalty, largestMultiplier } from './penalty.js';

/** State between outer iterations. */
export interface OuterState<M, P> {
  readonly x: P;
  readonly multipliers: ConstraintArrays<M>;
  readonly penalty: number;
  /** Gradient norm at which the next inner run ends. */
  readonly innerTolerance: number;
  /** Largest size of the multipliers with which an iteration starts. */
  readonly multiplierBound: number;
}

/** Returns the state before the first iteration. @throws ConfigError or ShapeError if multipliers do not fit. */
export async function firstState<M, P, T, Z, G>(
  problem: ConstrainedProblem<M, P, T, Z, G>,
  seen: Objective<M, P, T>,
  terms: AugmentedTerms<M, P, T, Z, G>,
  x: P,
  { multipliers, penalty, tolerance }: AugmentedLagrangianSettings<M, P, T>,
): Promise<OuterState<M, P>> {
  const la = problem.manifold.algebra;
  const values = await terms.values(x);
  if (multipliers !== undefined) checkMultipliers(la, multipliers, values);
  const violation = await violationOf(la, values);
  const first = penalty ?? firstPenalty(await problem.cost(x, undefined), violation);
  const { gradientNorm } = await seen.evaluate(x, 0);
  return {
    x,
    multipliers: multipliers ?? (await terms.noMultipliers(x)),
    penalty: first,
    innerTolerance: Math.max(1e-2, tolerance),
    // Multipliers are in the units of the cost's gradient.
    multiplierBound: largestMultiplier * Math.max(1, gradientNorm),
  };
}

/** @throws ConfigError or ShapeError unless there is a multiplier for each constraint. */
function checkMultipliers<M>(la: LinearAlgebra<M>, multipliers: ConstraintArrays<M>, values: ConstraintArrays<M>): void {
  for (const kind of ['equality', 'inequality'] as const) {
    const [given, value] = [multipliers?.[kind], values[kind]];
    if (value === undefined) continue;
    if (!la.isArray(given))
      throw new ConfigError(
        `augmentedLagrangian: multipliers.${kind} must be an array, got ${describeValue(given)}; pass the multipliers of an earlier result`,
      );
    if (la.shape(given).join() !== la.shape(value).join())
      throw new ShapeError(
        `augmentedLagrangian: multipliers.${kind} must have the shape [${la.shape(value)}] of the constraints, got [${la.shape(given)}]; pass one number for each`,
      );
  }
}
