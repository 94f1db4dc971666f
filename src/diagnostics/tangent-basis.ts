import { NumericalError } from '../core/errors.js';
import { declareOptions, number } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import { scaleTree } from '../core/tree.js';
import type { Manifold } from '../manifolds/manifold.js';
import { orthogonalTo } from './lanczos.js';
import { requireManifold } from './taylor.js';

/** Options of {@link tangentBasis}. */
export interface TangentBasisOptions {
  /** Seed of the random tangents of which the basis is made. Default: 0. */
  readonly seed?: number;
}

const tangentBasisOptions = declareOptions<TangentBasisOptions>()({ seed: number({ default: 0 }) });

/** Defaults of {@link TangentBasisOptions}. */
export const tangentBasisDefaults: Required<TangentBasisOptions> = tangentBasisOptions.defaults;

/** Number of draws for a vector before the space counts as exhausted. */
const draws = 4;

/**
 * Returns an orthonormal basis of the tangent space at x, in the metric there, by Gram–Schmidt from random tangents:
 * Manopt's `tangentorthobasis`. On quotient manifolds the tangents are horizontal.
 *
 * @param manifold - any manifold.
 * @param x - a point of it.
 * @param options - the seed.
 * @returns `manifold.dim` tangents. About dim² inner products.
 * @throws ConfigError for bad arguments; the error of `checkPoint` if x is off the manifold; NumericalError if the
 * tangent space has fewer dimensions than `manifold.dim` says.
 *
 * @example
 * ```ts
 * import { seededRandom, sphere } from 'bures';
 * import { tangentBasis } from 'bures/diagnostics';
 *
 * const manifold = sphere({ shape: [4] });
 * const x = manifold.randomPoint(seededRandom(1));
 * const basis = await tangentBasis(manifold, x);
 * console.log(basis.length, await manifold.inner(x, basis[0], basis[1])); // 3, and 0 to rounding
 * ```
 */
export async function tangentBasis<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  x: P,
  options: TangentBasisOptions = {},
): Promise<readonly T[]> {
  requireManifold('tangentBasis', manifold);
  const { seed } = tangentBasisOptions.read('tangentBasis', options);
  await manifold.checkPoint(x);
  const plain = manifold as Manifold<M, P, T, unknown, unknown>;
  const random = seededRandom(seed);
  const la = manifold.algebra;
  // A tangent that has less than this left after several draws is rounding: there are no more dimensions.
  const leastLength = Math.sqrt(la.epsilon);
  const basis: T[] = [];
  while (basis.length < manifold.dim) {
    const known = [...basis];
    const next = await la.tidy(async () => {
      for (let draw = 0; draw < draws; draw++) {
        const rest = manifold.toTangent(x, await orthogonalTo(plain, x, await manifold.randomTangent(x, random), known));
        const length = await manifold.norm(x, rest);
        if (length > leastLength) return scaleTree(la, 1 / length, rest);
      }
      return undefined;
    });
    if (next === undefined)
      throw new NumericalError(
        `tangentBasis: the tangent space of ${manifold.name} has ${known.length} dimensions here, but dim says ${manifold.dim}; check the manifold with checkManifold, or the rank of the point`,
      );
    basis.push(next);
  }
  return basis;
}
