import '../linalg/host/whole-engine.js';
import { NumericalError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { orthogonalPart } from '../metrics/fixed-rank-blocks.js';
import type { FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import { type FixedRankRetraction, projectionBend, truncatedProduct } from './fixed-rank-retraction.js';

/**
 * Returns the projection retraction: the best rank-r approximation of X + tξ in Frobenius norm. It is of second order
 * for {@link embedded}.
 *
 * $$ R_X(t\xi) = \operatorname*{arg\,min}_{\operatorname{rank} Y=r}\|X+t\xi-Y\|_F $$
 *
 * $$ X+t\xi = \begin{bmatrix}U&U_p\end{bmatrix}
 *    \begin{bmatrix}\Sigma+tM&tI\\tI&0\end{bmatrix}
 *    \begin{bmatrix}V&V_p\end{bmatrix}^\top $$
 *
 * Its inverse is closed (*here*): X + ξ − Y is normal at Y, which is a linear system for ξ,
 *
 * $$ U_Y^\top\xi = U_Y^\top(Y-X), \qquad \xi V_Y = (Y-X)V_Y. $$
 *
 * @returns the retraction, for {@link fixedRank}, whose default it is. A step costs O((m+n)r² + r³) flops: two thin QRs
 * of 2r columns and one 2r×2r SVD.
 * @see Vandereycken 2013, algorithm 6; Absil and Malick, "Projection-like retractions on matrix manifolds", SIAM J.
 * Optim. 22(1), 2012.
 */
export function truncatedSvd(): FixedRankRetraction {
  return {
    name: 'truncatedSvd',
    secondOrderFor: ['embedded'],
    bend: projectionBend,
    inverse,
    retract(la, x, u, t) {
      const shape = la.shape(x.S);
      const rank = shape.at(-1) as number;
      const off = la.scale(t, eye(la, rank, shape.slice(0, -1)));
      const top = la.concat([la.axpy(t, u.M, la.diagMatrix(x.S)), off], 'columns');
      const bottom = la.concat([off, la.full(la.shape(off), 0)], 'columns');
      const core = la.concat([top, bottom], 'rows');
      return truncatedProduct(la, la.concat([x.U, u.Up], 'columns'), core, la.concat([x.V, u.Vp], 'columns'), rank);
    },
  };
}

/**
 * Returns ξ with (Y − X − ξ) normal at Y: its blocks are Up = (I − P_U)DV_Y a⁻¹, Vp = (I − P_V)DᵀU_Y b⁻ᵀ and M =
 * b⁻¹(U_YᵀDV_Y − U_YᵀUp a)a⁻¹ − VpᵀV_Y a⁻¹, with D = Y − X, a = VᵀV_Y, b = U_YᵀU.
 *
 * @throws NumericalError if Y is not the best approximation of X + ξ.
 */
function inverse<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>): FixedRankTangent<M> {
  const a = la.matmul(x.V, y.V, { transposeA: true });
  const b = la.matmul(x.U, y.U, { transposeA: true });
  const [overA, overB] = [divisionBy(la, a), divisionBy(la, b)];
  // DV_Y and DᵀU_Y.
  const right = la.subtract(la.scaleColumns(y.U, y.S), la.matmul(x.U, la.scaleRows(x.S, a)));
  const left = la.subtract(la.scaleColumns(y.V, y.S), la.matmul(x.V, la.scaleRows(x.S, b)));
  const Up = overA(orthogonalPart(la, x.U, right));
  const Vp = overB(orthogonalPart(la, x.V, left));
  const rest = la.subtract(la.matmul(y.U, right, { transposeA: true }), la.matmul(la.matmul(y.U, Up, { transposeA: true }), a));
  const core = la.transpose(overB(la.transpose(overA(rest))));
  const xi = { M: la.subtract(core, overA(la.matmul(Vp, y.V, { transposeA: true }))), Up, Vp };
  checkNearest(la, x, y, xi);
  return xi;
}

/** Returns z ↦ z c⁻¹. */
function divisionBy<M>(la: LinearAlgebra<M>, c: M): (z: M) => M {
  const { Q, R } = la.qr(c);
  if (la.peek(la.diag(R))?.some((entry) => entry <= la.epsilon)) throw unreachable();
  return (z) => la.matmul(la.solveTriangular(R, z, { lower: false, side: 'right' }), Q, { transposeB: true });
}

/** @throws NumericalError unless the largest singular value of X + ξ − Y is below the least of Y. */
function checkNearest<M>(la: LinearAlgebra<M>, x: FixedRankPoint<M>, y: FixedRankPoint<M>, xi: FixedRankTangent<M>): void {
  const base = la.add(la.matmul(x.U, la.add(la.diagMatrix(x.S), xi.M)), xi.Up);
  const left = la.qr(orthogonalPart(la, y.U, la.concat([base, x.U], 'columns'))).R;
  const right = la.qr(orthogonalPart(la, y.V, la.concat([x.V, xi.Vp], 'columns'))).R;
  const [normal, kept] = [la.peek(la.svd(la.matmul(left, right, { transposeB: true })).S), la.peek(y.S)];
  if (normal === undefined || kept === undefined) return;
  const rank = la.shape(y.S).at(-1) as number;
  const width = la.shape(left).at(-2) as number;
  const count = Math.min(width, la.shape(right).at(-2) as number);
  for (let member = 0; member * rank < kept.length; member++) {
    if (!(normal[member * count] < kept[member * rank + rank - 1])) throw unreachable();
  }
}

function unreachable(): NumericalError {
  return new NumericalError(
    'truncatedSvd: no tangent at the first point leads to the second, which is too far away; choose points closer together',
  );
}
