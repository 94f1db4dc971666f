import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { polar } from '../linalg/matrix-functions.js';

/**
 * Returns the YQ, Q orthogonal, that is closest to X: Q is the orthogonal polar factor of YᵀX. The distance ‖YQ − X‖ is
 * that of Bures and Wasserstein between XXᵀ and YYᵀ. It keeps its digits if they are close, where tr XXᵀ + tr YYᵀ − 2
 * tr(…)^½ cancels.
 *
 * @param x - [.., n, r].
 * @param y - [.., n, r].
 * @returns YQ, [.., n, r], in 4nr² flops and one r×r SVD.
 * @see Bhatia, Jain and Lim, "On the Bures–Wasserstein distance between positive definite matrices", Expo. Math. 37,
 * 2019, theorem 1.
 */
export function alignedFactor<M>(la: LinearAlgebra<M>, x: M, y: M): M {
  return la.matmul(y, polar(la, la.matmul(y, x, { transposeA: true })).Q);
}
