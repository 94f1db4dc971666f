import { applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { embeddedDifference, orthogonalPart, projectAmbient } from './fixed-rank-blocks.js';
import type { FixedRankMetric } from './fixed-rank-metric.js';
import { inverseSpectrum } from './spectrum.js';

/**
 * Returns the embedded (Euclidean) metric, inherited from the space of all m×n matrices; H_X is the identity, and the
 * gradient is P_X(∇g(X)).
 *
 * $$ \langle\xi,\zeta\rangle_X = \operatorname{tr}(\xi^\top\zeta)
 *    = \langle M,M'\rangle + \langle U_p,U_p'\rangle + \langle V_p,V_p'\rangle $$
 *
 * @returns the metric, for {@link fixedRank}. `sharp` and `flat` cost nothing.
 * @see Vandereycken, "Low-rank matrix completion by Riemannian optimization", SIAM J. Optim. 23(2), 2013.
 */
export function embedded(): FixedRankMetric {
  return {
    name: 'embedded',
    sharp: (_la, _x, u) => u,
    flat: (_la, _x, u) => u,
    difference: embeddedDifference,
    // Vandereycken 2013, section 2.3: projected ehess plus the curvature terms (I−P_U) G Vp Σ⁻¹ and (I−P_V) Gᵀ Up Σ⁻¹.
    ehessToRhess(la, x, egrad, ehess, u) {
      const flatPart = projectAmbient(la, x, ehess);
      const inverse = inverseSpectrum(la, x.S);
      const left = orthogonalPart(la, x.U, la.scaleColumns(applyAmbient(la, egrad, u.Vp), inverse));
      const right = orthogonalPart(la, x.V, la.scaleColumns(applyAmbientTranspose(la, egrad, u.Up), inverse));
      return { M: flatPart.M, Up: la.add(flatPart.Up, left), Vp: la.add(flatPart.Vp, right) };
    },
  };
}
