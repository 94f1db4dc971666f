/**
 * The symmetric positive definite n×n matrices, with a choice of metric.
 *
 * Point: X. Tangent: any symmetric matrix. Dimension n(n + 1)/2.
 *
 * @see Bhatia, Positive Definite Matrices, 2007.
 */

import { ConfigError, DomainError, NumericalError } from '../core/errors.js';
import { underName } from '../core/named-errors.js';
import { declareOptions, describeValue, option, size } from '../core/options.js';
import { hasFiniteEntries } from '../linalg/finite-entries.js';
import { algebraOption, algebraOrHost } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { symmetricPart } from '../linalg/matrix-functions.js';
import type { NumberOf } from '../linalg/number-of.js';
import { affineInvariant } from '../metrics/affine-invariant.js';
import type { SpdMetric } from '../metrics/spd-metric.js';
import { batchOption, batchPrefix, checkFinite, checkShape, checkStep, largestAsymmetry, pointTolerance } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';
import { normOf } from './norm-of.js';
import { randomOrthonormal, randomSpectrum } from './random-arrays.js';

/** Options of {@link spd}. */
export interface SpdOptions<M> {
  /** Rows and columns of a point. */
  readonly n: number;
  /** The metric. Default: {@link affineInvariant}. */
  readonly metric?: SpdMetric;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

const spdOptions = declareOptions<SpdOptions<unknown>>()({
  n: size({}),
  metric: option({ optional: true }, (caller, name, metric) => {
    if (typeof (metric as SpdMetric | null)?.hessian === 'function') return;
    throw new ConfigError(
      `${caller}: ${name} must be a metric, got ${describeValue(metric)}; pass affineInvariant(), logEuclidean() or buresWasserstein()`,
    );
  }),
  batch: batchOption,
  algebra: algebraOption,
});

/** Manifold of symmetric positive definite matrices, made by {@link spd}. */
export interface SpdManifold<M> extends GeodesicManifold<M> {
  /** The metric it was made with. */
  readonly metric: SpdMetric;
}

/**
 * Returns the manifold of SPD matrices, with a choice of metric: for covariances, kernels, diffusion tensors.
 *
 * $$ \mathcal S_{++}^n = \lbrace X\in\mathbb R^{n\times n} : X = X^\top\succ0\rbrace, \qquad \dim = \tfrac12n(n+1) $$
 *
 * Euclidean gradients and Hessians may be asymmetric, as derivatives by all n² entries are; only their symmetric part
 * counts. Geodesics, their inverse, distance, transport and mean are those of the metric.
 *
 * @param options - n; optionally metric ({@link affineInvariant}, the default, {@link logEuclidean},
 * {@link buresWasserstein}), batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n, n]. Operations cost O(n³) flops.
 * @throws ShapeError if a size is not a positive integer; ConfigError on unknown options. Operations that depend on the
 * point throw a NumericalError where it is not positive definite up to rounding, on the host; on a device, where that
 * is not read, results are then of no use.
 *
 * @example
 * ```ts
 * import { barycenter, buresWasserstein, hostAlgebra, spd } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = spd({ n: 2, metric: buresWasserstein() });
 * const x = la.fromArray([4, 0, 0, 1], [2, 2]);
 * const y = la.fromArray([1, 0, 0, 4], [2, 2]);
 * console.log(await manifold.dist(x, y)); // √2: the roots differ by 1 twice
 * const { point } = await barycenter(manifold, [x, y]);
 * console.log(la.toArray(point)); // 1.5² on the diagonal
 * ```
 * @see Bhatia, Positive Definite Matrices, 2007, chapter 6; Bhatia, Jain and Lim, "On the Bures–Wasserstein distance
 * between positive definite matrices", Expo. Math. 37, 2019.
 */
export function spd<M = HostArray>(options: SpdOptions<M>): SpdManifold<NoInfer<M>> {
  const { n, metric = affineInvariant(), batch, algebra } = spdOptions.read('spd', options);
  const la = algebraOrHost(algebra);
  const shape = [...batch, n, n];
  const dim = batch.reduce((product, size) => product * size, (n * (n + 1)) / 2);
  const symmetric = (_x: M, z: M): M => symmetricPart(la, z);
  const gradient = (operation: string, g: M): M => {
    checkShape(`spd.${operation}`, la, 'the gradient', g, shape);
    return symmetricPart(la, g);
  };
  const checkStepTo = (operation: string, x: M, u: M, t: number): void => {
    checkStep(`spd.${operation}`, t);
    checkShape(`spd.${operation}`, la, 'the point', x, shape);
    checkShape(`spd.${operation}`, la, 'the tangent', u, shape);
  };
  const named = <Result>(operation: string, compute: () => Result): Result => underName(`spd.${operation}`, compute);
  const norm = normOf<M, M, M>(la, (x, u, v) => named('norm', () => metric.inner(la, x, u, v)));
  const retract = (x: M, u: M, t = 1): M => {
    checkStepTo('retract', x, u, t);
    return representable(
      'retract',
      named('retract', () => metric.retract(la, x, u, t)),
    );
  };
  const representable = (operation: string, x: M): M => {
    if (hasFiniteEntries(la, x)) return x;
    throw new NumericalError(`spd.${operation}: the step leads to entries beyond the range of numbers; take a shorter one`);
  };
  return defineManifold({
    name: `spd(${batchPrefix(batch)}${n}×${n}, ${metric.name})`,
    algebra: la,
    metric,
    dim,
    retractionOrder: 2,
    checkPoint: (x) => la.tidy(() => checkDefinite(la, x, shape)),
    inner: (x, u, v) => named('inner', () => metric.inner(la, x, u, v)),
    norm,
    dist: (x: M, y: M) => named('dist', () => metric.dist(la, x, y)),
    project: symmetric,
    egradToRgrad: (x, egrad) => named('egradToRgrad', () => metric.sharp(la, x, gradient('egradToRgrad', egrad))),
    coordinatesToRgrad: (x, derivative) =>
      named('coordinatesToRgrad', () => metric.sharp(la, x, gradient('coordinatesToRgrad', derivative))),
    ehessToRhess: (x: M, egrad: M, ehess: M, u: M) =>
      named('ehessToRhess', () => metric.hessian(la, x, gradient('ehessToRhess', egrad), gradient('ehessToRhess', ehess), u)),
    retract,
    transport: (x, y, u) => named('transport', () => metric.transport(la, x, y, u)),
    difference: (x, y) => named('difference', () => metric.log(la, x, y)),
    exp(x: M, u: M, t = 1) {
      checkStepTo('exp', x, u, t);
      return representable(
        'exp',
        named('exp', () => metric.exp(la, x, u, t)),
      );
    },
    log: (x: M, y: M) => named('log', () => metric.log(la, x, y)),
    ...(metric.inverseRetract && {
      inverseRetract: (x: M, y: M) =>
        named('inverseRetract', () => (metric.inverseRetract as NonNullable<typeof metric.inverseRetract>)(la, x, y)),
    }),
    ...(metric.curvature && { curvatureTowards: (x: M, y: M) => (metric.curvature as NonNullable<typeof metric.curvature>)(la, x, y) }),
    roughMean: (points: readonly M[], weights: readonly number[]) =>
      metric.roughMean?.(la, points, weights) ??
      points.slice(1).reduce((sum, y, i) => la.axpy(weights[i + 1], y, sum), la.scale(weights[0], points[0])),
    ...sampling(la, shape, norm),
    decayDirection: (x: M) => x,
  });
}

function sampling<M>(
  la: LinearAlgebra<M>,
  shape: readonly number[],
  norm: (x: M, u: M) => NumberOf<M>,
): Pick<SpdManifold<M>, 'randomPoint' | 'randomTangent'> {
  return {
    randomPoint(random) {
      const basis = randomOrthonormal(la, shape, random);
      const spectrum = randomSpectrum(la, shape.slice(0, -1), random);
      return symmetricPart(la, la.matmul(la.scaleColumns(basis, spectrum), basis, { transposeB: true }));
    },
    async randomTangent(x, random) {
      const direction = symmetricPart(la, la.randomNormal(shape, random));
      return la.scale(1 / (await norm(x, direction)), direction);
    },
  };
}

/**
 * @throws ShapeError, NumericalError or DomainError unless x is finite, symmetric, and positive definite beyond
 * rounding.
 */
async function checkDefinite<M>(la: LinearAlgebra<M>, x: M, shape: readonly number[]): Promise<void> {
  checkShape('spd', la, 'the point', x, shape);
  await checkFinite('spd', la, x);
  const n = shape.at(-1) as number;
  const asymmetry = largestAsymmetry(await la.toArray(x), n);
  const tolerance = pointTolerance(la.epsilon, n);
  if (!(asymmetry <= tolerance)) {
    throw new DomainError(
      `spd: expected a symmetric matrix, but |X − Xᵀ|/|X| reaches ${asymmetry.toExponential(1)} (allowed ${tolerance.toExponential(1)}); pass ½(X + Xᵀ)`,
    );
  }
  const values = await la.toArray(la.eigh(symmetricPart(la, x)).values);
  for (let start = 0; start < values.length; start += n) {
    const [least, largest] = [values[start], values[start + n - 1]];
    if (least > n * la.epsilon * largest) continue;
    throw new DomainError(
      `spd: expected a matrix that is positive definite beyond rounding, got eigenvalues from ${least.toExponential(1)} to ${largest.toExponential(1)}; ` +
        'add a multiple of the identity, or use fixedRankPsd',
    );
  }
}
