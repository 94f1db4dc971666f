/**
 * The m×n matrices of rank r, with a choice of metric and retraction.
 *
 * Point: X = U diag(S) Vᵀ as `{ U, S, V }`. Tangent: ξ = U M Vᵀ + Up Vᵀ + U Vpᵀ as `{ M, Up, Vp }`, UᵀUp = 0, VᵀVp = 0.
 * Dimension r(m + n − r). No operation forms an m×n matrix; of a gradient G only G·V and Gᵀ·U are used.
 *
 * @see Vandereycken, "Low-rank matrix completion by Riemannian optimization", SIAM J. Optim. 23(2), 2013.
 */

import { ConfigError } from '../core/errors.js';
import { underName } from '../core/named-errors.js';
import { declareOptions, describeValue, option } from '../core/options.js';
import { scaleTree } from '../core/tree.js';
import type { Ambient } from '../linalg/ambient.js';
import { algebraOption, algebraOrHost } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { NumberOf } from '../linalg/number-of.js';
import { embedded } from '../metrics/embedded.js';
import { cleanTangent, projectAmbient, tangentToAmbient } from '../metrics/fixed-rank-blocks.js';
import type { FixedRankMetric, FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import type { FixedRankRetraction } from '../retractions/fixed-rank-retraction.js';
import { truncatedProduct } from '../retractions/fixed-rank-retraction.js';
import { truncatedSvd } from '../retractions/truncated-svd.js';
import { checkAmbientShape, checkRank, checkShapes, checkStep, type RankShape, rankHints, rankShapeOptions } from './checks.js';
import { checkFixedRankPoint, checkProduct, ofFullRank } from './fixed-rank-checks.js';
import { nearestOfRank } from './fixed-rank-from-matrix.js';
import {
  blockwiseInner,
  carrySecondMoment,
  type FixedRankShapes,
  gradientFromCoordinates,
  isSecondOrder,
  shapesOf,
} from './fixed-rank-parts.js';
import type { Manifold } from './manifold.js';
import { normOf } from './norm-of.js';
import { randomOrthonormal, randomSpectrum } from './random-arrays.js';

/** Options of {@link fixedRank}. */
export interface FixedRankOptions<M> extends RankShape {
  /** The metric. Default: {@link embedded}. */
  readonly metric?: FixedRankMetric;
  /** The retraction. Default: {@link truncatedSvd}. */
  readonly retraction?: FixedRankRetraction;
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

/** Manifold of matrices of rank r, made by {@link fixedRank}. */
export interface FixedRankManifold<M> extends Manifold<M, FixedRankPoint<M>, FixedRankTangent<M>, Ambient<M>, Ambient<M>> {
  /** Shape [.., m, n] of the matrices. */
  readonly matrixShape: readonly number[];
  /** The metric it was made with. */
  readonly metric: FixedRankMetric;
  /** The retraction it was made with. */
  readonly retraction: FixedRankRetraction;
  /** Returns U diag(S) Vᵀ, m×n, for small matrices and tests, in 2·m·n·r flops. */
  toMatrix(x: FixedRankPoint<M>): M;
  /**
   * Returns the point nearest to A·B (A m×k, B k×n, k ≥ r), in O((m+n)k²) flops.
   *
   * @throws DomainError if the product has a lower rank to rounding, where the engine can be read.
   */
  fromFactors(a: M, b: M): FixedRankPoint<M>;
  /**
   * Returns the point nearest to a matrix in any form: dense by its SVD, factors in O((m+n)k²) flops, sparse matrices
   * and operators with more than 256 rows and columns by subspace iteration, 18 products with r + 16 columns.
   *
   * @throws DomainError if the matrix has a lower rank to rounding, where the engine can be read.
   */
  fromMatrix(z: Ambient<M>): FixedRankPoint<M>;
}

const fixedRankOptions = declareOptions<FixedRankOptions<unknown>>()(
  {
    ...rankShapeOptions,
    metric: option({ optional: true }, (caller, name, metric) => {
      if (typeof (metric as FixedRankMetric | null)?.sharp === 'function') return;
      throw new ConfigError(`${caller}: ${name} must be a metric, got ${describeValue(metric)}; pass embedded(), bures() or quotient()`);
    }),
    retraction: option({ optional: true }, (caller, name, retraction) => {
      if (typeof (retraction as FixedRankRetraction | null)?.retract === 'function') return;
      throw new ConfigError(
        `${caller}: ${name} must be a retraction, got ${describeValue(retraction)}; pass truncatedSvd(), orthographic() or factored()`,
      );
    }),
    algebra: algebraOption,
  },
  rankHints,
);

/**
 * Returns the manifold of m×n matrices of rank r, with a choice of metric and retraction.
 *
 * $$ \mathcal M_r = \lbrace X\in\mathbb R^{m\times n} : \operatorname{rank}X = r\rbrace, \qquad \dim\mathcal M_r = r(m+n-r) $$
 *
 * Points are singular value decompositions, tangents three blocks:
 *
 * $$ X = U\operatorname{diag}(S)V^\top, \qquad \xi = UMV^\top+U_pV^\top+UV_p^\top, $$
 *
 * with UᵀUp = 0 and VᵀVp = 0.
 *
 * No operation forms an m×n matrix: of a gradient G only G·V and Gᵀ·U are used. Operations on tangents cost O((m+n)r²)
 * flops.
 *
 * @param options - sizes, and optionally metric ({@link embedded}, the default, {@link bures}, {@link quotient}),
 * retraction ({@link truncatedSvd}, the default, {@link orthographic}, {@link factored}), batch axes and engine.
 * @returns a readonly object; points are `{ U: [.., m, r], S: [.., r], V: [.., n, r] }`, tangents
 * `{ M: [.., r, r], Up: [.., m, r], Vp: [.., n, r] }`.
 * @throws ShapeError if a size is not a positive integer or rank > min(m, n); ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { bures, factored, fixedRank, type FixedRankPoint, type HostArray, hostAlgebra, minimize, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = fixedRank({ m: 30, n: 20, rank: 3, metric: bures(), retraction: factored() });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FixedRankPoint<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FixedRankPoint<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * console.log(await minimize({ manifold, cost, gradient: { kind: 'ambient', at: residual } }));
 * ```
 * @see Vandereycken, "Low-rank matrix completion by Riemannian optimization", SIAM J. Optim. 23(2), 2013.
 */
export function fixedRank<M = HostArray>(options: FixedRankOptions<M>): FixedRankManifold<NoInfer<M>> {
  const settings = fixedRankOptions.read('fixedRank', options);
  checkRank('fixedRank', settings);
  const { m, n, rank, batch, metric = embedded(), retraction = truncatedSvd() } = settings;
  const la = algebraOrHost(settings.algebra);
  const shapes = shapesOf({ m, n, rank, batch });
  const dim = batch.reduce((product, size) => product * size, rank * (m + n - rank));

  const inner = (x: FixedRankPoint<M>, u: FixedRankTangent<M>, v: FixedRankTangent<M>): NumberOf<M> => {
    checkShapes('fixedRank.inner', la, x, shapes.point);
    checkShapes('fixedRank.inner', la, u, shapes.tangent);
    checkShapes('fixedRank.inner', la, v, shapes.tangent);
    return blockwiseInner(la, u, metric.flat(la, x, v));
  };
  const norm = normOf<M, FixedRankPoint<M>, FixedRankTangent<M>>(la, inner);
  const project = (caller: string, x: FixedRankPoint<M>, z: Ambient<M>): FixedRankTangent<M> => {
    checkAmbientShape(`fixedRank.${caller}`, la, z, [...batch, m, n]);
    return projectAmbient(la, x, z);
  };
  const retract = (x: FixedRankPoint<M>, u: FixedRankTangent<M>, t = 1): FixedRankPoint<M> => {
    checkStep('fixedRank.retract', t);
    checkShapes('fixedRank.retract', la, x, shapes.point);
    checkShapes('fixedRank.retract', la, u, shapes.tangent);
    return underName('fixedRank.retract', () => retraction.retract(la, x, u, t));
  };
  const transport = (x: FixedRankPoint<M>, y: FixedRankPoint<M>, u: FixedRankTangent<M>): FixedRankTangent<M> => {
    checkShapes('fixedRank.transport', la, x, shapes.point);
    checkShapes('fixedRank.transport', la, y, shapes.point);
    checkShapes('fixedRank.transport', la, u, shapes.tangent);
    return projectAmbient(la, y, tangentToAmbient(la, x, u));
  };

  return {
    name: `fixedRank(${m}×${n}, rank ${rank}, ${metric.name}, ${retraction.name})`,
    algebra: la,
    matrixShape: [...batch, m, n],
    metric,
    retraction,
    dim,
    typicalDist: Math.sqrt(dim),
    retractionOrder: isSecondOrder(metric, retraction) ? 2 : 1,
    checkPoint: (x) => la.tidy(() => checkFixedRankPoint(la, x, shapes.point)),
    inner,
    norm,
    project: (x, z) => project('project', x, z),
    embed: (x, u) => tangentToAmbient(la, x, u),
    toTangent: (x, u) => cleanTangent(la, x, u),
    admissible: (x, u) => cleanTangent(la, x, u),
    egradToRgrad: (x, egrad) => metric.sharp(la, x, project('egradToRgrad', x, egrad)),
    coordinatesToRgrad(x, derivative) {
      checkShapes('fixedRank.coordinatesToRgrad', la, derivative, { U: shapes.point.U, V: shapes.point.V });
      return gradientFromCoordinates(la, metric, x, derivative);
    },
    retract,
    retractTransport(x, u, t = 1) {
      const point = retract(x, u, t);
      const carry = (v: FixedRankTangent<M>): FixedRankTangent<M> => transport(x, point, v);
      return { point, vector: carry, covector: carry, secondMoment: (s) => carrySecondMoment(la, x, point, s) };
    },
    transport,
    difference: (x, y) => metric.difference(la, x, y),
    ...optionalOperations(la, metric, retraction, [...batch, m, n]),
    ...sampling(la, shapes, norm),
    toMatrix: (x) => la.matmul(la.scaleColumns(x.U, x.S), x.V, { transposeB: true }),
    fromFactors(a, b) {
      checkProduct(la, a, b, [...batch, m, n], rank);
      return ofFullRank('fixedRank.fromFactors', la, truncatedProduct(la, a, undefined, la.transpose(b), rank));
    },
    fromMatrix: (z) => ofFullRank('fixedRank.fromMatrix', la, nearestOfRank(la, z, [...batch, m, n], rank)),
  };
}

function optionalOperations<M>(
  la: LinearAlgebra<M>,
  { ehessToRhess }: FixedRankMetric,
  { inverse }: FixedRankRetraction,
  ambient: readonly number[],
): Pick<FixedRankManifold<M>, 'ehessToRhess' | 'inverseRetract'> {
  const hessian: FixedRankManifold<M>['ehessToRhess'] =
    ehessToRhess &&
    ((x, egrad, ehess, u) => {
      checkAmbientShape('fixedRank.ehessToRhess', la, egrad, ambient);
      checkAmbientShape('fixedRank.ehessToRhess', la, ehess, ambient);
      return ehessToRhess(la, x, egrad, ehess, u);
    });
  return {
    ...(hessian && { ehessToRhess: hessian }),
    ...(inverse && { inverseRetract: (x, y) => underName('fixedRank.inverseRetract', () => inverse(la, x, y)) }),
  };
}

function sampling<M>(
  la: LinearAlgebra<M>,
  { point, tangent }: FixedRankShapes,
  norm: FixedRankManifold<M>['norm'],
): Pick<FixedRankManifold<M>, 'randomPoint' | 'randomTangent' | 'zeroTangent' | 'decayDirection'> {
  return {
    randomPoint: (random) => ({
      U: randomOrthonormal(la, point.U, random),
      S: randomSpectrum(la, point.S, random),
      V: randomOrthonormal(la, point.V, random),
    }),
    async randomTangent(x, random) {
      const raw = {
        M: la.randomNormal(tangent.M, random),
        Up: la.randomNormal(tangent.Up, random),
        Vp: la.randomNormal(tangent.Vp, random),
      };
      const direction = cleanTangent(la, x, raw);
      return scaleTree(la, 1 / (await norm(x, direction)), direction);
    },
    zeroTangent: () => ({ M: la.full(tangent.M, 0), Up: la.full(tangent.Up, 0), Vp: la.full(tangent.Vp, 0) }),
    decayDirection: (x) => ({ M: la.diagMatrix(x.S), Up: la.full(tangent.Up, 0), Vp: la.full(tangent.Vp, 0) }),
  };
}
