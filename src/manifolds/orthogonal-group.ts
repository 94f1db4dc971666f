/**
 * The orthogonal group O(n): n×n matrices with orthonormal columns, with the Euclidean metric, which is invariant from
 * both sides.
 *
 * Tangent at X: U = XΩ with Ω skew. Dimension n(n − 1)/2. The group has two components, by the sign of the determinant;
 * no operation leads from one to the other.
 *
 * @see Absil, Mahony and Sepulchre 2008, section 5.4; Boumal 2023, section 7.4.
 */

import { ShapeError } from '../core/errors.js';
import { declareOptions, size } from '../core/options.js';
import { eye } from '../linalg/derived.js';
import { determinantSigns } from '../linalg/determinant-signs.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { type NumberOf, whenRead } from '../linalg/number-of.js';
import { euclideanStiefel } from '../metrics/euclidean-stiefel.js';
import { groupLogarithm, polished, skewExponential, skewPart } from '../metrics/orthogonal-functions.js';
import { stiefelHessian } from '../metrics/stiefel-metric.js';
import type { OrthonormalRetraction } from '../retractions/orthonormal-retraction.js';
import { checkStep } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';
import { orthonormalBase, orthonormalOptions } from './orthonormal.js';
import { pairedAngles } from './paired-angles.js';
import { tangentPart } from './stiefel.js';

/** Options of {@link orthogonalGroup} and {@link rotations}. */
export interface OrthogonalOptions<M> {
  /** Rows and columns of a point, at least 2. */
  readonly n: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The retraction. Default: {@link polarRetraction}. */
  readonly retraction?: OrthonormalRetraction;
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

const { m: _m, rank: _rank, ...withoutSizes } = orthonormalOptions.options;
const orthogonalOptions = declareOptions<OrthogonalOptions<unknown>>()({ n: size({}), ...withoutSizes });

/**
 * Returns the group of orthogonal matrices, with the Euclidean metric.
 *
 * $$ O(n) = \lbrace X\in\mathbb R^{n\times n} : X^\top X = I\rbrace, \qquad T_X = \lbrace X\Omega : \Omega^\top = -\Omega\rbrace, \qquad \dim = \tfrac12n(n-1) $$
 *
 * Geodesics are one-parameter subgroups, and the distance comes from the angles $\theta_i$ of the eigenvalues
 * $e^{i\theta}$ of $X^\top Y$; between matrices of different determinant it is infinite.
 *
 * $$ \operatorname{Exp}_X(U) = X\exp(X^\top U), \qquad \operatorname{Log}_X(Y) = X\log(X^\top Y), \qquad \operatorname{dist}(X,Y)^2 = \sum_i\theta_i^2 $$
 *
 * Transport is translation, $U\mapsto YX^\top U$, an isometry. A step keeps the sign of the determinant: start from
 * either component, or use {@link rotations}.
 *
 * @param options - n; optionally retraction ({@link polarRetraction}, the default, of second order,
 * {@link qrRetraction}, of first, {@link cayleyRetraction}, of second), batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n, n]. Operations cost O(n³) flops.
 * @throws ShapeError if n is not an integer above 1; ConfigError on unknown options. `log` throws a NumericalError
 * between matrices that are half a turn apart in some plane, or of different determinant.
 *
 * @example
 * ```ts
 * import { hostAlgebra, type HostArray, orthogonalGroup, minimize, seededRandom } from 'bures';
 *
 * // Procrustes: the orthogonal X that brings AX closest to B.
 * const la = hostAlgebra();
 * const manifold = orthogonalGroup({ n: 3 });
 * const a = la.randomNormal([10, 3], seededRandom(1));
 * const initial = manifold.randomPoint(seededRandom(2));
 * const b = la.matmul(a, manifold.retract(initial, await manifold.randomTangent(initial, seededRandom(3))));
 * const residual = (x: HostArray) => la.subtract(la.matmul(a, x), b);
 * const cost = (x: HostArray) => 0.5 * la.norm(residual(x)) ** 2;
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.matmul(a, residual(x), { transposeA: true }) } as const;
 * console.log((await minimize({ manifold, cost, gradient }, { initial })).cost); // 0
 * ```
 * @see Absil, Mahony and Sepulchre 2008, section 5.4; Boumal 2023, section 7.4.
 */
export function orthogonalGroup<M = HostArray>(options: OrthogonalOptions<M>): GeodesicManifold<NoInfer<M>> {
  return groupManifold('orthogonalGroup', options);
}

/** Returns O(n), under the name of its factory. */
export function groupManifold<M>(caller: 'orthogonalGroup' | 'rotations', options: OrthogonalOptions<M>): GeodesicManifold<M> {
  const { n, ...rest } = orthogonalOptions.read(caller, options);
  if (n < 2) throw new ShapeError(`${caller}: n must be at least 2, got 1: a single number has no directions to move in; enlarge n`);
  const base = orthonormalBase(
    caller,
    { m: n, rank: n, ...rest },
    {
      project: tangentPart<M>,
      dimOf: () => (n * (n - 1)) / 2,
      inverse: 'inverse',
    },
  );
  const { la } = base;
  const transport = (x: M, y: M, u: M): M => la.matmul(y, la.matmul(x, u, { transposeA: true }));
  return defineManifold({
    ...base.common,
    name: `${caller}(${base.sizes})`,
    typicalDist: Math.PI * Math.sqrt(base.members * n),
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) => stiefelHessian(la, euclideanStiefel(), x, egrad, ehess, u),
    transport,
    exp(x: M, u: M, t = 1) {
      checkStep(`${caller}.exp`, t);
      const skew = skewPart(la, la.matmul(x, la.scale(t, u), { transposeA: true }));
      return polished(la, la.matmul(x, skewExponential(la, `${caller}.exp`, skew)));
    },
    log: (x: M, y: M) => la.matmul(x, groupLogarithm(la, `${caller}.log`, la.matmul(x, y, { transposeA: true }))),
    dist: (x: M, y: M) => rotationAngle(la, la.matmul(x, y, { transposeA: true })),
  });
}

/**
 * Returns the root of the sum of squared angles, from |1 − e^{iθ}| = 2 sin(θ/2) and |1 + e^{iθ}| = 2 cos(θ/2); infinite
 * if a determinant is negative.
 */
function rotationAngle<M>(la: LinearAlgebra<M>, q: M): NumberOf<M> {
  const shape = la.shape(q);
  const n = shape.at(-1) as number;
  return whenRead<M, Float64Array>([la.toArray(q)], (entries) => {
    if (determinantSigns(entries, n).some((sign) => sign < 0)) return Number.POSITIVE_INFINITY;
    const identity = eye(la, n, shape.slice(0, -2));
    const cosines = la.toArray(la.svd(la.add(identity, q)).S);
    const sines = la.toArray(la.svd(la.subtract(identity, q)).S);
    return whenRead<M, Float64Array>([cosines, sines], (cos, sin) => 2 * pairedAngles(cos, sin, n));
  });
}
