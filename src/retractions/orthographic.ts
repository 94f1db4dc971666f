import '../linalg/host/whole-engine.js';
import { NumericalError } from '../core/errors.js';
import { embeddedDifference } from '../metrics/fixed-rank-blocks.js';
import { type FixedRankRetraction, projectionBend, truncatedProduct } from './fixed-rank-retraction.js';

/**
 * Returns the orthographic retraction: the matrix of rank r that projects orthogonally onto X + tξ. It is of second
 * order for {@link embedded}; its inverse is P_X(Y − X).
 *
 * $$ R_X(t\xi) = (UW+tU_p)\,W^{-1}\,(WV^\top+tV_p^\top), \qquad W = \Sigma+tM $$
 *
 * It is defined only while W is invertible: `retract` throws a `NumericalError` at a step that makes it singular.
 *
 * @returns the retraction, for {@link fixedRank}, which offers `inverseRetract` with it. A step costs O((m+n)r² + r³)
 * flops.
 * @see Absil and Oseledets, "Low-rank retractions: a survey and new results", Comput. Optim. Appl. 62, 2015, section
 * 3.2.
 */
export function orthographic(): FixedRankRetraction {
  return {
    name: 'orthographic',
    secondOrderFor: ['embedded'],
    bend: projectionBend,
    retract(la, x, u, t) {
      const core = la.axpy(t, u.M, la.diagMatrix(x.S));
      const left = la.axpy(t, u.Up, la.matmul(x.U, core));
      const right = la.axpy(t, u.Vp, la.matmul(x.V, core, { transposeB: true }));
      // W⁻¹ = R⁻¹Qᵀ, so that L W⁻¹ Rᵀ needs no inverse: the core of the truncated product is solved for.
      const { Q, R } = la.qr(core);
      try {
        const inverse = la.solveTriangular(R, la.transpose(Q), { lower: false });
        return truncatedProduct(la, left, inverse, right, la.shape(x.S).at(-1) as number);
      } catch (error) {
        if (!(error instanceof NumericalError)) throw error;
        throw new NumericalError(
          `orthographic: the step t = ${t} makes Σ + tM singular, where the orthographic retraction is not defined; take a shorter step or use truncatedSvd()`,
          { cause: error },
        );
      }
    },
    inverse: embeddedDifference,
  };
}
