/**
 * The preconditioned metric of Mishra et al. on the rank-r matrices, in the blocks of a tangent vector.
 */
import { embeddedDifference } from './fixed-rank-blocks.js';
import type { FixedRankMetric } from './fixed-rank-metric.js';

/**
 * The quotient metric ⟨dA (BBᵀ), dA'⟩ + ⟨(AᵀA) dB, dB'⟩ on horizontal pairs, as a metric on matrices.
 *
 * $$ \langle\xi,\zeta\rangle_X = \tfrac12\langle M,M'\rangle + \langle U_p,U_p'\rangle + \langle V_p,V_p'\rangle $$
 *
 * Its gradient is what the preconditioned factor gradient (∇_A (BBᵀ)⁻¹, (AᵀA)⁻¹∇_B) moves X = AB by:
 *
 * $$ \operatorname{grad} f(X) = P_U G + G P_V, \qquad G = \nabla g(X). $$
 *
 * The weights ½, 1, 1 follow from the horizontal lift of ξ:
 *
 * $$ dA = (I-\tfrac12 P_U)\,\xi\,B^\top(BB^\top)^{-1}, \qquad dB = (A^\top A)^{-1}A^\top\,\xi\,(I-\tfrac12 P_V). $$
 *
 * `difference` is of first order: the geodesics of this metric are not those of the embedding.
 *
 * @returns the metric, for {@link fixedRank}; {@link quotientFactors} is the same geometry in factors.
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
