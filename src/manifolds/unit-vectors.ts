/**
 * Common part of `sphere` and `oblique`: points are collections of unit vectors, and every operation is that of the
 * unit sphere, vector by vector.
 */

import { DomainError, NumericalError } from '../core/errors.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkTurn } from '../metrics/orthogonal-functions.js';
import { divideOnRange } from '../metrics/spectrum.js';
import { checkEnd, checkFinite, checkShape, checkStep, pointTolerance } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { GeodesicManifold } from './manifold.js';

/** Layout of the unit vectors of an array. */
export interface UnitVectors<M> {
  /** The factory's name. */
  readonly caller: string;
  /** Sizes as shown in the manifold's name. */
  readonly sizes: string;
  /** Shape of a point, batch axes first. */
  readonly shape: readonly number[];
  /** Number of entries of each vector. */
  readonly length: number;
  /** Number of vectors of a point, over the batch. */
  readonly count: number;
  /** Returns the inner product of each vector of x with its partner in y: one number per vector. */
  dot(x: M, y: M): M;
  /** Multiplies each vector of x by its own number. */
  weigh(c: M, x: M): M;
}

/** Operations of the sphere, with one number per vector for each scalar of a formula. */
interface SphereOperations<M> {
  /** Z − x⟨x, z⟩. */
  tangentPart(x: M, z: M): M;
  /** z/|z|. */
  unit(z: M): M;
  exp(x: M, u: M): M;
  log(x: M, y: M): M;
  /** The u with (x + u)/|x + u| = y. */
  inverseRetract(x: M, y: M): M;
  /** Returns the angles between the vectors of x and y. */
  angles(x: M, y: M): M;
  transport(x: M, y: M, u: M): M;
}

function sphereOperations<M>(la: LinearAlgebra<M>, { caller, length, dot, weigh }: UnitVectors<M>): SphereOperations<M> {
  // Scaled by the sum of absolute values, so that no square overflows or vanishes.
  const scaled = (z: M): { readonly size: M; readonly rest: M } => {
    const size = dot(la.sign(z), la.scale(1 / length, z));
    const inverse = divideOnRange(la, la.full(la.shape(size), 1), size, la.full(la.shape(size), 0));
    return { size, rest: weigh(inverse, z) };
  };
  const lengths = (z: M): M => {
    const { size, rest } = scaled(z);
    return la.multiply(size, la.sqrt(dot(rest, rest)));
  };
  const tangentPart = (x: M, z: M): M => la.subtract(z, weigh(dot(x, z), x));
  const overLengths = (c: M, z: M): M => {
    const sizes = lengths(z);
    return divideOnRange(la, c, sizes, la.full(la.shape(sizes), 0));
  };
  const unit = (z: M): M => {
    const { rest } = scaled(z);
    const squares = dot(rest, rest);
    return weigh(la.divide(la.full(la.shape(squares), 1), la.sqrt(squares)), rest);
  };
  // 2 atan(|x − y|/|x + y|) keeps its digits at all angles; the arc cosine loses half of them if x and y are close.
  const angles = (x: M, y: M): M => {
    const [apart, together] = [lengths(la.subtract(x, y)), lengths(la.add(x, y))];
    return la.scale(2, la.atan(la.divide(apart, la.maximum(together, la.epsilon ** 2))));
  };
  // y ∓ x, whichever is shorter: both have the tangent part of y, which rounding of the longer one spoils where y is
  // close to x or opposite to it.
  const nearestSum = (x: M, y: M): M => {
    const isNear = la.greater(dot(x, y), 0);
    return la.subtract(y, weigh(la.subtract(la.scale(2, isNear), la.full(la.shape(isNear), 1)), x));
  };
  return {
    tangentPart,
    unit,
    angles,
    exp(x, u) {
      const angle = lengths(u);
      checkTurn(`${caller}.exp`, la, angle);
      const across = weigh(overLengths(la.sin(angle), u), u);
      return unit(la.add(weigh(la.cos(angle), x), across));
    },
    log(x, y) {
      if (la.peek(lengths(la.add(x, y)))?.some((gap) => gap <= 8 * la.epsilon)) {
        throw new NumericalError(
          `${caller}.log: the points have opposite vectors in them, which every great circle through one joins; choose points closer together`,
        );
      }
      const direction = tangentPart(x, nearestSum(x, y));
      return weigh(overLengths(angles(x, y), direction), direction);
    },
    // y/⟨x, y⟩ − x, without cancellation.
    inverseRetract(x, y) {
      const cosines = dot(x, y);
      if (la.peek(cosines)?.some((cosine) => cosine <= la.epsilon)) {
        throw new NumericalError(
          `${caller}.inverseRetract: the points have vectors at a right angle or more in them, where no tangent leads from one to the other; choose points closer together`,
        );
      }
      return weigh(la.divide(la.full(la.shape(cosines), 1), cosines), tangentPart(x, la.subtract(y, x)));
    },
    // Transport along the geodesic from x to y: the reflection in the plane orthogonal to x + y maps x to −y and a
    // tangent at x to one at y. Opposite points share their tangents.
    transport(x, y, u) {
      const middle = la.add(x, y);
      const squares = dot(middle, middle);
      const share = divideOnRange(la, la.scale(2, dot(middle, u)), squares, la.full(la.shape(squares), 0));
      return la.subtract(u, weigh(share, middle));
    },
  };
}

