/**
 * The Grassmann manifold Gr(m, r) of r-dimensional subspaces of ℝᵐ, each given by an m×r matrix with orthonormal
 * columns that span it.
 *
 * X and XQ, Q orthogonal, are one point. Tangent at X: U with XᵀU = 0. Metric ⟨U, V⟩ = tr(UᵀV). Dimension r(m − r).
 *
 * @see Edelman, Arias and Smith, "The geometry of algorithms with orthogonality constraints", SIAM J. Matrix Anal.
 * Appl. 20(2), 1998; Boumal 2023, section 9.16.
 */

import { NumericalError } from '../core/errors.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { polar } from '../linalg/matrix-functions.js';
import { type NumberOf, whenRead } from '../linalg/number-of.js';
import { orthogonalPart } from '../metrics/fixed-rank-blocks.js';
import { checkTurn } from '../metrics/orthogonal-functions.js';
import { principalRotation } from '../retractions/inverse-orthonormal.js';
import { checkStep } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';
import { type OrthonormalOptions, orthonormalBase } from './orthonormal.js';
import { pairedAngles } from './paired-angles.js';

/**
 * Returns the Grassmann manifold of r-dimensional subspaces of ℝᵐ, each given by a matrix X with orthonormal columns
 * that span it.
 *
 * $$ \operatorname{Gr}(m,r) = \operatorname{St}(m,r)/O(r), \qquad X\sim XQ, \qquad \dim = r(m-r) $$
 *
 * Tangents at X satisfy $X^\top U = 0$; the metric is $\operatorname{tr}(U^\top V)$. With $U = W\Sigma V^\top$ the
 * geodesics are
 *
 * $$ \operatorname{Exp}_X(tU) = XV\cos(t\Sigma)V^\top+W\sin(t\Sigma)V^\top, $$
 *
 * and the distance of two subspaces is $\bigl(\sum_i\theta_i^2\bigr)^{1/2}$ over their principal angles.
 *
 * A cost must not depend on the basis: f(XQ) = f(X).
 *
 * @param options - m, rank ≤ m; optionally retraction ({@link polarRetraction}, the default, {@link qrRetraction},
 * {@link cayleyRetraction}), batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., m, r]. Operations cost O(mr²) flops.
 * @throws ShapeError if a size is not a positive integer or rank > m, or rank = m; ConfigError on unknown options.
 * `log` and `inverseRetract` throw a NumericalError between subspaces with a right angle between them.
 *
 * @example
 * ```ts
 * import { grassmann, hostAlgebra, minimize } from 'bures';
 *
 * // The dominant subspace of a symmetric matrix.
 * const la = hostAlgebra();
 * const s = la.diagMatrix(la.fromArray([9, 7, 3, 2, 1], [5]));
 * const cost = (x: typeof s) => -0.5 * la.inner(x, la.matmul(s, x));
 * const gradient = { kind: 'ambient', at: (x: typeof s) => la.scale(-1, la.matmul(s, x)) } as const;
 * const result = await minimize({ manifold: grassmann({ m: 5, rank: 2 }), cost, gradient });
 * console.log(result.cost); // −(9 + 7)/2
 * ```
 * @see Edelman, Arias and Smith, "The geometry of algorithms with orthogonality constraints", SIAM J. Matrix Anal.
 * Appl. 20(2), 1998; Boumal 2023, section 9.16.
 */
export function grassmann<M = HostArray>(options: OrthonormalOptions<M>): GeodesicManifold<NoInfer<M>> {
  return grassmannManifold('grassmann', options);
}

/** Returns Gr(m, r) under the name of its factory. */
export function grassmannManifold<M>(caller: 'grassmann' | 'generalizedGrassmann', options: OrthonormalOptions<M>): GeodesicManifold<M> {
  const base = orthonormalBase(caller, options, {
    project: orthogonalPart<M>,
    dimOf: (m, rank) => rank * (m - rank),
    inverse: 'inverseHorizontal',
    geodesics: 'grassmann',
  });
  const { la } = base;
  const { rank } = options;
  // A tangent at x refers to the representative X of its subspace; at y, to the representative of Y nearest to X.
  const transport = (x: M, y: M, u: M): M => {
    const gauge = polar(la, la.matmul(x, y, { transposeA: true })).Q;
    return orthogonalPart(la, y, la.matmul(u, gauge));
  };
  return defineManifold({
    ...base.common,
    name: `${caller}(${base.sizes})`,
    typicalDist: Math.sqrt(base.members * rank),
    // Boumal 2023, equation 9.86: (I − XXᵀ)∇²f[U] − U Xᵀ∇f.
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) =>
      orthogonalPart(la, x, la.subtract(ehess, la.matmul(u, la.matmul(x, egrad, { transposeA: true })))),
    transport,
    difference(x, y) {
      const gauge = polar(la, la.matmul(y, x, { transposeA: true })).Q;
      return orthogonalPart(la, x, la.matmul(y, gauge));
    },
    exp: (x: M, u: M, t = 1) => geodesic(la, caller, x, u, t),
    log: (x: M, y: M) => logarithm(la, caller, x, y),
    dist: (x: M, y: M) => subspaceDistance(la, x, y),
  });
}

/**
 * Returns X V cos(tΣ) Vᵀ + W sin(tΣ) Vᵀ for U = W Σ Vᵀ (Edelman, Arias and Smith 1998, theorem 2.3), orthonormalized
 * once against drift.
 */
function geodesic<M>(la: LinearAlgebra<M>, caller: string, x: M, u: M, t: number): M {
  checkStep(`${caller}.exp`, t);
  const { U: W, S, V } = la.svd(u);
  const angles = la.scale(t, S);
  checkTurn(`${caller}.exp`, la, angles);
  const along = la.scaleColumns(la.matmul(x, V), la.cos(angles));
  const across = la.scaleColumns(W, la.sin(angles));
  // If σ is zero, the column of W is arbitrary, but its sine is zero.
  return polar(la, la.matmul(la.add(along, across), V, { transposeB: true })).Q;
}

/** Returns W diag(θ) Vᵀ. */
function logarithm<M>(la: LinearAlgebra<M>, caller: string, x: M, y: M): M {
  const refuse = (): NumericalError =>
    new NumericalError(
      `${caller}.log: the subspaces have a right angle between them, where no unique geodesic joins them; choose points closer together`,
    );
  const { leaving, halfTangents, basis } = principalRotation(la, x, y, refuse);
  return la.matmul(la.scaleColumns(leaving, la.scale(2, la.atan(halfTangents))), basis, { transposeB: true });
}

/** Returns √Σθ_i² over the principal angles. */
function subspaceDistance<M>(la: LinearAlgebra<M>, x: M, y: M): NumberOf<M> {
  const rank = la.shape(x).at(-1) as number;
  const cosines = la.toArray(la.svd(la.matmul(x, y, { transposeA: true })).S);
  const sines = la.toArray(la.svd(orthogonalPart(la, x, y)).S);
  return whenRead<M, Float64Array>([cosines, sines], (cos, sin) => pairedAngles(cos, sin, rank));
}
