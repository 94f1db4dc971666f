/**
 * The laws of order, over every manifold × metric × retraction × engine: gradients of slope 2, Hessians symmetric and of slope 3, retractions of slope 2, or 3
 * where they claim second order. Measured with the public checks, on a cost that is not quadratic. σ_r/σ₁ ≥ 1e-4, steps relative to σ_r: below that only the
 * algebraic laws (`laws.test.ts`) can be seen.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGradient, checkHessian, checkRetraction } from '../../src/diagnostics/index.js';
import { type LinearAlgebra, mapTree, type Problem, type Random, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { geometric, type Sizes, sizes } from '../support/matrices.js';
import { combine, numbersOf, type Specimen, type SpecimenFactory, specimens } from './specimens.js';

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

/** Σ log cosh(X − Z) over the entries of the point's matrix, with its two derivatives. */
function logCosh(
  la: LinearAlgebra<unknown>,
  specimen: AnySpecimen,
  x0: unknown,
  random: Random,
): Problem<unknown, unknown, unknown, unknown, unknown> {
  const target = mapTree(la, (leaf: unknown) => la.randomNormal(la.shape(leaf), random), specimen.matrix(x0));
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
          (d: unknown, speed: unknown) => la.subtract(speed, la.multiply(la.square(tanh(d)), speed)),
          residual(x),
          specimen.velocity(x, u),
        );
        return specimen.ehess(x, u, byMatrix(x), change);
      },
    },
  };
}

/** Those that convert Euclidean Hessians, named so that none can drop out unseen. */
const withHessian = [
  'balancedFactors, svd',
  'balancedFactors, nearest',
  'fixedRank, embedded, truncatedSvd',
  'fixedRank, embedded, orthographic',
  'fixedRank, embedded, factored',
  'euclideanFactors',
  'stiefel, polar',
  'stiefel, qr',
  'grassmann, polar',
  'grassmann, qr',
  'euclidean',
];

describe.each(hostEngines)('on %s', (_engine, la) => {
  describe.each(specimens)('%s', (name, make: SpecimenFactory) => {
    const scene = ({ m, n, r, batch, spectrum, seed }: Drawn) => {
      const random = seededRandom(seed);
      const specimen = make(la, { m, n, r, batch }) as AnySpecimen;
      const values = spectra[spectrum](r);
      const x = specimen.point(values, random);
      // Not the seed of x: the same draws again would make a tangent parallel to it.
      return { specimen, x, random, options: { x, seed: seed + 1, scale: 0.05 * values[r - 1] } };
    };
    const always = Object.keys(spectra) as (keyof typeof spectra)[];
    const law = (
      claim: string,
      names: readonly (keyof typeof spectra)[],
      check: (made: ReturnType<typeof scene>) => Promise<void>,
    ): void => {
      it(claim, async () => {
        await fc.assert(
          fc.asyncProperty(drawn(names), async (draw) => check(scene(draw))),
          { numRuns: 8 },
        );
      });
    };

    law('the gradient has slope 2', always, async ({ specimen, x, random, options }) => {
      const { ok, verdict } = await checkGradient(logCosh(la as LinearAlgebra<unknown>, specimen, x, random), options);
      expect(ok, verdict).toBe(true);
    });

    law('the retraction has the order it claims', always, async ({ specimen: { manifold }, options }) => {
      const { ok, verdict } = await checkRetraction(manifold, options);
      expect(ok, verdict).toBe(true);
    });

    it('offers a Hessian if and only if it is listed', () => {
      const { manifold } = make(la, { m: 5, n: 4, r: 2, batch: [] });
      const offered = manifold.ehessToRhess !== undefined && !name.startsWith('product');
      expect(offered).toBe(withHessian.includes(name));
    });

    if (withHessian.includes(name)) {
      // Third differences of a cost lose more digits to conditioning than second ones.
      law(
        'the Hessian is symmetric, linear and tangent, and has slope 3 along second-order curves',
        ['distinct', 'repeated', 'condition 100'],
        async ({ specimen, x, random, options }) => {
          const problem = logCosh(la as LinearAlgebra<unknown>, specimen, x, random);
          const { ok, verdict, symmetryError, linearityError, tangencyError, curve } = await checkHessian(problem, options);
          const slopeIsDefined = specimen.manifold.retractionOrder === 2 || curve === 'geodesic';
          if (slopeIsDefined) expect(ok, verdict).toBe(true);
          expect(Math.max(symmetryError, linearityError, tangencyError)).toBeLessThan(1e-9);
        },
      );
    }
  });
});
