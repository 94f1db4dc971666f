/**
 * Interface of a metric for `fixedRank`: an operator on tangent vectors, in the blocks of their representation. Each
 * metric has its own file; the manifold derives inner products, norms and gradients from `flat` and `sharp`.
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
 * A Riemannian metric on the matrices of rank r, by its operator H_X on tangent vectors; {@link fixedRank} derives
 * inner products, norms and gradients from it.
 *
 * $$ \langle\xi,\zeta\rangle_X = \langle\xi,H_X^{-1}\zeta\rangle, \qquad \operatorname{grad} f(X) = H_X[P_X(\nabla g(X))] $$
 */
export interface FixedRankMetric {
  /** Name of the metric, by which a retraction declares for which metrics it is of second order. */
  readonly name: string;
  /** Applies H_X, which turns the embedded gradient into this metric's gradient, in O((m+n)r) flops. */
  sharp<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M>;
  /** Applies H_X⁻¹: ⟨u, v⟩_X is the blockwise inner product of u with flat(v). It takes O((m+n)r) flops. */
  flat<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M>;
  /**
   * Returns a tangent at x that leads to y and agrees with the logarithm of this metric to second order, or to first if
   * no such chart is known.
   */
  difference<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>): FixedRankTangent<M>;
  /** Names of retractions of second order for this metric, besides those that declare it themselves. */
  readonly secondOrderRetractions?: readonly string[];
  /**
   * Returns the gradient from the derivatives by U and V, if the metric has a formula that does not divide by singular
   * values.
   */
  fromCoordinates?<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, dU: M, dV: M): FixedRankTangent<M>;
  /** Returns the Riemannian Hessian along u from the Euclidean gradient and the Euclidean Hessian along ξ. */
  ehessToRhess?<M>(
    la: LinearAlgebra<M>,
    x: FixedRankPoint<M>,
    egrad: Ambient<M>,
    ehess: Ambient<M>,
    u: FixedRankTangent<M>,
  ): FixedRankTangent<M>;
}
