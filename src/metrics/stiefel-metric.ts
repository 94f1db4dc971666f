/**
 * Metrics on matrices with orthonormal columns, as one family: of a tangent U = XA + K, XᵀK = 0, the skew-symmetric A
 * counts β times, ⟨U, V⟩ = β tr(AᵀA') + tr(KᵀK'). β = 1 is the Euclidean metric, β = ½ the canonical one. Every formula
 * here holds for every β > 0.
 *
 * @see Hüper, Markina and Silva Leite, "A Lagrangian approach to extremal curves on Stiefel manifolds", J. Geom. Mech.
 * 13(1), 2021; Mataigne, Zimmermann and Miolane, "An efficient algorithm for the Riemannian logarithm on the Stiefel
 * manifold for a family of Riemannian metrics", SIAM J. Matrix Anal. Appl. 46(2), 2025.
 */
import { jointInner } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import type { NumberOf } from '../linalg/number-of.js';
import { skewPart } from './orthogonal-functions.js';

/** A metric on matrices with orthonormal columns, for `stiefel`. */
export interface StiefelMetric {
  /** Name of the metric, as shown by manifolds, and in `secondOrderFor` of retractions. */
  readonly name: string;
  /**
   * The weight β > 0 of the rotation XᵀU within the columns, beside the weight 1 of what leaves their span:
   * $\langle U,V\rangle_X = \operatorname{tr}(U^\top V)-(1-\beta)\operatorname{tr}(U^\top XX^\top V)$.
   */
  readonly beta: number;
}

/** Returns ⟨U, V⟩_X, summed over the batch. */
export function stiefelInner<M>(la: LinearAlgebra<M>, { beta }: StiefelMetric, x: M, u: M, v: M): NumberOf<M> {
  if (beta === 1) return la.inner(u, v);
  const turned = la.scale(beta - 1, la.matmul(x, u, { transposeA: true }));
  return jointInner(la, [
    [u, v],
    [turned, la.matmul(x, v, { transposeA: true })],
  ]);
}

/** Returns the tangent U with ⟨U, V⟩_X = tr(EᵀV) for all tangents V: β⁻¹ X skew(XᵀE) + (I − XXᵀ)E. */
export function stiefelSharp<M>(la: LinearAlgebra<M>, { beta }: StiefelMetric, x: M, e: M): M {
  const cross = la.matmul(x, e, { transposeA: true });
  const normal = beta === 1 ? symmetricPart(la, cross) : la.subtract(cross, la.scale(1 / beta, skewPart(la, cross)));
  return la.subtract(e, la.matmul(x, normal));
}

/**
 * Converts a Euclidean Hessian to a Riemannian one. *Here:* from the second derivative of a geodesic, X(A² − KᵀK) + 2(1
 * − β)KA, polarized, with G the Euclidean gradient and H its derivative along U:
 *
 * $$ \operatorname{sharp}\bigl(H-U\operatorname{sym}(X^\top G)+(1-\beta)(XK^\top G+(I-XX^\top)G\,U^\top X)\bigr). $$
 *
 * @see Boumal 2023, equation 7.28, for β = 1; Edelman, Arias and Smith 1998, equation 2.57, for β = ½.
 */
export function stiefelHessian<M>(la: LinearAlgebra<M>, metric: StiefelMetric, x: M, egrad: M, ehess: M, u: M): M {
  const cross = la.matmul(x, egrad, { transposeA: true });
  const bent = la.subtract(ehess, la.matmul(u, symmetricPart(la, cross)));
  if (metric.beta === 1) return stiefelSharp(la, metric, x, bent);
  const turn = la.matmul(x, u, { transposeA: true });
  const leaving = la.subtract(u, la.matmul(x, turn));
  const across = la.subtract(egrad, la.matmul(x, cross));
  const within = la.matmul(x, la.matmul(leaving, egrad, { transposeA: true }));
  return stiefelSharp(la, metric, x, la.axpy(1 - metric.beta, la.add(within, la.matmul(across, turn, { transposeB: true })), bent));
}

/**
 * Returns a tangent at X that agrees with Log_X(Y) to second order: D − (1 − β)KA of the projection D = XA + K of Y −
 * X, since geodesics bend by 2(1 − β)KA within the tangent space.
 */
export function stiefelDifference<M>(la: LinearAlgebra<M>, { beta }: StiefelMetric, x: M, projected: M): M {
  if (beta === 1) return projected;
  const turn = la.matmul(x, projected, { transposeA: true });
  const leaving = la.subtract(projected, la.matmul(x, turn));
  return la.axpy(beta - 1, la.matmul(leaving, turn), projected);
}
