/**
 * The algebraic laws of DESIGN, once, over every manifold × metric × retraction × engine. The laws of order are in
 * `slopes.test.ts`.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinearAlgebra, restoreRandom, seededRandom } from '../../src/index.js';
import { allEngines, runsOn, withoutLeaks } from '../support/engines.js';
import { geometric, type Sizes, sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';
import type { Specimen, SpecimenFactory } from './specimen-kinds.js';
import { combine, numbersOf, specimens } from './specimens.js';

/** A descending spectrum with σ₁ = 1, and the condition number that tolerances grow with. */
interface Spectrum {
  readonly values: Float64Array;
  readonly kappa: number;
}

/** Spectra by name. Condition numbers are such that c·ε·κ is small beside one: up to 10⁹ in float64, 10³ in float32. */
const spectra = {
  distinct: (r) => ({ values: Float64Array.from({ length: r }, (_, i) => 1 - i / (2 * r)), kappa: 2 }),
  graded: (r, { epsilon }) => graded(r, epsilon < 1e-10 ? 1e4 : 1e2),
  repeated: (r) => ({ values: Float64Array.from({ length: r }, (_, i) => (i <= r / 2 ? 1 : 0.5)), kappa: 2 }),
  'nearly zero': (r, { epsilon }) => graded(r, epsilon < 1e-10 ? 1e9 : 1e3),
} as const satisfies Readonly<Record<string, (r: number, engine: { readonly epsilon: number }) => Spectrum>>;

function graded(r: number, kappa: number): Spectrum {
  return { values: geometric(r, 1 / kappa), kappa };
}

/** What fast-check draws: sizes, conditioning, batch axes and a seed. */
interface Drawn extends Sizes {
  readonly spectrum: keyof typeof spectra;
  readonly batch: readonly number[];
}

const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    size: sizes(9),
    spectrum: fc.constantFrom(...(Object.keys(spectra) as (keyof typeof spectra)[])),
    batch: fc.constantFrom<readonly number[]>([], [2]),
  })
  .map(({ size, spectrum, batch }) => ({ ...size, spectrum, batch }));

/** A specimen with a point and two unit tangents on it. */
interface Scene<M> {
  readonly la: LinearAlgebra<M>;
  readonly specimen: Specimen<M, unknown, unknown, unknown>;
  readonly x: unknown;
  readonly u: unknown;
  readonly v: unknown;
  readonly random: ReturnType<typeof seededRandom>;
  /** A step well inside the smallest singular value, beyond which some retractions are not defined. */
  readonly step: number;
  /** c·ε·κ: what an operation that divides by singular values may be off by, relative to its data. */
  readonly allowed: number;
}

async function setScene<M>(la: LinearAlgebra<M>, make: SpecimenFactory, { m, n, r, batch, spectrum, seed }: Drawn): Promise<Scene<M>> {
  const random = seededRandom(seed);
  const specimen = make(la, { m, n, r, batch });
  const { values, kappa } = spectra[spectrum](r, la);
  const x = specimen.point(values, random);
  const u = await specimen.manifold.randomTangent(x, random);
  const v = await specimen.manifold.randomTangent(x, random);
  return { la, specimen, x, u, v, random, step: 0.05 / kappa, allowed: tolerance(la, 100 * (m + n), kappa) };
}

async function size(la: LinearAlgebra<unknown>, tree: unknown): Promise<number> {
  return Math.hypot(...(await numbersOf(la, tree)));
}

