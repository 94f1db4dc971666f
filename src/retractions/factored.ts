import { eye } from '../linalg/derived.js';
import { divideByPairSums, inverseSpectrum } from '../metrics/spectrum.js';
import { type FixedRankRetraction, truncatedProduct } from './fixed-rank-retraction.js';

/**
 * Returns the factored retraction, a straight step of balanced factors: with X = AB, AᵀA = BBᵀ, and η = H_X⁻¹ξ,
 *
 * $$ R_X(t\xi) = (A+t\,\eta B^\top)(B+t\,A^\top\eta) = X+t\xi+t^2\,\eta X^\top\eta. $$
 *
 * It is of second order for {@link bures}: horizontal straight lines in the balanced factors, carried back along the
 * gauge. In blocks, with $N_{ij}=M_{ij}/(\sigma_i+\sigma_j)$,
 *
 * $$ A^+ = U\Sigma^{1/2}+t\,(UN\Sigma^{1/2}+U_p\Sigma^{-1/2}), $$
 *
 * $$ B^+ = \Sigma^{1/2}V^\top+t\,(\Sigma^{1/2}NV^\top+\Sigma^{-1/2}V_p^\top); $$
 *
 * followed by two QRs and an r×r SVD, which brings the point back to rank r at every step, since rounding would leave
 * the manifold.
 *
 * @returns the retraction, for {@link fixedRank}. A step costs O((m+n)r² + r³) flops.
 * @see Castin et al., "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function factored(): FixedRankRetraction {
  return {
    name: 'factored',
    secondOrderFor: ['bures'],
    retract(la, x, u, t) {
      const root = la.sqrt(x.S);
      const inverseRoot = la.sqrt(inverseSpectrum(la, x.S));
      const gauge = eye(la, la.shape(x.S).at(-1) as number, la.shape(x.S).slice(0, -1));
      const step = la.axpy(t, divideByPairSums(la, u.M, x.S), gauge);
      const left = la.add(la.scaleColumns(la.matmul(x.U, step), root), la.scale(t, la.scaleColumns(u.Up, inverseRoot)));
      const right = la.add(
        la.scaleColumns(la.matmul(x.V, step, { transposeB: true }), root),
        la.scale(t, la.scaleColumns(u.Vp, inverseRoot)),
      );
      return truncatedProduct(la, left, undefined, right, la.shape(x.S).at(-1) as number);
    },
    // η Xᵀη, the product of the changes of A and B.
    bend(la, x, u) {
      const root = la.sqrt(x.S);
      const inverseRoot = la.sqrt(inverseSpectrum(la, x.S));
      const step = divideByPairSums(la, u.M, x.S);
      return {
        left: la.add(la.scaleColumns(la.matmul(x.U, step), root), la.scaleColumns(u.Up, inverseRoot)),
        right: la.add(la.scaleColumns(la.matmul(x.V, step, { transposeB: true }), root), la.scaleColumns(u.Vp, inverseRoot)),
      };
    },
  };
}
