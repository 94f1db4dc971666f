/**
 * The orthogonal group O(n): n×n matrices with orthonormal columns, with the Euclidean metric, which is invariant from
 * both sides.
 *
 * Tangent at X: U = XΩ with Ω skew. Dimension n(n − 1)/2. The group has two components, by the sign of the determinant;
 * no operation leads from one to the other.
 *
 * @see Absil, Mahony and Sepulchre 2008, section 5.4; Boumal 2023, section 7.4.
 */

import { NumericalError, ShapeError } from '../core/errors.js';
import { declareOptions, size } from '../core/options.js';
import { eye, square } from '../linalg/derived.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { divideOnRange } from '../metrics/spectrum.js';
import type { OrthonormalRetraction } from '../retractions/orthonormal-retraction.js';
import { checkStep } from './checks.js';
import { defineManifold } from './define-manifold.js';
import { determinantSigns } from './determinant-signs.js';
import type { GeodesicManifold } from './manifold.js';
import { orthonormalBase, orthonormalOptions } from './orthonormal.js';
import { pairedAngles } from './paired-angles.js';
import { stiefelHessian, tangentPart } from './stiefel.js';

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
 * {@link qrRetraction}, of first), batch axes and the engine.
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
  const base = orthonormalBase(caller, { m: n, rank: n, ...rest }, { project: tangentPart<M>, dimOf: () => (n * (n - 1)) / 2 });
  const { la } = base;
  const transport = (x: M, y: M, u: M): M => la.matmul(y, la.matmul(x, u, { transposeA: true }));
  return defineManifold({
    ...base.common,
    name: `${caller}(${base.sizes})`,
    typicalDist: Math.PI * Math.sqrt(base.members * n),
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) => stiefelHessian(la, x, egrad, ehess, u),
    transport,
    exp(x: M, u: M, t = 1) {
      checkStep(`${caller}.exp`, t);
      const skew = skewPart(la, la.matmul(x, la.scale(t, u), { transposeA: true }));
      return polished(la, la.matmul(x, skewExponential(la, caller, skew)));
    },
    log: (x: M, y: M) => la.matmul(x, rotationLogarithm(la, caller, la.matmul(x, y, { transposeA: true }))),
    dist: (x: M, y: M) => rotationAngle(la, la.matmul(x, y, { transposeA: true })),
  });
}

/** Largest angle of {@link skewExponential}, times ε: its error, which Newton's iteration still mends. */
const FEWEST_DIGITS = 1e-3;

/** Returns ½(W − Wᵀ). */
function skewPart<M>(la: LinearAlgebra<M>, w: M): M {
  return la.scale(0.5, la.subtract(w, la.transpose(w)));
}

/**
 * Takes one step of Newton's iteration for the orthogonal polar factor, ½Q(3I − QᵀQ), which removes the drift of
 * rounding without a factorization.
 */
function polished<M>(la: LinearAlgebra<M>, q: M): M {
  const gram = la.matmul(q, q, { transposeA: true });
  return la.axpy(-0.5, la.matmul(q, gram), la.scale(1.5, q));
}

/** Returns W diag(d) Wᵀ. */
function inBasis<M>(la: LinearAlgebra<M>, w: M, d: M): M {
  return la.matmul(la.scaleColumns(w, d), w, { transposeB: true });
}

/**
 * Returns exp(Ω) = cos(Θ) + Ω sin(Θ)/Θ with Θ = (ΩᵀΩ)^½, which commutes with Ω and whose eigenvalues are the singular
 * values of Ω.
 */
function skewExponential<M>(la: LinearAlgebra<M>, caller: string, skew: M): M {
  const { S, V } = la.svd(skew);
  const largest = Math.max(...(la.peek(S) ?? [0]));
  if (largest > FEWEST_DIGITS / la.epsilon) {
    throw new NumericalError(
      `${caller}.exp: the tangent turns by ${largest.toExponential(1)} radians, of which rounding leaves less than three digits; take a shorter step`,
    );
  }
  // Where θ is zero, so is Ω on that space: any finite quotient will do.
  const sinc = divideOnRange(la, la.sin(S), S, la.full(la.shape(S), 0));
  return la.add(inBasis(la, V, la.cos(S)), la.matmul(skew, inBasis(la, V, sinc)));
}

