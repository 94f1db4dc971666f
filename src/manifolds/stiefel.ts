/**
 * The Stiefel manifold St(m, r) of m×r matrices with orthonormal columns, with the Euclidean or the canonical metric.
 *
 * Tangent at X: U with XᵀU + UᵀX = 0. Dimension mr − r(r+1)/2.
 *
 * @see Absil, Mahony and Sepulchre 2008, sections 3.5.7 and 4.1.1; Boumal 2023, section 7.3.
 */

import { ConfigError } from '../core/errors.js';
import { declareOptions, describeValue, option } from '../core/options.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import { euclideanStiefel } from '../metrics/euclidean-stiefel.js';
import { stiefelExponential, stiefelLogarithm } from '../metrics/stiefel-geodesics.js';
import { type StiefelMetric, stiefelDifference, stiefelHessian, stiefelInner, stiefelSharp } from '../metrics/stiefel-metric.js';
import { checkShape, checkStep, columnHints } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';
import { normOf } from './norm-of.js';
import { type OrthonormalOptions, orthonormalBase, orthonormalOptions } from './orthonormal.js';

/** Options of {@link stiefel}. */
export interface StiefelOptions<M> extends OrthonormalOptions<M> {
  /** The metric. Default: {@link euclideanStiefel}. */
  readonly metric?: StiefelMetric;
}

/** Declares the options of a manifold of orthonormal matrices with a metric. */
export const stiefelOptions = declareOptions<StiefelOptions<unknown>>()(
  {
    ...orthonormalOptions.options,
    metric: option({ optional: true }, (caller, name, metric) => {
      const beta = (metric as Partial<StiefelMetric> | null)?.beta ?? 0;
      if (typeof beta === 'number' && beta > 0 && Number.isFinite(beta)) return;
      throw new ConfigError(
        `${caller}: ${name} must be a metric, got ${describeValue(metric)}; pass euclideanStiefel() or canonicalStiefel()`,
      );
    }),
  },
  columnHints,
);

/** Returns Z − X sym(XᵀZ), the orthogonal projection onto the tangent space. */
export function tangentPart<M>(la: LinearAlgebra<M>, x: M, z: M): M {
  return la.subtract(z, la.matmul(x, symmetricPart(la, la.matmul(x, z, { transposeA: true }))));
}

/**
 * Returns the Stiefel manifold of m×r matrices with orthonormal columns, with a choice of metric.
 *
 * $$ \operatorname{St}(m,r) = \lbrace X\in\mathbb R^{m\times r} : X^\top X = I\rbrace, \qquad \dim = mr-\tfrac12r(r+1) $$
 *
 * Tangents at X, and the projection onto them:
 *
 * $$ X^\top U+U^\top X = 0, \qquad P_X(Z) = Z-\tfrac12X(X^\top Z+Z^\top X) $$
 *
 * Geodesics have a closed form. Their inverse has none but at r = 1 and r = m: `log` and `dist` iterate in blocks of 2r
 * rows to the precision of the engine, from the rotation that a Procrustes problem suggests. Points closer than the
 * injectivity radius, which is π for the Euclidean metric and at least 0.89π for the canonical one, are joined by one
 * shortest geodesic; beyond, the one found may be longer than another, or none is found. In random directions on 10×5,
 * 12×3, 30×4 and 20×10 matrices, all of 32 geodesics of the Euclidean metric of length 3.14 were found again; on 20×10,
 * 2 of 6 of length 3.8 and none of 10 of length 4. Random points of that size are further apart (4.6 in the canonical
 * metric): of 5 pairs the Euclidean metric found none, the canonical one 4.
 *
 * @param options - m, rank ≤ m; optionally metric ({@link euclideanStiefel}, the default, {@link canonicalStiefel}),
 * retraction ({@link polarRetraction}, the default, {@link qrRetraction}, {@link cayleyRetraction}), batch axes and the
 * engine.
 * @returns a readonly object; points and tangents are arrays [.., m, r]. Operations cost O(mr²) flops.
 * @throws ShapeError if a size is not a positive integer or rank > m; ConfigError on unknown options. `log` and `dist`
 * throw a NumericalError if they find no geodesic, `inverseRetract` if no tangent leads to the point; on a device that
 * cannot be read at once the result is NaN.
 *
 * @example
 * ```ts
 * import { hostAlgebra, minimize, polar, seededRandom, stiefel } from 'bures';
 *
 * // The orthonormal matrix nearest to C: its polar factor.
 * const la = hostAlgebra();
 * const c = la.randomNormal([8, 2], seededRandom(1));
 * const cost = (x: typeof c) => -la.inner(c, x);
 * const { x } = await minimize({ manifold: stiefel({ m: 8, rank: 2 }), cost, gradient: { kind: 'ambient', at: () => la.scale(-1, c) } });
 * console.log(la.norm(la.subtract(x, polar(la, c).Q))); // 1e-7
 * ```
 * @see Edelman, Arias and Smith, "The geometry of algorithms with orthogonality constraints", SIAM J. Matrix Anal.
 * Appl. 20(2), 1998; Zimmermann and Hüper, "Computing the Riemannian logarithm on the Stiefel manifold: metrics,
 * methods, and performance", SIAM J. Matrix Anal. Appl. 43(2), 2022; Boumal 2023, section 7.3; Zimmermann and Stoye,
 * "The injectivity radius of the compact Stiefel manifold under the Euclidean metric", SIAM J. Matrix Anal. Appl.
 * 46(1), 2025; Rentmeesters, "Algorithms for data fitting on some common homogeneous spaces", 2013 (the radii).
 */