describe.each(allEngines)('on %s', (_engine, la) => {
  describe.each(specimens)('%s', (_name, make) => {
    const law = (claim: string, check: (scene: Scene<unknown>) => Promise<void>): void => {
      it(claim, async () => {
        await fc.assert(
          fc.asyncProperty(drawn, (draw) => withoutLeaks(la, async () => check(await setScene(la, make, draw)))),
          { numRuns: runsOn(la, 16) },
        );
      });
    };

    law('random points lie on the manifold, and so do points of a given spectrum', async ({ specimen, x, random }) => {
      await specimen.manifold.checkPoint(specimen.manifold.randomPoint(random));
      await specimen.manifold.checkPoint(x);
    });

    law('random tangents have unit norm and are tangent', async ({ la, specimen: { manifold }, x, u, allowed }) => {
      expect(await manifold.norm(x, u)).toBeAllClose(1, allowed);
      const scale = await size(la, u);
      expect(await numbersOf(la, manifold.toTangent(x, u))).toBeAllClose(await numbersOf(la, u), allowed * scale);
    });

    law('projection leaves embedded tangents where they are', async ({ la, specimen: { manifold }, x, u, allowed }) => {
      const scale = await size(la, u);
      expect(await numbersOf(la, manifold.project(x, manifold.embed(x, u)))).toBeAllClose(await numbersOf(la, u), allowed * scale);
    });

    law('projection is idempotent', async ({ la, specimen: { manifold, ambient }, x, random, allowed }) => {
      const once = manifold.project(x, ambient(random));
      const twice = manifold.project(x, manifold.embed(x, once));
      expect(await numbersOf(la, twice)).toBeAllClose(await numbersOf(la, once), allowed * (1 + (await size(la, once))));
    });

    law('projection is self-adjoint', async ({ la, specimen, x, random, allowed }) => {
      const { manifold, ambient, expand, projectionProduct } = specimen;
      const [z, w] = [ambient(random), ambient(random)];
      const [projectedZ, projectedW] = [manifold.embed(x, manifold.project(x, z)), manifold.embed(x, manifold.project(x, w))];
      const dot = async (a: unknown, b: unknown): Promise<number> => {
        if (projectionProduct === 'metric') return manifold.inner(x, a, b);
        const [left, right] = [await numbersOf(la, expand(a)), await numbersOf(la, expand(b))];
        return left.reduce((sum, value, i) => sum + value * right[i], 0);
      };
      const scale =
        (await size(la, expand(z))) * (await size(la, expand(w))) +
        (await size(la, expand(projectedZ))) * (await size(la, expand(projectedW)));
      expect(await dot(projectedZ, w)).toBeAllClose(await dot(z, projectedW), allowed * scale);
    });

    law('the metric is symmetric, bilinear and positive', async ({ la, specimen: { manifold }, x, u, v, allowed }) => {
      const uv = await manifold.inner(x, u, v);
      expect(uv).toBeAllClose(await manifold.inner(x, v, u), allowed);
      const sum = combine(la, 2, u, -3, v);
      expect(await manifold.inner(x, sum, v)).toBeAllClose(2 * uv - 3 * (await manifold.inner(x, v, v)), 10 * allowed);
      expect(await manifold.inner(x, u, u)).toBeGreaterThan(0);
      expect(await manifold.norm(x, manifold.zeroTangent(x))).toBe(0);
    });

    law('numbers are there at once if the engine can be read at once', async ({ la, specimen: { manifold }, x, u, v }) => {
      // Not every manifold has a distance, and the components of a product may lack theirs.
      const dist = 'components' in manifold ? undefined : manifold.dist?.(x, x);
      const read = [manifold.inner(x, u, v), manifold.norm(x, u), ...(dist === undefined ? [] : [dist])];
      if (la.readsSynchronously) expect(read.map((one) => typeof one)).toEqual(read.map(() => 'number'));
      await Promise.all(read);
    });

    law('the metric, the projection and the norm do not see the representative', async ({ la, specimen, x, u, v, random, allowed }) => {
      const { manifold, otherRepresentative, velocity } = specimen;
      // One gauge for both tangents: the same stream, read twice.
      const stream = random.split().state();
      const first = otherRepresentative(x, u, restoreRandom(stream));
      const second = otherRepresentative(x, v, restoreRandom(stream));
      expect(await manifold.inner(first.x, first.u, second.u)).toBeAllClose(await manifold.inner(x, u, v), allowed);
      expect(await numbersOf(la, velocity(first.x, first.u))).toBeAllClose(
        await numbersOf(la, velocity(x, u)),
        allowed * (await size(la, u)),
      );
    });

    law('R_x(0) = x, and retract does not see the representative', async ({ la, specimen, x, u, random, step, allowed }) => {
      const { manifold, matrix, otherRepresentative } = specimen;
      const scale = 1 + (await size(la, matrix(x)));
      expect(await numbersOf(la, matrix(manifold.retract(x, manifold.zeroTangent(x))))).toBeAllClose(
        await numbersOf(la, matrix(x)),
        allowed * scale,
      );
      const other = otherRepresentative(x, u, random);
      expect(await numbersOf(la, matrix(manifold.retract(other.x, other.u, step)))).toBeAllClose(
        await numbersOf(la, matrix(manifold.retract(x, u, step))),
        allowed * scale,
      );
    });

    law('retractions land on the manifold, and retractTransport where retract does', async ({ la, specimen: { manifold }, x, u, step }) => {
      const arrived = manifold.retract(x, u, step);
      await manifold.checkPoint(arrived);
      expect(await numbersOf(la, manifold.retractTransport(x, u, step).point)).toEqual(await numbersOf(la, arrived));
    });

    law('transport lands in the tangent space and is linear', async ({ la, specimen: { manifold }, x, u, v, step, allowed }) => {
      const { point: y, vector } = manifold.retractTransport(x, u, step);
      for (const carry of [vector, (w: unknown) => manifold.transport(x, y, w)]) {
        const carried = carry(v);
        const scale = await size(la, carried);
        expect(await numbersOf(la, manifold.toTangent(y, carried))).toBeAllClose(await numbersOf(la, carried), allowed * scale);
        const sum = combine(la, 2, carry(u), -3, carried);
        expect(await numbersOf(la, carry(combine(la, 2, u, -3, v)))).toBeAllClose(
          await numbersOf(la, sum),
          allowed * ((await size(la, u)) + scale + (await size(la, sum))),
        );
      }
    });

    law('the difference from a point to itself is zero', async ({ la, specimen: { manifold, matrix }, x, allowed }) => {
      const zero = await numbersOf(la, manifold.difference(x, x));
      expect(zero).toBeAllClose(new Float64Array(zero.length), allowed * (1 + (await size(la, matrix(x)))));
    });
  });
});
