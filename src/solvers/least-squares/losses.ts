/** Robust losses of squared residuals, with two derivatives. */
import { log1p } from '../../linalg/hyperbolic-functions.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';

/** Names of the losses, as in SciPy's `least_squares`. */
export type RobustLoss = 'linear' | 'huber' | 'softL1' | 'cauchy' | 'arctan';

/** The names of the losses. */
export const robustLosses: readonly RobustLoss[] = ['linear', 'huber', 'softL1', 'cauchy', 'arctan'];

/** A loss ρ of z ≥ 0, entry by entry: it is z to first order at zero, and grows more slowly. */
export interface LossTerms<M> {
  /** ρ(z). */
  readonly value: M;
  /** ρ'(z) > 0. */
  readonly first: M;
  /** ρ''(z) ≤ 0. */
  readonly second: M;
}

/**
 * Computes a loss and its derivatives at z, entry by entry.
 *
 * | loss | ρ(z) |
 * | --- | --- |
 * | `'huber'` | z for z ≤ 1, else 2√z − 1 |
 * | `'softL1'` | 2(√(1 + z) − 1) |
 * | `'cauchy'` | ln(1 + z) |
 * | `'arctan'` | arctan z |
 *
 * @see Triggs, McLauchlan, Hartley and Fitzgibbon, "Bundle adjustment: a modern synthesis", 2000, section 4.3.
 */
export function lossTerms<M>(la: LinearAlgebra<M>, loss: Exclude<RobustLoss, 'linear'>, z: M): LossTerms<M> {
  const one = la.full(la.shape(z), 1);
  const inverse = (x: M): M => la.divide(one, x);
  if (loss === 'huber') {
    const outside = la.greater(z, 1);
    // Inside, the root of 1 keeps the branch that is not taken finite.
    const root = la.sqrt(la.maximum(z, 1));
    const first = inverse(root);
    const zero = la.full(la.shape(z), 0);
    return {
      value: la.where(outside, la.subtract(la.scale(2, root), one), z),
      first,
      second: la.where(outside, la.scale(-0.5, la.multiply(first, la.multiply(first, first))), zero),
    };
  }
  if (loss === 'arctan') {
    const first = inverse(la.axpy(1, one, la.multiply(z, z)));
    return { value: la.atan(z), first, second: la.scale(-2, la.multiply(z, la.multiply(first, first))) };
  }
  const shifted = la.add(one, z);
  if (loss === 'cauchy') {
    const first = inverse(shifted);
    return { value: log1p(la, z), first, second: la.scale(-1, la.multiply(first, first)) };
  }
  const root = la.sqrt(shifted);
  const first = inverse(root);
  return {
    // 2(√(1 + z) − 1), without cancellation for small z.
    value: la.divide(la.scale(2, z), la.add(root, one)),
    first,
    second: la.scale(-0.5, la.multiply(first, la.multiply(first, first))),
  };
}
