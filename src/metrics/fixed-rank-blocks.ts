/**
 * Tangent vectors of the rank-r matrices in blocks: the formulas on which every fixed-rank metric and retraction
 * builds.
 */
import { type Ambient, type AmbientFactors, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FixedRankPoint, FixedRankTangent } from './fixed-rank-metric.js';

/**
 * Returns W − Q QᵀW, the part of W orthogonal to the columns of Q.
 *
 * @param q - [.., m, r] with orthonormal columns.
 * @param w - [.., m, k].
 * @returns [.., m, k], in 4·m·r·k flops.
 */
export function orthogonalPart<M>(la: LinearAlgebra<M>, q: M, w: M): M {
  return la.subtract(w, la.matmul(q, la.matmul(q, w, { transposeA: true })));
}

/**
 * Returns the blocks of P_X(Z) from Z V and Zᵀ U: M = UᵀZV, Up = (I − UUᵀ)ZV, Vp = (I − VVᵀ)ZᵀU.
 *
 * @param zv - Z V, m×r.
 * @param ztu - ZᵀU, n×r.
 * @see Vandereycken 2013, equation 2.6.
 */
function tangentBlocks<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, zv: M, ztu: M): FixedRankTangent<M> {
  const core = la.matmul(x.U, zv, { transposeA: true });
  const Up = la.subtract(zv, la.matmul(x.U, core));
  const Vp = la.subtract(ztu, la.matmul(x.V, core, { transposeB: true }));
  return { M: core, Up, Vp };
}

/**
 * Returns the orthogonal projection of an ambient matrix onto the tangent space, using only Z·V and Zᵀ·U:
 *
 * $$ P_X(Z) = P_U Z P_V + (I-P_U)\,Z P_V + P_U Z\,(I-P_V). $$
 *
 * @param z - m×n in any form.
 */
export function projectAmbient<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, z: Ambient<M>): FixedRankTangent<M> {
  return tangentBlocks(la, x, applyAmbient(la, z, x.V), applyAmbientTranspose(la, z, x.U));
}

/**
 * Returns the blocks of L Vᵀ + U Rᵀ, a tangent vector for any L (m×r) and R (n×r): M = UᵀL + RᵀV, Up = (I − UUᵀ)L, Vp =
 * (I − VVᵀ)R.
 *
 * @returns the tangent vector, in 6(m + n)r² flops.
 */
export function tangentFromSides<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, left: M, right: M): FixedRankTangent<M> {
  return {
    M: la.add(la.matmul(x.U, left, { transposeA: true }), la.matmul(right, x.V, { transposeA: true })),
    Up: orthogonalPart(la, x.U, left),
    Vp: orthogonalPart(la, x.V, right),
  };
}

/** Removes from the blocks what is not tangent: Up ← (I − UUᵀ)Up, Vp ← (I − VVᵀ)Vp. */
export function cleanTangent<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M> {
  return { M: u.M, Up: orthogonalPart(la, x.U, u.Up), Vp: orthogonalPart(la, x.V, u.Vp) };
}

/** Returns ξ = left · rightᵀ with left = [U M + Up, U] (m×2r) and right = [V, Vp] (n×2r). */
export function tangentToAmbient<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, u: FixedRankTangent<M>): AmbientFactors<M> {
  const left = la.concat([la.add(la.matmul(x.U, u.M), u.Up), x.U], 'columns');
  return { kind: 'factored', left, right: la.concat([x.V, u.Vp], 'columns') };
}

/** Returns Y as an ambient matrix of factors (U S) · Vᵀ. */
function pointToAmbient<M>(la: LinearAlgebra<M>, y: FixedRankPoint<M>): AmbientFactors<M> {
  return { kind: 'factored', left: la.scaleColumns(y.U, y.S), right: y.V };
}

/** Returns P_X(Y − X), the inverse of the orthographic retraction. */
export function embeddedDifference<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>): FixedRankTangent<M> {
  const projected = projectAmbient(la, x, pointToAmbient(la, y));
  return { ...projected, M: la.subtract(projected.M, la.diagMatrix(x.S)) };
}
