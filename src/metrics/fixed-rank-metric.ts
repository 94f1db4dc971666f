/**
 * What a metric is to `fixedRank`: an operator on tangent vectors, written in the blocks of their representation. One file a metric;
 * the manifold derives inner products, norms and gradients from `flat` and `sharp`.
 */

import type { Ambient } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** A matrix of rank r: X = U diag(S) Vᵀ. */
export type FixedRankPoint<M> = {
  /** m×r with orthonormal columns. */
  readonly U: M;
  /** The r singular values, in descending order. */
  readonly S: M;
  /** n×r with orthonormal columns. */
  readonly V: M;
};

/**
 * A tangent vector ξ = U M Vᵀ + Up Vᵀ + U Vpᵀ at U diag(S) Vᵀ.
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

/** A Riemannian metric ⟨ξ, ζ⟩_X = ⟨ξ, H_X⁻¹ ζ⟩ on the matrices of rank r. */
export interface FixedRankMetric {
  /** The metric's name: a retraction says by it for which metrics it is of second order. */
  readonly name: string;
  /** H_X: turns the embedded gradient into this metric's gradient. O((m+n)r). */
  sharp<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M>;
  /** H_X⁻¹: ⟨u, v⟩_X is the blockwise inner product of u with flat(v). O((m+n)r). */
  flat<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M>;
  /** A tangent at x that leads to y, agreeing with the logarithm of this metric to second order, or to first where no such chart is known. */
  difference<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>): FixedRankTangent<M>;
  /** The Riemannian Hessian along u from the Euclidean gradient and the Euclidean Hessian along ξ. */
  ehessToRhess?<M>(
    la: LinearAlgebra<M>,
    x: FixedRankPoint<M>,
    egrad: Ambient<M>,
    ehess: Ambient<M>,
    u: FixedRankTangent<M>,
  ): FixedRankTangent<M>;
}
