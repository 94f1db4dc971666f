/**
 * What a metric is to `fixedRank`: an operator on tangent vectors, written in the blocks of their representation. One file a metric;
 * the manifold derives inner products, norms and gradients from `flat` and `sharp`.
 */

import type { Ambient } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * A matrix of rank r, by its thin singular value decomposition; a batch has leading axes in each array.
 *
 * $$ X = U\operatorname{diag}(S)V^\top $$
 */
export type FixedRankPoint<M> = {
  /** m×r with orthonormal columns. */
  readonly U: M;
  /** The r singular values, in descending order. */
  readonly S: M;
  /** n×r with orthonormal columns. */
  readonly V: M;
};

/**
 * A tangent vector at X = U diag(S) Vᵀ, in blocks; (m + n + r)r numbers for r(m + n − r) dimensions.
 *
 * $$ \xi = UMV^\top + U_pV^\top + UV_p^\top, \qquad U^\top U_p = 0, \quad V^\top V_p = 0 $$
 *
 * @see Vandereycken, "Low-rank matrix completion by Riemannian optimization", SIAM J. Optim. 23(2), 2013, equation 2.5.
 */
export type FixedRankTangent<M> = {
  /** r×r. */
  readonly M: M;
  /** m×r with Uᵀ Up = 0. */
  readonly Up: M;
  /** n×r with Vᵀ Vp = 0. */
  readonly Vp: M;
};

/**
 * A Riemannian metric on the matrices of rank r, by its operator H_X on tangent vectors; {@link fixedRank} derives inner products, norms and gradients from it.
 *
 * $$ \langle\xi,\zeta\rangle_X = \langle\xi,H_X^{-1}\zeta\rangle, \qquad \operatorname{grad} f(X) = H_X[P_X(\nabla g(X))] $$
 */
export interface FixedRankMetric {
  /** The metric's name: a retraction says by it for which metrics it is of second order. */
  readonly name: string;
  /** H_X: turns the embedded gradient into this metric's gradient. O((m+n)r). */
  sharp<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M>;
  /** H_X⁻¹: ⟨u, v⟩_X is the blockwise inner product of u with flat(v). O((m+n)r). */
  flat<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M>;
  /** A tangent at x that leads to y, agreeing with the logarithm of this metric to second order, or to first where no such chart is known. */
  difference<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>): FixedRankTangent<M>;
  /** Retractions (by name) that are of second order for this metric, besides those that say so themselves. */
  readonly secondOrderRetractions?: readonly string[];
  /** The gradient from the derivatives by U and V, where the metric has a formula that does not divide by singular values. */
  fromCoordinates?<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, dU: M, dV: M): FixedRankTangent<M>;
  /** The Riemannian Hessian along u from the Euclidean gradient and the Euclidean Hessian along ξ. */
  ehessToRhess?<M>(
    la: LinearAlgebra<M>,
    x: FixedRankPoint<M>,
    egrad: Ambient<M>,
    ehess: Ambient<M>,
    u: FixedRankTangent<M>,
  ): FixedRankTangent<M>;
}
