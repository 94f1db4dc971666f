/** Shared by `stiefel` and `grassmann`: points are m×r matrices with orthonormal columns, tangents m×r matrices. */

import { ConfigError, ShapeError } from '../core/errors.js';
import { underName } from '../core/named-errors.js';
import { declareOptions, describeValue, option, size } from '../core/options.js';
import type { Random } from '../core/random.js';
import { algebraOption, algebraOrHost } from '../linalg/host/default-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { OrthonormalRetraction } from '../retractions/orthonormal-retraction.js';
import { polarRetraction } from '../retractions/polar.js';
import { batchOption, batchPrefix, checkFinite, checkOrthonormal, checkShape, checkStep, columnHints } from './checks.js';
import type { ManifoldParts } from './define-manifold.js';
import { randomOrthonormal } from './random-arrays.js';

/** Options of {@link stiefel} and {@link grassmann}. */
export interface OrthonormalOptions<M> {
  /** Rows of a point. */
  readonly m: number;
  /** Columns of a point: orthonormal, so at most m. */
  readonly rank: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The retraction. Default: {@link polarRetraction}. */
  readonly retraction?: OrthonormalRetraction;
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

/** Declares the options of a manifold of orthonormal matrices. */
export const orthonormalOptions = declareOptions<OrthonormalOptions<unknown>>()(
  {
    m: size({}),
    rank: size({}),
    batch: batchOption,
    retraction: option({ optional: true }, (caller, name, retraction) => {
      if (typeof (retraction as OrthonormalRetraction | null)?.retract === 'function') return;
      throw new ConfigError(
        `${caller}: ${name} must be a retraction, got ${describeValue(retraction)}; pass polarRetraction(), qrRetraction() or cayleyRetraction()`,
      );
    }),
    algebra: algebraOption,
  },
  columnHints,
);

/** Parts that depend only on the sizes, the retraction and the horizontal projection. */
export interface OrthonormalBase<M> {
  readonly la: LinearAlgebra<M>;
  readonly members: number;
  readonly shape: readonly number[];
  readonly sizes: string;
  readonly common: Pick<ManifoldParts<M, M>, 'algebra' | 'dim' | 'retractionOrder' | 'checkPoint' | 'project' | 'retract' | 'randomPoint'> &
    Pick<ManifoldParts<M, M>, 'inverseRetract'>;
  retract(x: M, u: M, t?: number): M;
}

/** What tells these manifolds apart. */
export interface OrthonormalGeometry<M> {
  /** Projects orthogonally onto the tangent (or horizontal) space at x. */
  project(la: LinearAlgebra<M>, x: M, z: M): M;
  /** Returns the dimension of one manifold. */
  dimOf(m: number, rank: number): number;
  /** Which inverse of the retraction is that of this manifold. */
  readonly inverse: 'inverse' | 'inverseHorizontal';
  /** Under which name a retraction says that it follows its geodesics to second order. Default: the caller's. */
  readonly geodesics?: string;
}

/**
 * Checks the options and builds the shared parts.
 *
 * @param caller - the factory's name.
 * @throws ShapeError also for sizes whose manifold consists of single points.
 */
export function orthonormalBase<M>(
  caller: string,
  options: OrthonormalOptions<M>,
  { project, dimOf, inverse: side, geodesics = caller }: OrthonormalGeometry<M>,
): OrthonormalBase<M> {
  const { m, rank, batch, retraction = polarRetraction(), algebra } = orthonormalOptions.read(caller, options);
  if (rank > m)
    throw new ShapeError(`${caller}: rank must be at most m = ${m}, got ${rank}; ${rank} orthonormal columns need ${rank} rows`);
  if (dimOf(m, rank) === 0)
    throw new ShapeError(
      `${caller}: expected a manifold with directions to move in, got ${m}×${rank}, which has none; enlarge m${rank > 1 ? ', or lower rank' : ''}`,
    );
  const la = algebraOrHost(algebra);
  const shape = [...batch, m, rank];
  const retract = (x: M, u: M, t = 1): M => {
    checkStep(`${caller}.retract`, t);
    checkShape(`${caller}.retract`, la, 'the point', x, shape);
    checkShape(`${caller}.retract`, la, 'the tangent', u, shape);
    return underName(`${caller}.retract`, () => retraction.retract(la, x, u, t));
  };
  const inverse = retraction[side];
  const members = batch.reduce((product, size) => product * size, 1);
  return {
    la,
    shape,
    members,
    sizes: `${batchPrefix(batch)}${m}×${rank}, ${retraction.name}`,
    retract,
    common: {
      algebra: la,
      dim: members * dimOf(m, rank),
      retractionOrder: retraction.secondOrderFor.includes(geodesics) ? 2 : 1,
      checkPoint: (x) =>
        la.tidy(async () => {
          checkShape(caller, la, 'the point', x, shape);
          await checkFinite(caller, la, x);
          await checkOrthonormal(caller, la, 'the point', x);
        }),
      project: (x, z) => project(la, x, z),
      retract,
      ...(inverse && {
        inverseRetract(x: M, y: M) {
          checkShape(`${caller}.inverseRetract`, la, 'the first point', x, shape);
          checkShape(`${caller}.inverseRetract`, la, 'the second point', y, shape);
          return underName(`${caller}.inverseRetract`, () => inverse(la, x, y));
        },
      }),
      randomPoint: (random: Random) => randomOrthonormal(la, shape, random),
    },
  };
}