/**
 * Returns log(Q), a skew-symmetric matrix. The singular values of I + Q are 2 cos(θ/2), and in its right singular
 * vectors V the matrix K = ½Vᵀ(Q − Qᵀ)V has a block of each angle θ, sin(θ) times a quarter turn J.
 *
 * Up to a quarter turn the logarithm is K Θ/sin(Θ). Beyond, where the quotient grows and K loses digits, it is Θ times
 * the orthogonal polar factor of K, which is J itself: a plane of half a turn has an orientation to all digits but none
 * of the sine. The quotient is even in θ, so the digits of a small θ that a cosine loses do not affect it.
 */
function rotationLogarithm<M>(la: LinearAlgebra<M>, caller: string, q: M): M {
  const shape = la.shape(q);
  const n = shape.at(-1) as number;
  const { S, V } = la.svd(la.add(eye(la, n, shape.slice(0, -2)), q));
  const cosines = la.peek(S);
  if (cosines?.some((value) => value <= 4 * n * la.epsilon)) {
    throw new NumericalError(
      `${caller}.log: the points are half a turn apart in some plane, or have determinants of different sign; no unique geodesic joins them, choose points closer together`,
    );
  }
  const one = la.full(la.shape(S), 1);
  const cosine = la.maximum(la.scale(0.5, S), la.epsilon);
  const sine = la.sqrt(la.maximum(la.subtract(one, square(la, cosine)), 0));
  // With t = tan(θ/2): θ/sin(θ) = atan(t)(1 + t²)/t, and 1 + t² = 1/cos²(θ/2).
  const t = la.divide(sine, cosine);
  const ratio = la.where(la.greater(t, 0), divideOnRange(la, la.atan(t), t, la.full(la.shape(t), 0)), one);
  const quotient = la.divide(ratio, square(la, cosine));
  const k = la.matmul(la.matmul(V, skewPart(la, q), { transposeA: true }), V);
  const near = la.greater(S, Math.SQRT2);
  const upToQuarter = la.scaleColumns(within(la, near, k), quotient);
  const isNear = cosines?.every((value) => value > Math.SQRT2) === true;
  const log = isNear ? upToQuarter : la.add(upToQuarter, beyondQuarter(la, k, near, la.scale(2, la.atan(t))));
  return la.matmul(la.matmul(V, skewPart(la, log)), V, { transposeB: true });
}

/** Returns J Θ for the angles beyond a quarter turn, and zero on the planes of the others, which `near` marks. */
function beyondQuarter<M>(la: LinearAlgebra<M>, k: M, near: M, angles: M): M {
  const far = la.subtract(la.full(la.shape(near), 1), near);
  // The identity on the other planes keeps the matrix invertible.
  const { U, V } = la.svd(la.add(within(la, far, k), la.diagMatrix(near)));
  return la.scaleColumns(within(la, far, la.matmul(U, V, { transposeB: true })), angles);
}

/** Keeps the rows and columns that a mask of ones and zeros marks. */
function within<M>(la: LinearAlgebra<M>, mask: M, x: M): M {
  return la.scaleRows(mask, la.scaleColumns(x, mask));
}

/**
 * Returns the root of the sum of squared angles, from |1 − e^{iθ}| = 2 sin(θ/2) and |1 + e^{iθ}| = 2 cos(θ/2); infinite
 * if a determinant is negative.
 */
async function rotationAngle<M>(la: LinearAlgebra<M>, q: M): Promise<number> {
  const shape = la.shape(q);
  const n = shape.at(-1) as number;
  if (determinantSigns(await la.toArray(q), n).some((sign) => sign < 0)) return Number.POSITIVE_INFINITY;
  const identity = eye(la, n, shape.slice(0, -2));
  const cosines = await la.toArray(la.svd(la.add(identity, q)).S);
  const sines = await la.toArray(la.svd(la.subtract(identity, q)).S);
  return 2 * pairedAngles(cosines, sines, n);
}
