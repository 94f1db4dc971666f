import { DomainError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { determinantSigns } from '../linalg/determinant-signs.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import { hostAlgebra } from '../linalg/host/host-algebra.js';
import type { GeodesicManifold } from './manifold.js';
import { groupManifold, type OrthogonalOptions } from './orthogonal-group.js';
import { randomOrthonormal } from './random-arrays.js';

/**
 * Returns the group of rotations of ℝⁿ: the component of {@link orthogonalGroup} with determinant 1. All operations but
 * the checking and drawing of points are those of the orthogonal group.
 *
 * $$ SO(n) = \lbrace X\in O(n) : \det X = 1\rbrace $$
 *
 * @param options - n; optionally retraction, batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., n, n]. Operations cost O(n³) flops.
 * @throws ShapeError if n is not an integer above 1; ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { barycenter, hostAlgebra, rotations } from 'bures';
 *
 * const la = hostAlgebra();
 * const turn = (angle: number) =>
 *   la.fromArray([Math.cos(angle), -Math.sin(angle), Math.sin(angle), Math.cos(angle)], [2, 2]);
 * const { point } = await barycenter(rotations({ n: 2 }), [turn(0.2), turn(0.3), turn(0.7)]);
 * console.log(Math.acos(la.toArray(point)[0])); // 0.4
 * ```
 * @see Boumal 2023, section 7.4.
 */
export function rotations<M = HostArray>(options: OrthogonalOptions<M>): GeodesicManifold<NoInfer<M>> {
  const group = groupManifold('rotations', options);
  const { n, batch = [] } = options;
  const la = group.algebra;
  const shape = [...batch, n, n];
  return {
    ...group,
    async checkPoint(x) {
      await group.checkPoint(x);
      if (determinantSigns(await la.toArray(x), n).every((sign) => sign > 0)) return;
      throw new DomainError(
        'rotations: expected determinant 1, got −1: a reflection; change the sign of one column, or use orthogonalGroup',
      );
    },
    randomPoint: (random) => la.fromArray(randomRotations(shape, random), shape),
  };
}

/** Draws uniformly distributed rotations, on the host, where the determinant can be read. */
function randomRotations(shape: readonly number[], random: Random): Float64Array {
  const host = hostAlgebra();
  const n = shape.at(-1) as number;
  const values = host.toArray(randomOrthonormal(host, shape, random)) as Float64Array;
  for (const [member, sign] of determinantSigns(values, n).entries()) {
    // Reversing the last column of a reflection maps one component onto the other and keeps the uniform distribution.
    if (sign < 0) for (let i = 0; i < n; i++) values[(member * n + i) * n + n - 1] *= -1;
  }
  return values;
}
