/** The penalty of the augmented Lagrangian: where it starts, and when growing it no longer helps. */
import { minimum } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { ConstraintArrays } from './constrained-problem.js';
import type { ConstrainedIteration } from './constrained-result.js';

/**
 * Returns the first penalty, which makes violation and cost about equally large.
 *
 * @see Birgin and Martínez, Practical Augmented Lagrangian Methods, 2014, equation 12.1.
 */
export function firstPenalty(cost: number, violation: number): number {
  return Math.min(10, Math.max(1e-6, (10 * Math.max(1, Math.abs(cost))) / Math.max(1, 0.5 * violation ** 2)));
}

/**
 * The multipliers with which an iteration starts are bounded by this, in units of the gradient norm of the cost, so
 * that those of an infeasible problem are.
 */
export const largestMultiplier = 1e8;

/** Returns multipliers between −bound and bound. */
export function safeguarded<M>(la: LinearAlgebra<M>, { equality, inequality }: ConstraintArrays<M>, bound: number): ConstraintArrays<M> {
  const below = (x: M): M => minimum(la, x, la.full(la.shape(x), bound));
  return {
    ...(equality !== undefined && { equality: la.maximum(below(equality), -bound) }),
    ...(inequality !== undefined && { inequality: below(inequality) }),
  };
}

/** Number of penalties, each larger than the last, over which the violation must have fallen. */
const patience = 8;

/** The violation counts as stuck if it is above this share of what it was. */
const stuckShare = 0.9;

/** The gradient of the violation vanishes if it is below this share of what it was. */
const levelShare = 0.25;

/**
 * Returns, in words, that the constraints cannot be met near the last point: the penalty grew again and again, and the
 * violation stayed, while its gradient vanished. Where the gradient is as steep as before, the cost is so large that
 * the penalty has yet to outgrow it.
 *
 * @param slopes - gradient norms of the violation, one for each iteration.
 */
export function unmetReason(history: readonly ConstrainedIteration[], slopes: readonly number[], tolerance: number): string | undefined {
  const [now, then] = [history[history.length - 1], history.at(-1 - patience)];
  if (then === undefined || slopes[slopes.length - 1] > levelShare * slopes[slopes.length - 1 - patience]) return undefined;
  const violation = ({ equality, inequality }: ConstrainedIteration): number => Math.hypot(equality, inequality);
  const recent = history.slice(-patience);
  const grew = recent.every(({ penalty }, k) => penalty > (recent[k - 1] ?? then).penalty);
  if (!grew || violation(now) <= tolerance || violation(now) < stuckShare * violation(then)) return undefined;
  return (
    `the constraints cannot be met near this point: their violation stays at ${violation(now).toExponential(2)} ` +
    `while the penalty grew from ${then.penalty.toExponential(1)} to ${now.penalty.toExponential(1)}; ` +
    'they may contradict one another: leave some out, or start elsewhere'
  );
}