export function stiefel<M = HostArray>(options: StiefelOptions<M>): GeodesicManifold<NoInfer<M>> {
  return stiefelManifold('stiefel', options);
}

/** Returns St(m, r) under the name of its factory. */
export function stiefelManifold<M>(caller: 'stiefel' | 'generalizedStiefel', options: StiefelOptions<M>): GeodesicManifold<M> {
  const { metric = euclideanStiefel(), ...rest } = stiefelOptions.read(caller, options);
  const isEuclidean = metric.beta === 1;
  const base = orthonormalBase<M>(caller, rest, {
    project: tangentPart<M>,
    dimOf: (m, rank) => m * rank - (rank * (rank + 1)) / 2,
    inverse: 'inverse',
    geodesics: isEuclidean ? 'stiefel' : `stiefel, ${metric.name}`,
  });
  const { la, shape } = base;
  const inner = (x: M, u: M, v: M) => stiefelInner(la, metric, x, u, v);
  const norm = isEuclidean ? (_x: M, u: M) => la.norm(u) : normOf<M, M, M>(la, inner);
  const gradient = (x: M, egrad: M): M => stiefelSharp(la, metric, x, egrad);
  const log = (operation: string, x: M, y: M): M => {
    checkShape(`${caller}.${operation}`, la, 'the first point', x, shape);
    checkShape(`${caller}.${operation}`, la, 'the second point', y, shape);
    return stiefelLogarithm(la, `${caller}.${operation}`, metric.beta, x, y);
  };
  return defineManifold({
    ...base.common,
    name: `${caller}(${isEuclidean ? '' : `${metric.name}, `}${base.sizes})`,
    typicalDist: Math.sqrt(base.members * rest.rank),
    inner,
    norm,
    egradToRgrad: gradient,
    coordinatesToRgrad: gradient,
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) => stiefelHessian(la, metric, x, egrad, ehess, u),
    difference: (x: M, y: M) => stiefelDifference(la, metric, x, tangentPart(la, x, la.subtract(y, x))),
    exp(x: M, u: M, t = 1) {
      checkStep(`${caller}.exp`, t);
      checkShape(`${caller}.exp`, la, 'the point', x, shape);
      checkShape(`${caller}.exp`, la, 'the tangent', u, shape);
      return stiefelExponential(la, `${caller}.exp`, metric.beta, x, la.scale(t, u));
    },
    log: (x: M, y: M) => log('log', x, y),
    dist: (x: M, y: M) => norm(x, log('dist', x, y)),
  });
}
