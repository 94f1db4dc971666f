/**
 * The Bures metric on the rank-r matrices: the geometry of balanced LoRA factors.
 *
 * ⟨ξ, ζ⟩_X = ⟨ξ, H_X⁻¹ ζ⟩ with H_X[W] = (XXᵀ)^½ W + W (XᵀX)^½; equally, the least ‖dA‖² + ‖dB‖² over dA·B + A·dB = ξ at
 * a balanced pair X = AB. With X = UΣVᵀ, H_X multiplies M_ij by σ_i + σ_j, and the columns of Up and Vp by σ_j.
 *
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */

import { axpyTree } from '../core/tree.js';
import { applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { outerSum } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { alignedDifference, type FactorPair } from './factor-pair.js';
import { projectAmbient, tangentFromSides } from './fixed-rank-blocks.js';
import type { FixedRankMetric, FixedRankPoint, FixedRankTangent } from './fixed-rank-metric.js';
import { divideByPairSums, inverseSpectrum } from './spectrum.js';

/**
 * Returns the hyper-balanced factors of a rank-r matrix, the balanced pair whose Grams are diagonal:
 *
 * $$ A = U\Sigma^{1/2}, \quad B = \Sigma^{1/2}V^\top, \qquad A^\top A = BB^\top = \Sigma. $$
 *
 * @param la - the engine of x.
 * @param x - `{ U, S, V }`, of shapes [.., m, r], [.., r], [.., n, r].
 * @returns new arrays A [.., m, r] and B [.., r, n], in (m + n)r flops.
 */
export function hyperBalancedFactors<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>): FactorPair<M> {
  const root = la.sqrt(x.S);
  return { A: la.scaleColumns(x.U, root), B: la.transpose(la.scaleColumns(x.V, root)) };
}

/**
 * Returns the Bures gradient from dU = GVΣ and dV = GᵀUΣ, in which it is linear: ΣUᵀGV + UᵀGVΣ = (VᵀdV)ᵀ + UᵀdU, Up =
 * (I−P_U)dU, Vp = (I−P_V)dV. The derivative by S adds nothing: it is the diagonal of UᵀGV.
 */
export function buresFromCoordinates<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, dU: M, dV: M): FixedRankTangent<M> {
  return tangentFromSides(la, x, dU, dV);
}

/** Applies H_X in blocks: M_ij times σ_i + σ_j, columns of Up and Vp times σ_j. */
function sharp<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M> {
  return {
    M: la.multiply(u.M, outerSum(la, x.S, x.S)),
    Up: la.scaleColumns(u.Up, x.S),
    Vp: la.scaleColumns(u.Vp, x.S),
  };
}

/**
 * Returns the Bures metric: the least ‖dA‖² + ‖dB‖² over dA·B + A·dB = ξ at a balanced pair X = AB, AᵀA = BBᵀ.
 *
 * $$ \langle\xi,\zeta\rangle_X = \langle\xi,H_X^{-1}\zeta\rangle, \qquad
 *    H_X[W] = (XX^\top)^{1/2}W + W(X^\top X)^{1/2} $$
 *
 * In the blocks of a tangent vector at X = UΣVᵀ:
 *
 * $$ \langle\xi,\zeta\rangle_X = \sum_{ij}\frac{M_{ij}M'_{ij}}{\sigma_i+\sigma_j}
 *    + \langle U_p\Sigma^{-1},U_p'\rangle + \langle V_p\Sigma^{-1},V_p'\rangle $$
 *
 * Its Riemannian gradient is $H_X[\nabla g(X)]$; with G = ∇g(X) its blocks are
 *
 * $$ M = \Sigma U^\top GV + U^\top GV\Sigma, \;\; U_p = (I-P_U)GV\Sigma, \;\; V_p = (I-P_V)G^\top U\Sigma. $$
 *
 * Its Riemannian Hessian along ξ, with $\dot G$ the derivative of G along ξ and $N_{ij}=M_{ij}/(\sigma_i+\sigma_j)$,
 * divides by no singular value:
 *
 * $$ \operatorname{Hess}g(X)[\xi] = H_X[P_X(\dot G)] + G\,(VN^\top\Sigma+V_p)V^\top + U(UN\Sigma+U_p)^\top G. $$
 *
 * Geodesics and distance have no closed form known to us, so `exp`, `log` and `dist` are absent.
 *
 * Singular values that are zero to rounding are not divided by. With {@link factored} the retraction is of second
 * order.
 *
 * @returns the metric, for {@link fixedRank}; {@link balancedFactors} is the same geometry in factors.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function bures(): FixedRankMetric {
  return {
    name: 'bures',
    sharp,
    flat(la, x, u) {
      const inverse = inverseSpectrum(la, x.S);
      return { M: divideByPairSums(la, u.M, x.S), Up: la.scaleColumns(u.Up, inverse), Vp: la.scaleColumns(u.Vp, inverse) };
    },
    fromCoordinates: buresFromCoordinates,
    // P_X(Y − X) in the embedding of balanced factors: dA·B + A·dB for the aligned difference; a vertical part (AK,
    // −KB) does not change it.
    difference(la, x, y) {
      const at = hyperBalancedFactors(la, x);
      const { dA, dB } = alignedDifference(la, at, hyperBalancedFactors(la, y));
      const root = la.sqrt(x.S);
      return tangentFromSides(la, x, la.scaleColumns(dA, root), la.scaleColumns(la.transpose(dB), root));
    },
    // The horizontal lift's factor Hessian, multiplied out: H_X[Ġ] + G dBᵀB + A dAᵀG, with dBᵀB = (VNᵀΣ + Vp)Vᵀ and A
    // dAᵀ = U(UNΣ + Up)ᵀ.
    ehessToRhess(la, x, egrad, ehess, u) {
      const flatPart = projectAmbient(la, x, ehess);
      const N = divideByPairSums(la, u.M, x.S);
      const left = applyAmbient(la, egrad, la.add(u.Vp, la.scaleColumns(la.matmul(x.V, N, { transposeB: true }), x.S)));
      const right = applyAmbientTranspose(la, egrad, la.add(u.Up, la.scaleColumns(la.matmul(x.U, N), x.S)));
      return axpyTree(la, 1, sharp(la, x, flatPart), tangentFromSides(la, x, left, right));
    },
  };
}
