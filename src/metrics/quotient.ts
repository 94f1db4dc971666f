/**
 * The preconditioned metric of Mishra et al. on the rank-r matrices, in the blocks of a tangent vector.
 */
import { embeddedDifference } from './fixed-rank-blocks.js';
import type { FixedRankMetric } from './fixed-rank-metric.js';

/**
 * The quotient metric ⟨dA (BBᵀ), dA⟩ + ⟨(AᵀA) dB, dB⟩ on horizontal pairs, as a metric on matrices: ⟨ξ, ζ⟩ = ½⟨M, M'⟩ + ⟨Up, Up'⟩ + ⟨Vp, Vp'⟩.
 *
 * Its gradient P_U G + G P_V is what the preconditioned factor gradient (∇_A (BBᵀ)⁻¹, (AᵀA)⁻¹∇_B) moves X = AB by; the
 * horizontal lift of ξ is dA = (I − ½P_U) ξ Bᵀ(BBᵀ)⁻¹, dB = (AᵀA)⁻¹Aᵀ ξ (I − ½P_V), from which the weights ½, 1, 1 follow.
 * `difference` is of first order: the geodesics of this metric are not those of the embedding.
 *
 * @see Mishra, Adithya Apuroop and Sepulchre, "A Riemannian geometry for low-rank matrix completion", arXiv 1211.1550, 2012.
 */
export function quotient(): FixedRankMetric {
  return {
    name: 'quotient',
    sharp: (la, _x, u) => ({ ...u, M: la.scale(2, u.M) }),
    flat: (la, _x, u) => ({ ...u, M: la.scale(0.5, u.M) }),
    difference: embeddedDifference,
  };
}
