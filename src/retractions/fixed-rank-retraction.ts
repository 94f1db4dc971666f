/** Interface of a retraction for `fixedRank`. Each retraction has its own file. */

import '../linalg/host/whole-engine.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import { inverseSpectrum } from '../metrics/spectrum.js';

/**
 * A map from tangent vectors back to the matrices of rank r.
 *
 * $$ R_X(0) = X, \qquad \tfrac{d}{dt}R_X(t\xi)\big|_{t=0} = \xi $$
 *
 * @see Absil and Oseledets, "Low-rank retractions: a survey and new results", Comput. Optim. Appl. 62, 2015.
 */
export interface FixedRankRetraction {
  /** Name of the retraction, as shown by manifolds. */
  readonly name: string;
  /**
   * Names of the metrics for whose geodesics this retraction is correct to second order; to first order it is for all.
   */
  readonly secondOrderFor: readonly string[];
  /** Returns R_X(t ξ). */
  retract<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>, t: number): FixedRankPoint<M>;
  /** Returns L and R of Q = L Rᵀ in R_X(tξ) = X + tξ + t²Q + O(t³). */
  bend<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FactoredMatrix<M>;
  /** Returns ξ with R_X(ξ) = Y, if it has a closed form. */
  inverse?<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>): FixedRankTangent<M>;
}

/**
 * Returns the second-order term Up Σ⁻¹ Vpᵀ of the retractions that project in the embedding.
 *
 * @see Absil and Malick, "Projection-like retractions on matrix manifolds", SIAM J. Optim. 22(1), 2012, section 4.
 */
export function projectionBend<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FactoredMatrix<M> {
  return { left: la.scaleColumns(u.Up, inverseSpectrum(la, x.S)), right: u.Vp };
}

/**
 * Returns the singular value decomposition, to rank r, of a product of thin factors L K Rᵀ, by thin QR of L and R and
 * the SVD of the small core.
 *
 * QR of the whole of L and R rather than of their parts keeps the result orthonormal when the parts are nearly
 * dependent.
 *
 * @param left - L, m×p.
 * @param core - K, p×q; the identity if undefined.
 * @param right - R, n×q.
 * @param rank - r ≤ min(p, q).
 * @returns the point of rank r nearest to L K Rᵀ, in O((m+n)p² + p³) flops.
 */
export function truncatedProduct<M>(la: LinearAlgebra<M>, left: M, core: M | undefined, right: M, rank: number): FixedRankPoint<M> {
  const { Q: leftBasis, R: leftFactor } = la.qr(left);
  const { Q: rightBasis, R: rightFactor } = la.qr(right);
  const inner = core === undefined ? leftFactor : la.matmul(leftFactor, core);
  const { U, S, V } = la.svd(la.matmul(inner, rightFactor, { transposeB: true }));
  const keep = { columns: [0, rank] as const };
  const spectrum = la.shape(S);
  const asRow = la.reshape(S, [...spectrum.slice(0, -1), 1, spectrum.at(-1) as number]);
  return {
    U: la.matmul(leftBasis, la.slice(U, keep)),
    S: la.reshape(la.slice(asRow, keep), [...spectrum.slice(0, -1), rank]),
    V: la.matmul(rightBasis, la.slice(V, keep)),
  };
}
