/**
 * The positive semidefinite n×n matrices of rank r with the Bures–Wasserstein metric, by their factors.
 *
 * Point: Y, n×r of rank r, for X = YYᵀ; Y and YQ, Q orthogonal, are one point. Tangent: Z, horizontal: YᵀZ symmetric.
 * Metric tr(ZᵀZ'). Dimension nr − r(r − 1)/2.
 *
 * @see Massart and Absil, "Quotient geometry with simple geodesics for the manifold of fixed-rank positive-semidefinite
 * matrices", SIAM J. Matrix Anal. Appl. 41(1), 2020.
 */

import { DomainError, NumericalError, ShapeError } from '../core/errors.js';
import { declareOptions, size } from '../core/options.js';
import { type Ambient, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { algebraOption, algebraOrHost } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { polar, solveLyapunov } from '../linalg/matrix-functions.js';
import { alignedFactor } from '../metrics/psd-factors.js';
import { batchOption, batchPrefix, checkAmbientShape, checkEnd, checkFinite, checkShape, checkStep, rankHints } from './checks.js';
import type { GeodesicManifold } from './manifold.js';
import { randomOrthonormal, randomSpectrum } from './random-arrays.js';

/** Options of {@link fixedRankPsd}. */
export interface FixedRankPsdOptions<M> {
  /** Rows and columns of X. */
  readonly n: number;
  /** Rank r of X, at most n. */
  readonly rank: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

/** Declares the options of a manifold of factors Y. */
export const fixedRankPsdOptions = declareOptions<FixedRankPsdOptions<unknown>>()(
  {
    n: size({}),
    rank: size({}),
    batch: batchOption,
    algebra: algebraOption,
  },
  rankHints,
);

/** Manifold of positive semidefinite matrices of rank r, made by {@link fixedRankPsd}. */
export interface FixedRankPsdManifold<M> extends GeodesicManifold<M, M, M, M, Ambient<M>> {
  /** Returns YYᵀ, n×n, for small matrices and tests, in 2n²r flops. */
  toMatrix(y: M): M;
  /**
   * Returns the point nearest to a symmetric matrix [.., n, n], by one eigendecomposition. Its r largest eigenvalues
   * must be positive.
   */
  fromMatrix(s: M): M;
}

/**
 * Returns the manifold of positive semidefinite matrices of rank r, by factors, with the Bures–Wasserstein metric: for
 * covariances of low rank, embeddings, and semidefinite programs after Burer and Monteiro.
 *
 * $$ \lbrace Y\in\mathbb R^{n\times r} : \operatorname{rank}Y = r\rbrace\,/\,O(r), \qquad Y\sim YQ, \qquad X = YY^\top, \qquad \dim = nr-\tfrac12r(r-1) $$
 *
 * Tangents Z are horizontal, $Y^\top Z = Z^\top Y$, and the metric is the flat one. Of the gradient G by X only GY and
 * GᵀY are used:
 *
 * $$ \operatorname{grad}f = (G+G^\top)Y, \qquad \operatorname{Hess}f[Z] = P\bigl((\dot G+\dot G^\top)Y+(G+G^\top)Z\bigr), $$
 *
 * where P is the projection $Z-Y\Omega$ with $Y^\top Y\,\Omega+\Omega\,Y^\top Y = Y^\top Z-Z^\top Y$. Geodesics are
 * straight lines, as long as the rank stays r, and serve as the retraction. With Q the orthogonal polar factor of
 * $Y'^\top Y$,
 *
 * $$ \operatorname{Exp}_Y(tZ) = Y+tZ, \qquad \operatorname{Log}_Y(Y') = Y'Q-Y, \qquad \operatorname{dist}(Y,Y') = \|Y'Q-Y\|_F. $$
 *
 * At r = n this is {@link spd} with {@link buresWasserstein}. The distance is that of Bures and Wasserstein between
 * matrices of any rank.
 *
 * @param options - n, rank ≤ n; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n, r]. Operations cost O(nr²) flops.
 * @throws ShapeError if a size is not a positive integer or rank > n; ConfigError on unknown options. `log` throws a
 * NumericalError if several shortest geodesics lead to Y'.
 *
 * @example
 * ```ts
 * import { fixedRankPsd, hostAlgebra, type HostArray, minimize } from 'bures';
 *
 * // The nearest matrix of rank 1.
 * const la = hostAlgebra();
 * const s = la.diagMatrix(la.fromArray([4, 1, 0], [3]));
 * const manifold = fixedRankPsd({ n: 3, rank: 1 });
 * const gap = (y: HostArray) => la.subtract(manifold.toMatrix(y), s);
 * const cost = (y: HostArray) => 0.5 * la.norm(gap(y)) ** 2;
 * console.log((await minimize({ manifold, cost, gradient: { kind: 'ambient', at: gap } })).cost); // ½
 * ```
 * @see Massart and Absil, "Quotient geometry with simple geodesics for the manifold of fixed-rank positive-semidefinite
 * matrices", SIAM J. Matrix Anal. Appl. 41(1), 2020; Journée, Bach, Absil and Sepulchre, "Low-rank optimization on the
 * cone of positive semidefinite matrices", SIAM J. Optim. 20(5), 2010.
 */
export function fixedRankPsd<M = HostArray>(options: FixedRankPsdOptions<M>): FixedRankPsdManifold<NoInfer<M>> {
  const { n, rank, batch, algebra } = fixedRankPsdOptions.read('fixedRankPsd', options);
  if (rank > n) throw new ShapeError(`fixedRankPsd: rank must be at most n = ${n}, got ${rank}; reduce the rank or enlarge the matrix`);
  const la = algebraOrHost(algebra);
  const shape = [...batch, n, rank];
  const dim = batch.reduce((product, size) => product * size, n * rank - (rank * (rank - 1)) / 2);
  const horizontal = (y: M, z: M): M => horizontalPart(la, y, z);
  const twiceSymmetric = (operation: string, g: Ambient<M>, y: M): M => {
    checkAmbientShape(`fixedRankPsd.${operation}`, la, g, [...batch, n, n]);
    return la.add(applyAmbient(la, g, y), applyAmbientTranspose(la, g, y));
  };
  const retract = (y: M, z: M, t = 1): M => straightStep(la, 'retract', shape, y, z, t);
  const difference = (y: M, other: M): M => la.subtract(alignedFactor(la, y, other), y);
  return {
    name: `fixedRankPsd(${batchPrefix(batch)}${n}×${n}, rank ${rank})`,
    algebra: la,
    dim,
    typicalDist: Math.sqrt(dim),
    retractionOrder: 2,
    checkPoint: (y) => la.tidy(() => checkFullRank(la, y, shape)),
    inner: (_y, u, v) => la.inner(u, v),
    norm: (_y, u) => la.norm(u),
    dist: (y, other) => la.norm(difference(y, other)),
    project: horizontal,
    embed: (_y, z) => z,
    toTangent: horizontal,
    admissible: (_y, z) => z,
    // Already horizontal: Yᵀ(G + Gᵀ)Y is symmetric.
    egradToRgrad: (y, egrad) => twiceSymmetric('egradToRgrad', egrad, y),
    coordinatesToRgrad(_y, derivative) {
      checkShape('fixedRankPsd.coordinatesToRgrad', la, 'the derivative', derivative, shape);
      return derivative;
    },
    ehessToRhess: (y, egrad, ehess, z) =>
      horizontal(y, la.add(twiceSymmetric('ehessToRhess', ehess, y), twiceSymmetric('ehessToRhess', egrad, z))),
    coordinatesToRhess: (y, _derivative, product) => horizontal(y, product),
    retract,
    retractTransport(y, z, t = 1) {
      const point = retract(y, z, t);
      const carry = (v: M): M => horizontal(point, v);
      return { point, vector: carry, covector: carry, secondMoment: (s) => s };
    },
    transport(y, other, z) {
      const gauge = polar(la, la.matmul(y, other, { transposeA: true })).Q;
      return horizontal(other, la.matmul(z, gauge));
    },
    difference,
    ...logarithms(la, difference),
    exp: (y, z, t = 1) => straightStep(la, 'exp', shape, y, z, t),
    toMatrix: (y) => la.matmul(y, y, { transposeB: true }),
    fromMatrix(s) {
      checkShape('fixedRankPsd.fromMatrix', la, 'the matrix', s, [...batch, n, n]);
      return dominantFactor(la, s, rank);
    },
    ...sampling(la, shape, horizontal),
    decayDirection: (y) => y,
  };
}

/** Returns Y + tZ. */
function straightStep<M>(la: LinearAlgebra<M>, operation: 'retract' | 'exp', shape: readonly number[], y: M, z: M, t: number): M {
  checkStep(`fixedRankPsd.${operation}`, t);
  checkShape(`fixedRankPsd.${operation}`, la, 'the point', y, shape);
  checkShape(`fixedRankPsd.${operation}`, la, 'the tangent', z, shape);
  return checkEnd(`fixedRankPsd.${operation}`, la, la.axpy(t, z, y));
}

function logarithms<M>(
  la: LinearAlgebra<M>,
  difference: (y: M, other: M) => M,
): Required<Pick<FixedRankPsdManifold<M>, 'log' | 'inverseRetract'>> {
  const log = (y: M, other: M): M => {
    checkUniqueAlignment(la, y, other);
    return difference(y, other);
  };
  return { log, inverseRetract: log };
}

function sampling<M>(
  la: LinearAlgebra<M>,
  shape: readonly number[],
  horizontal: (y: M, z: M) => M,
): Pick<FixedRankPsdManifold<M>, 'randomPoint' | 'randomTangent' | 'zeroTangent'> {
  const spectrum = [...shape.slice(0, -2), shape.at(-1) as number];
  return {
    randomPoint: (random) => la.scaleColumns(randomOrthonormal(la, shape, random), la.sqrt(randomSpectrum(la, spectrum, random))),
    async randomTangent(y, random) {
      const direction = horizontal(y, la.randomNormal(shape, random));
      return la.scale(1 / (await la.norm(direction)), direction);
    },
    zeroTangent: () => la.full(shape, 0),
  };
}

/** Returns Z − YΩ with YᵀYΩ + ΩYᵀY = YᵀZ − ZᵀY, which is orthogonal to the vertical YΩ, Ω skew. */
export function horizontalPart<M>(la: LinearAlgebra<M>, y: M, z: M): M {
  const cross = la.matmul(y, z, { transposeA: true });
  const turn = solveLyapunov(la, la.matmul(y, y, { transposeA: true }), la.subtract(cross, la.transpose(cross)));
  return la.subtract(z, la.matmul(y, turn));
}

/** Returns V_r diag(√λ_r) for the r largest eigenvalues. */
function dominantFactor<M>(la: LinearAlgebra<M>, s: M, rank: number): M {
  const { values, vectors } = la.eigh(s);
  const shape = la.shape(values);
  const n = shape.at(-1) as number;
  const largest = { columns: [n - rank, n] as const };
  const row = la.slice(la.reshape(values, [...shape.slice(0, -1), 1, n]), largest);
  if (la.peek(row)?.some((value) => !(value > 0))) {
    throw new DomainError(
      `fixedRankPsd.fromMatrix: expected ${rank} positive eigenvalues, got one of ${Math.min(...(la.peek(row) ?? []))}; lower the rank`,
    );
  }
  return la.scaleColumns(la.slice(vectors, largest), la.sqrt(la.reshape(row, [...shape.slice(0, -1), rank])));
}

/**
 * @throws NumericalError if the alignment of `other` to y is not unique: some direction of one is orthogonal to all of
 * the other.
 */
function checkUniqueAlignment<M>(la: LinearAlgebra<M>, y: M, other: M): void {
  const S = la.peek(la.svd(la.matmul(other, y, { transposeA: true })).S);
  const rank = la.shape(y).at(-1) as number;
  if (S === undefined) return;
  for (let start = 0; start < S.length; start += rank) {
    if (S[start + rank - 1] > rank * la.epsilon * S[start]) continue;
    throw new NumericalError(
      'fixedRankPsd.log: a direction in the range of one point is orthogonal to the other, where several shortest geodesics join them; choose points closer together',
    );
  }
}

/** @throws ShapeError, NumericalError or DomainError unless Y has the shape, finite entries, and full column rank. */
async function checkFullRank<M>(la: LinearAlgebra<M>, y: M, shape: readonly number[]): Promise<void> {
  checkShape('fixedRankPsd', la, 'the point', y, shape);
  await checkFinite('fixedRankPsd', la, y);
  const rank = shape.at(-1) as number;
  const S = await la.toArray(la.svd(y).S);
  for (let start = 0; start < S.length; start += rank) {
    if (S[start + rank - 1] > rank * la.epsilon * S[start]) continue;
    throw new DomainError(
      `fixedRankPsd: expected a factor of rank ${rank}, but its singular values run down to ${S[start + rank - 1].toExponential(1)} from ${S[start].toExponential(1)}; lower the rank, or perturb the point`,
    );
  }
}