/**
 * Returns the product of unit spheres, one for each vector of an array.
 *
 * @param la - the engine.
 * @param vectors - the layout of the vectors.
 */
export function unitVectorManifold<M>(la: LinearAlgebra<M>, vectors: UnitVectors<M>): GeodesicManifold<M> {
  const { caller, shape, count, length, dot, weigh } = vectors;
  const { tangentPart, unit, exp, log, angles, transport, inverseRetract } = sphereOperations(la, vectors);
  const dim = count * (length - 1);
  const checkStepTo = (operation: string, x: M, u: M, t: number): void => {
    checkStep(`${caller}.${operation}`, t);
    checkShape(`${caller}.${operation}`, la, 'the point', x, shape);
    checkShape(`${caller}.${operation}`, la, 'the tangent', u, shape);
  };
  const gradient = (operation: string, x: M, g: M): M => {
    checkShape(`${caller}.${operation}`, la, 'the gradient', g, shape);
    return tangentPart(x, g);
  };
  const retract = (x: M, u: M, t = 1): M => {
    checkStepTo('retract', x, u, t);
    return checkEnd(`${caller}.retract`, la, unit(la.axpy(t, u, x)));
  };
  return defineManifold({
    name: `${caller}(${vectors.sizes})`,
    algebra: la,
    dim,
    typicalDist: Math.PI * Math.sqrt(count),
    retractionOrder: 2,
    async checkPoint(x) {
      checkShape(caller, la, 'the point', x, shape);
      await checkFinite(caller, la, x);
      await checkUnit(la, caller, dot(x, x));
    },
    dist: (x: M, y: M) => la.norm(angles(x, y)),
    project: tangentPart,
    egradToRgrad: (x, egrad) => gradient('egradToRgrad', x, egrad),
    coordinatesToRgrad: (x, derivative) => gradient('coordinatesToRgrad', x, derivative),
    // Absil, Mahony and Sepulchre 2008, section 6.4.1, and Boumal 2023, example 5.27: P_x(∇²f[u]) − ⟨x, ∇f⟩u.
    ehessToRhess(x, egrad, ehess, u) {
      checkShape(`${caller}.ehessToRhess`, la, 'the gradient', egrad, shape);
      return la.subtract(gradient('ehessToRhess', x, ehess), weigh(dot(x, egrad), u));
    },
    retract,
    inverseRetract,
    transport,
    exp(x, u, t = 1) {
      checkStepTo('exp', x, u, t);
      return checkEnd(`${caller}.exp`, la, exp(x, la.scale(t, u)));
    },
    log,
    randomPoint: (random) => unit(la.randomNormal(shape, random)),
  });
}

/** @throws DomainError unless all squared lengths are one to rounding. */
async function checkUnit<M>(la: LinearAlgebra<M>, caller: string, squares: M): Promise<void> {
  const deviation = await la.maxAbs(la.subtract(squares, la.full(la.shape(squares), 1)));
  const tolerance = pointTolerance(la.epsilon, 1);
  if (deviation <= tolerance) return;
  throw new DomainError(
    `${caller}: expected vectors of length 1, but |x|² − 1 reaches ${deviation.toExponential(1)} (allowed ${tolerance.toExponential(1)}); divide each by its length`,
  );
}
