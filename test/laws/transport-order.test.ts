/**
 * Transport tends to the identity: a tangent carried along a step of size t differs from itself by O(t), whichever
 * representative the arrival has. Compared as velocities of matrices, so that a transport in the wrong gauge is off by
 * the tangent's own size. Over every manifold × metric × retraction × engine.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinearAlgebra, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { sizes } from '../support/matrices.js';
import type { Specimen, SpecimenFactory } from './specimen-kinds.js';
import { combine, numbersOf, specimens } from './specimens.js';

describe.each(hostEngines)('on %s', (_engine, engine) => {
  const la = engine as LinearAlgebra<unknown>;
  const size = async (tree: unknown): Promise<number> => Math.hypot(...(await numbersOf(la, tree)));

  it.each(specimens)(
    'carrying a tangent of %s a step t changes it by O(t), in any representative',
    async (_name, make: SpecimenFactory) => {
      await fc.assert(
        fc.asyncProperty(sizes(8), fc.constantFrom<readonly number[]>([], [2]), async ({ m, n, r, seed }, batch) => {
          const random = seededRandom(seed);
          const specimen: Specimen<unknown, unknown, unknown, unknown> = make(la, { m, n, r, batch });
          const { manifold, velocity, otherRepresentative } = specimen;
          const x = specimen.point(
            Float64Array.from({ length: r }, (_, i) => 1 - i / (2 * r)),
            random,
          );
          const u = await manifold.randomTangent(x, random);
          const v = await manifold.randomTangent(x, random);
          const before = velocity(x, v);
          // σ_r ≥ ½ and unit tangents: the tangent space turns by a few t/σ_r; 100 leaves room, and a wrong gauge is
          // off by 1/t = 1e6 times more.
          const t = 1e-6;
          const allowed = 100 * t * (await size(before));
          const { point: y, vector } = manifold.retractTransport(x, u, t);
          const other = otherRepresentative(y, manifold.zeroTangent(y), random).x;
          for (const after of [
            velocity(y, vector(v)),
            velocity(y, manifold.transport(x, y, v)),
            velocity(other, manifold.transport(x, other, v)),
          ]) {
            expect(await size(combine(la, 1, after, -1, before))).toBeLessThan(allowed);
          }
        }),
        { numRuns: 12 },
      );
    },
  );
});
