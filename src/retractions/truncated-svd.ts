import { eye } from '../linalg/derived.js';
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
