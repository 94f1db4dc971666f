/**
 * A vector space of arrays of one shape, with the Euclidean metric: every operation is the obvious one.
 */

import { ConfigError } from '../core/errors.js';
import { checkPositiveInteger, declareOptions, describeValue, option } from '../core/options.js';
import { algebraOption, algebraOrElementary } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkEnd, checkFinite, checkShape, checkStep } from './checks.js';
import { defineManifold } from './define-manifold.js';
import type { Manifold } from './manifold.js';

/** Options of {@link euclidean}. */
export interface EuclideanOptions<M> {
  /** Shape of a point, such as [m, n] or [n]. */
  readonly shape: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

const euclideanOptions = declareOptions<EuclideanOptions<unknown>>()({
  shape: option({}, (caller, name, shape) => {
    if (!Array.isArray(shape))
      throw new ConfigError(`${caller}: ${name} must be an array of sizes, got ${describeValue(shape)}; pass, say, { shape: [3, 2] }`);
    for (const size of shape) checkPositiveInteger(caller, 'each size', size);
  }),
  algebra: algebraOption,
});

/** A vector space: geodesics are straight lines, and no operation is missing. */
export type EuclideanManifold<M> = Required<Omit<Manifold<M, M>, 'atStep' | 'checkStart' | 'curvatureTowards' | 'roughMean'>>;

/**
 * Returns the vector space of arrays of a given shape.
 *
 * @param options - the shape; optionally the engine.
 * @throws ConfigError if the shape is not an array, ShapeError if a size in it is not a positive integer.
 *
 * @example
 * ```ts
 * import { euclidean, hostAlgebra, type HostArray, minimize } from 'bures';
 *
 * const la = hostAlgebra();
 * const [a, b] = [la.fromArray([2, 1, 1, 3], [2, 2]), la.fromArray([3, 5], [2, 1])];
 * const cost = (x: HostArray) => 0.5 * la.inner(x, la.matmul(a, x)) - la.inner(b, x);
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.subtract(la.matmul(a, x), b) } as const;
 * const { x } = await minimize({ manifold: euclidean({ shape: [2, 1] }), cost, gradient });
 * console.log(la.toArray(x)); // 0.8 and 1.4, the solution of a x = b
 * ```
 */
export function euclidean<M = HostArray>(options: EuclideanOptions<M>): EuclideanManifold<NoInfer<M>> {
  const { shape, algebra } = euclideanOptions.read('euclidean', options);
  const la = algebraOrElementary(algebra);
  const dim = shape.reduce((product, size) => product * size, 1);
  const checkGradient = (gradient: M): M => {
    checkShape('euclidean.egradToRgrad', la, 'the gradient', gradient, shape);
    return gradient;
  };
  const difference = (x: M, y: M): M => la.subtract(y, x);
  const add = (x: M, u: M, t = 1): M => {
    checkStep('euclidean.retract', t);
    checkShape('euclidean.retract', la, 'the point', x, shape);
    checkShape('euclidean.retract', la, 'the tangent', u, shape);
    return checkEnd('euclidean.retract', la, la.axpy(t, u, x));
  };
  return defineManifold({
    name: `euclidean(${shape.join('×')})`,
    algebra: la,
    dim,
    retractionOrder: 2,
    async checkPoint(x) {
      checkShape('euclidean', la, 'the point', x, shape);
      await checkFinite('euclidean', la, x);
    },
    project: (_x, z) => z,
    egradToRgrad: (_x, egrad) => checkGradient(egrad),
    ehessToRhess: (_x: M, _egrad: M, ehess: M) => ehess,
    coordinatesToRhess: (_x: M, _derivative: M, product: M) => product,
    retract: add,
    dist: (x: M, y: M) => la.norm(difference(x, y)),
    inverseRetract: difference,
    exp: add,
    log: difference,
    randomPoint: (random) => la.randomNormal(shape, random),
    async randomTangent(_x, random) {
      const direction = la.randomNormal(shape, random);
      return la.scale(1 / (await la.norm(direction)), direction);
    },
    decayDirection: (x: M) => x,
  });
}
