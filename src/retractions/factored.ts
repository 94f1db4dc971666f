/** The factored retraction: a straight step of balanced factors. */
import { divideByPairSums, inverseSpectrum } from '../metrics/spectrum.js';
import { type FixedRankRetraction, truncatedProduct } from './fixed-rank-retraction.js';

/**
 * R_X(tξ) = X + tξ + t²ηXᵀη = (A + tηBᵀ)(B + tAᵀη) with η = H_X⁻¹ξ and X = AB balanced. Of second order for the Bures metric: horizontal
 * straight lines in the balanced factors, carried back along the gauge.
 *
 * In blocks, N_ij = M_ij/(σ_i + σ_j), A⁺ = UΣ^½ + t(UNΣ^½ + UpΣ^-½), B⁺ = Σ^½Vᵀ + t(Σ^½NVᵀ + Σ^-½Vpᵀ); then QR, QR and an r×r SVD, which
 * brings the point back to rank r at every step, or rounding would leave the manifold. O((m+n)r²) flops.
 *
 * @see Castin et al., "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function factored(): FixedRankRetraction {
  return {
    name: 'factored',
    secondOrderFor: ['bures'],
    retract(la, x, u, t) {
      const root = la.sqrt(x.S);
      const inverseRoot = la.sqrt(inverseSpectrum(la, x.S));
      const gauge = la.eye(la.shape(x.S).at(-1) as number, la.shape(x.S).slice(0, -1));
      const step = la.axpy(t, divideByPairSums(la, u.M, x.S), gauge);
      const left = la.add(la.scaleColumns(la.matmul(x.U, step), root), la.scale(t, la.scaleColumns(u.Up, inverseRoot)));
      const right = la.add(
        la.scaleColumns(la.matmul(x.V, step, { transposeB: true }), root),
        la.scale(t, la.scaleColumns(u.Vp, inverseRoot)),
      );
      return truncatedProduct(la, left, undefined, right, la.shape(x.S).at(-1) as number);
    },
  };
}
