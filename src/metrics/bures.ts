/**
 * The Bures metric on the rank-r matrices: the geometry of balanced LoRA factors.
 *
 * ⟨ξ, ζ⟩_X = ⟨ξ, H_X⁻¹ ζ⟩ with H_X[W] = (XXᵀ)^½ W + W (XᵀX)^½; equally, the least ‖dA‖² + ‖dB‖² over dA·B + A·dB = ξ at a
 * balanced pair X = AB. With X = UΣVᵀ, H_X multiplies M_ij by σ_i + σ_j, and the columns of Up and Vp by σ_j.
 *
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */

import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { alignedDifference, type FactorPair } from './factor-pair.js';
import { orthogonalPart } from './fixed-rank-blocks.js';
import type { FixedRankMetric, FixedRankPoint } from './fixed-rank-metric.js';
import { divideByPairSums, inverseSpectrum } from './spectrum.js';

/** The hyper-balanced factors A = U Σ^½ (m×r), B = Σ^½ Vᵀ (r×n) of a rank-r matrix: AᵀA = BBᵀ = Σ. */
export function hyperBalancedFactors<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>): FactorPair<M> {
  const root = la.sqrt(x.S);
  return { A: la.scaleColumns(x.U, root), B: la.transpose(la.scaleColumns(x.V, root)) };
}

/**
 * The Bures metric: ⟨ξ, ζ⟩ = Σ_ij M_ij M'_ij/(σ_i + σ_j) + ⟨Up Σ⁻¹, Up'⟩ + ⟨Vp Σ⁻¹, Vp'⟩.
 *
 * Its Riemannian gradient is H_X[∇g(X)], with blocks M = ΣUᵀGV + UᵀGVΣ, Up = (I−P_U)GVΣ, Vp = (I−P_V)GᵀUΣ.
 */
export function bures(): FixedRankMetric {
  return {
    name: 'bures',
    sharp: (la, x, u) => ({
      M: la.multiply(u.M, la.outerSum(x.S, x.S)),
      Up: la.scaleColumns(u.Up, x.S),
      Vp: la.scaleColumns(u.Vp, x.S),
    }),
    flat(la, x, u) {
      const inverse = inverseSpectrum(la, x.S);
      return { M: divideByPairSums(la, u.M, x.S), Up: la.scaleColumns(u.Up, inverse), Vp: la.scaleColumns(u.Vp, inverse) };
    },
    // P_X(Y − X) in the embedding of balanced factors: dA·B + A·dB for the aligned difference, which no vertical part (AK, −KB) changes.
    difference(la, x, y) {
      const at = hyperBalancedFactors(la, x);
      const { dA, dB } = alignedDifference(la, at, hyperBalancedFactors(la, y));
      const root = la.sqrt(x.S);
      const fromA = la.scaleColumns(dA, root);
      const fromB = la.scaleColumns(la.transpose(dB), root);
      return {
        M: la.add(la.matmul(x.U, fromA, { transposeA: true }), la.matmul(fromB, x.V, { transposeA: true })),
        Up: orthogonalPart(la, x.U, fromA),
        Vp: orthogonalPart(la, x.V, fromB),
      };
    },
  };
}
