/** Positive semidefinite matrices by factors, X = YYᵀ: their alignment over the orthogonal gauges YQ. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * Of all YQ, Q orthogonal, the one closest to X: Q is the orthogonal polar factor of YᵀX. The distance ‖YQ − X‖ is that of Bures and Wasserstein between XXᵀ and YYᵀ, and
 * keeps its digits where they are close: tr XXᵀ + tr YYᵀ − 2 tr(…)^½ cancels there.
 *
 * @param x - [.., n, r].
 * @param y - [.., n, r].
 * @returns YQ, [.., n, r]. 4nr² flops and one r×r SVD.
 * @see Bhatia, Jain and Lim, "On the Bures–Wasserstein distance between positive definite matrices", Expo. Math. 37, 2019, theorem 1.
 */
export function alignedFactor<M>(la: LinearAlgebra<M>, x: M, y: M): M {
  return la.matmul(y, la.polar(la.matmul(y, x, { transposeA: true })).Q);
}
