/** Positive semidefinite matrices by factors, X = YYᵀ: their alignment over the orthogonal gauges YQ, and the mean that it leads to. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { type Barycenter, type BarycenterSettings, iterateMean, weightedSum } from './barycenter.js';

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

/**
 * The Bures–Wasserstein barycenter of matrices of one rank, by factors: Y ← Σ wᵢYᵢQᵢ with each Yᵢ aligned to Y. In the matrices this is the fixed-point iteration
 * S ← S^-½(Σ wᵢ(S^½AᵢS^½)^½)²S^-½, a step of gradient descent of length 1, which lowers the variance every time; no root or inverse of S is formed here.
 *
 * @param factors - [.., n, r] each.
 * @param start - where to begin.
 * @see Álvarez-Esteban, del Barrio, Cuesta-Albertos and Matrán, "A fixed-point approach to barycenters in Wasserstein space", J. Math. Anal. Appl. 441, 2016, theorem 4.2.
 */
export function factorBarycenter<M>(
  la: LinearAlgebra<M>,
  factors: readonly M[],
  start: M,
  settings: BarycenterSettings,
): Promise<Barycenter<M>> {
  return iterateMean(la, start, settings, async (y) => {
    const aligned = factors.map((factor) => alignedFactor(la, y, factor));
    const next = weightedSum(la, settings.weights, aligned);
    return { next, step: (await la.norm(la.subtract(next, y))) / (await la.norm(next)) };
  });
}
