import { applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import { embeddedDifference, tangentFromSides } from './fixed-rank-blocks.js';
import type { FixedRankMetric } from './fixed-rank-metric.js';
import { inverseSpectrum } from './spectrum.js';

/**
 * Returns the quotient metric, the preconditioned metric ⟨dA (BBᵀ), dA'⟩ + ⟨(AᵀA) dB, dB'⟩ of Mishra et al. on
 * horizontal pairs, as a metric on matrices.
 *
 * $$ \langle\xi,\zeta\rangle_X = \tfrac12\langle M,M'\rangle + \langle U_p,U_p'\rangle + \langle V_p,V_p'\rangle $$
 *
 * Its gradient is the change of X = AB along the preconditioned factor gradient (∇_A (BBᵀ)⁻¹, (AᵀA)⁻¹∇_B):
 *
 * $$ \operatorname{grad} f(X) = P_U G + G P_V, \qquad G = \nabla g(X). $$
 *
 * The weights ½, 1, 1 follow from the horizontal lift of ξ:
 *
 * $$ dA = (I-\tfrac12 P_U)\,\xi\,B^\top(BB^\top)^{-1}, \qquad dB = (A^\top A)^{-1}A^\top\,\xi\,(I-\tfrac12 P_V). $$
 *
 * Its Riemannian Hessian along ξ is $LV^\top+UR^\top$ with $G$, its derivative $\dot G$ along ξ, $F=U^\top GV$ and
 * $\operatorname{sym}W=\tfrac12(W+W^\top)$:
 *
 * $$ L = \dot GV+\tfrac14GV(M^\top\Sigma^{-1}-\Sigma^{-1}M)+GV_p\Sigma^{-1}+\tfrac12(\tfrac12UM+U_p)(\Sigma^{-1}F+F^\top\Sigma^{-1})
 *    -U\operatorname{sym}(\tfrac12MF^\top+V_p^\top G^\top U)\Sigma^{-1}, $$
 *
 * and R is the same for the transposes ($G^\top$, $M^\top$, $F^\top$; U and V exchanged).
 *
 * `difference` is of first order: the geodesics of this metric are not those of the embedding.
 *
 * @returns the metric, for {@link fixedRank}; {@link quotientFactors} is the same geometry in factors.
 * @see Mishra, Adithya Apuroop and Sepulchre, "A Riemannian geometry for low-rank matrix completion", arXiv
 * 1211.1550, 2012.
 */
export function quotient(): FixedRankMetric {
  return {
    name: 'quotient',
    sharp: (la, _x, u) => ({ ...u, M: la.scale(2, u.M) }),
    flat: (la, _x, u) => ({ ...u, M: la.scale(0.5, u.M) }),
    difference: embeddedDifference,
    ehessToRhess(la, x, egrad, ehess, u) {
      const { M, Up, Vp } = u;
      const inverse = inverseSpectrum(la, x.S);
      const rank = la.shape(x.S).at(-1) as number;
      const ofRight = applyAmbient(la, egrad, la.concat([x.V, Vp], 'columns'));
      const ofLeft = applyAmbientTranspose(la, egrad, la.concat([x.U, Up], 'columns'));
      const [own, across] = [{ columns: [0, rank] as const }, { columns: [rank, 2 * rank] as const }];
      const gV = la.slice(ofRight, own);
      const gtU = la.slice(ofLeft, own);
      const F = la.matmul(x.U, gV, { transposeA: true });
      const [Mt, Ft] = [la.transpose(M), la.transpose(F)];
      const left = hessianSide(la, { Q: x.U, inverse, M, Mt, F, Ft, P: Up, g: gV, gAcross: la.slice(ofRight, across) });
      const right = hessianSide(la, { Q: x.V, inverse, M: Mt, Mt: M, F: Ft, Ft: F, P: Vp, g: gtU, gAcross: la.slice(ofLeft, across) });
      return tangentFromSides(la, x, la.add(applyAmbient(la, ehess, x.V), left), la.add(applyAmbientTranspose(la, ehess, x.U), right));
    },
  };
}

/** Blocks for one side of the Hessian. */
interface HessianSide<M> {
  /** Singular vectors of this side. */
  readonly Q: M;
  /** Part of the tangent orthogonal to them. */
  readonly P: M;
  /** Inverse singular values. */
  readonly inverse: M;
  readonly M: M;
  readonly Mt: M;
  readonly F: M;
  readonly Ft: M;
  /** Gradient times the other side's singular vectors. */
  readonly g: M;
  /** Gradient times the other side's orthogonal part. */
  readonly gAcross: M;
}

/** Returns L − ĠV, in the notation of {@link quotient}. */
function hessianSide<M>(la: LinearAlgebra<M>, { Q, P, inverse, M, Mt, F, Ft, g, gAcross }: HessianSide<M>): M {
  const turned = la.subtract(la.scaleColumns(Mt, inverse), la.scaleRows(inverse, M));
  const weights = la.add(la.scaleRows(inverse, F), la.scaleColumns(Ft, inverse));
  const half = la.axpy(0.5, la.matmul(Q, M), P);
  const pairing = la.axpy(0.5, la.matmul(M, Ft), la.matmul(gAcross, Q, { transposeA: true }));
  const fromGradient = la.axpy(0.25, la.matmul(g, turned), la.scaleColumns(gAcross, inverse));
  const fromTangent = la.axpy(0.5, la.matmul(half, weights), fromGradient);
  return la.subtract(fromTangent, la.matmul(Q, la.scaleColumns(symmetricPart(la, pairing), inverse)));
}
