/**
 * The laws of order, over every manifold × metric × retraction × engine: gradients of slope 2, Hessians symmetric and
 * of slope 3, retractions of slope 2, or 3 where they claim second order. Measured with the public checks, on a cost
 * that is not quadratic. σ_r/σ₁ ≥ 1e-4, steps relative to σ_r: below that only the algebraic laws (`laws.test.ts`) can
 * be seen.
 */

import { type LinearAlgebra, mapTree, type Problem, type Random, seededRandom, square } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGradient, checkHessian, checkRetraction } from '../../src/diagnostics/index.js';
import { allEngines, runsOn, withoutLeaks } from '../support/engines.js';
import { geometric, type Sizes, sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';
import type { Specimen, SpecimenFactory } from './specimen-kinds.js';
import { combine, numbersOf, offeringAll, specimens } from './specimens.js';

/** Spectra on which orders can be seen, with σ_r. */
const spectra = {
  distinct: (r: number) => Float64Array.from({ length: r }, (_, i) => 1 - i / (2 * r)),
  repeated: (r: number) => Float64Array.from({ length: r }, (_, i) => (i <= r / 2 ? 1 : 0.5)),
  'condition 100': (r: number) => geometric(r, 1e-2),
  'condition 10000': (r: number) => geometric(r, 1e-4),
} as const;

interface Drawn extends Sizes {
  readonly spectrum: keyof typeof spectra;
  readonly batch: readonly number[];
}

const drawn = (names: readonly (keyof typeof spectra)[]): fc.Arbitrary<Drawn> =>
  fc
    .record({ size: sizes(8), spectrum: fc.constantFrom(...names), batch: fc.constantFrom<readonly number[]>([], [2]) })
    .map(({ size, spectrum, batch }) => ({ ...size, spectrum, batch }));

type AnySpecimen = Specimen<unknown, unknown, unknown, unknown>;

/**
 * Σ log cosh(X − Z) over the entries of the point's matrix, with its two derivatives; Z lies at the distance given from
 * x0, in each entry.
 */
function logCosh(
  la: LinearAlgebra<unknown>,
  specimen: AnySpecimen,
  x0: unknown,
  random: Random,
  distance: number,
): Problem<unknown, unknown, unknown, unknown, unknown> {
  const target = mapTree(la, (leaf: unknown) => la.axpy(distance, la.randomNormal(la.shape(leaf), random), leaf), specimen.matrix(x0));
  const residual = (x: unknown) => combine(la, 1, specimen.matrix(x), -1, target);
  const tanh = (d: unknown): unknown => {
    const [grown, shrunk] = [la.exp(d), la.exp(la.scale(-1, d))];
    return la.divide(la.subtract(grown, shrunk), la.add(grown, shrunk));
  };
  const byMatrix = (x: unknown) => mapTree(la, tanh, residual(x));
  return {
    manifold: specimen.manifold,
    cost: async (x) => (await numbersOf(la, residual(x))).reduce((sum, d) => sum + Math.log(Math.cosh(d)), 0),
    gradient: { kind: 'ambient', at: (x) => specimen.egrad(x, byMatrix(x)) },
    hessian: {
      kind: 'ambient',
      at(x, u) {
        const change = mapTree(
          la,
          (d: unknown, speed: unknown) => la.subtract(speed, la.multiply(square(la, tanh(d)), speed)),
          residual(x),
          specimen.velocity(x, u),
        );
        return specimen.ehess(x, u, byMatrix(x), change);
      },
    },
  };
}

/**
 * Where orders are looked for in float64: steps well below σ_r, on a cost whose centre is far away.
 */
async function farFromRounding({ manifold }: AnySpecimen, x: unknown, smallest: number, random: Random) {
  return { distance: 1, options: { x, u: await manifold.randomTangent(x, random), scale: 0.05 * smallest } };
}

/**
 * In float32 squares stand out of rounding over a decade at most: steps that move the matrix as far as series in t
 * converge, a cost that is small where they are, and a slack that still tells orders apart, for a fit over less than a
 * decade is not as good as one over several.
 */
async function closeToRounding(
  la: LinearAlgebra<unknown>,
  { manifold, velocity, hasSpectrum }: AnySpecimen,
  x: unknown,
  smallest: number,
  random: Random,
) {
  const u = await manifold.randomTangent(x, random);
  const distance = hasSpectrum ? Math.min(0.1, 0.5 * smallest) : 0.1;
  const speed = Math.hypot(...(await numbersOf(la, velocity(x, u))));
  return { distance, options: { x, u, scale: distance / speed, decades: 4, count: runsOn(la, 29, 13), slopeTolerance: 0.25 } };
}

/**
 * How many directions are looked along: within less than a decade of steps the second and third order may nearly cancel
 * along one, which hides both. A mistake shows along all.
 */
const directionsOn = (la: { readonly epsilon: number }): number => (la.epsilon < 1e-10 ? 1 : 3);

/** Those that convert Euclidean Hessians, named so that none can drop out unseen. */
const withHessian = [
  'balancedFactors, svd',
  'balancedFactors, nearest',
  'balancedFactors, every 3',
  'fixedRank, embedded, truncatedSvd',
  'fixedRank, embedded, orthographic',
  'fixedRank, embedded, factored',
  'fixedRank, bures, truncatedSvd',
  'fixedRank, bures, orthographic',
  'fixedRank, bures, factored',
  'fixedRank, quotient, truncatedSvd',
  'fixedRank, quotient, orthographic',
  'fixedRank, quotient, factored',
  'quotientFactors',
  'euclideanFactors',
  'elliptope',
  'product of balancedFactors and grassmann',
  ...offeringAll,
];

describe.each(allEngines)('on %s', (_engine, la) => {
  describe.each(specimens)('%s', (name, make: SpecimenFactory) => {
    const scene = async ({ m, n, r, batch, spectrum, seed }: Drawn, direction: number) => {
      const random = seededRandom(seed);
      const specimen = make(la, { m, n, r, batch }) as AnySpecimen;
      const values = spectra[spectrum](r);
      const x = specimen.point(values, random);
      const smallest = values[r - 1];
      for (let skipped = 0; skipped < direction; skipped++) random.split();
      const { distance, options } = await (la.epsilon < 1e-10
        ? farFromRounding(specimen, x, smallest, random)
        : closeToRounding(la, specimen, x, smallest, random));
      return {
        specimen,
        problem: logCosh(la, specimen, x, random, distance),
        kappa: 1 / smallest,
        options: { ...options, seed: seed + 1 },
      };
    };
    // In float32 a step relative to σ_r = 1e-4 is lost in the rounding of σ₁.
    const visible = (names: readonly (keyof typeof spectra)[]) =>
      names.filter((spectrum) => la.epsilon < 1e-10 || spectrum !== 'condition 10000');
    const always = Object.keys(spectra) as (keyof typeof spectra)[];
    const law = (
      claim: string,
      names: readonly (keyof typeof spectra)[],
      check: (made: Awaited<ReturnType<typeof scene>>) => Promise<{ readonly ok: boolean; readonly verdict: string }>,
    ): void => {
      it(claim, async () => {
        await fc.assert(
          fc.asyncProperty(drawn(visible(names)), (draw) =>
            withoutLeaks(la, async () => {
              let outcome = await check(await scene(draw, 0));
              for (let direction = 1; !outcome.ok && direction < directionsOn(la); direction++)
                outcome = await check(await scene(draw, direction));
              expect(outcome.ok, outcome.verdict).toBe(true);
            }),
          ),
          { numRuns: runsOn(la, la === allEngines[0][1] ? 8 : 4) },
        );
      });
    };

    law('the gradient has slope 2', always, ({ problem, options }) => checkGradient(problem, options));

    law('the retraction has the order it claims', always, ({ specimen: { manifold }, options }) => checkRetraction(manifold, options));

    it('offers a Hessian if and only if it is listed', () => {
      const { manifold } = make(la, { m: 5, n: 4, r: 2, batch: [] });
      expect(manifold.ehessToRhess !== undefined).toBe(withHessian.includes(name));
    });

    if (withHessian.includes(name)) {
      // Third differences of a cost lose more digits to conditioning than second ones.
      law(
        'the Hessian is symmetric, linear and tangent, and has slope 3 along second-order curves',
        ['distinct', 'repeated', 'condition 100'],
        async ({ specimen, problem, kappa, options }) => {
          const { ok, verdict, symmetryError, linearityError, tangencyError, curve } = await checkHessian(problem, options);
          const slopeIsDefined = specimen.manifold.retractionOrder === 2 || curve === 'geodesic';
          expect(Math.max(symmetryError, linearityError, tangencyError)).toBeLessThan(tolerance(la, 100, kappa));
          return { ok: ok || !slopeIsDefined, verdict };
        },
      );
    }
  });
});
