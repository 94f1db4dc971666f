/**
 * The laws of exponential, logarithm and distance, over every manifold that offers them × engine: they invert and
 * measure each other, and a point is at distance 0 from itself. Inverse retractions undo retractions, wherever they are
 * offered.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LinearAlgebra, scaleTree, seededRandom } from '../../src/index.js';
import { allEngines, runsOn, withoutLeaks } from '../support/engines.js';
import { geometric, type Sizes, sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';
import type { Specimen, SpecimenFactory } from './specimen-kinds.js';
import { combine, numbersOf, offeringAll, specimens } from './specimens.js';

/** Those that have all three, named so that none can drop out unseen. */
const withGeodesics = ['euclideanFactors', ...offeringAll];

/** Those with an inverse retraction, likewise. */
const withInverse = [
  'dampedFactors',
  'fixedRank, embedded, truncatedSvd',
  'fixedRank, bures, truncatedSvd',
  'fixedRank, quotient, truncatedSvd',
  'fixedRank, embedded, orthographic',
  'fixedRank, bures, orthographic',
  'fixedRank, quotient, orthographic',
  ...withGeodesics,
];

const byName = new Map(specimens);

interface Drawn extends Sizes {
  readonly kappa: number;
  readonly batch: readonly number[];
}

const drawn = (la: { readonly epsilon: number }): fc.Arbitrary<Drawn> =>
  fc
    .record({
      size: sizes(8),
      kappa: fc.constantFrom(1, 10, ...(la.epsilon < 1e-10 ? [1e4, 1e8] : [1e2])),
      batch: fc.constantFrom<readonly number[]>([], [2]),
    })
    .map(({ size, ...rest }) => ({ ...size, ...rest }));

describe.each(allEngines)('on %s', (_engine, la) => {
  it('those listed are the ones that offer exp, log and dist', () => {
    const offering = specimens.filter(([, make]) => {
      const { manifold } = make(la, { m: 5, n: 4, r: 2, batch: [] });
      return !('components' in manifold) && manifold.exp !== undefined && manifold.log !== undefined && manifold.dist !== undefined;
    });
    expect(offering.map(([name]) => name)).toEqual(withGeodesics);
  });

  it('those listed are the ones that offer inverseRetract', () => {
    const offering = specimens.filter(([, make]) => {
      const { manifold } = make(la, { m: 5, n: 4, r: 2, batch: [] });
      return !('components' in manifold) && manifold.inverseRetract !== undefined;
    });
    expect(offering.map(([name]) => name).sort()).toEqual([...withInverse].sort());
  });

  it.each(withInverse)('%s: inverseRetract undoes retract', async (name) => {
    const make = byName.get(name) as SpecimenFactory;
    await fc.assert(
      fc.asyncProperty(drawn(la), (draw) => withoutLeaks(la, () => checkInverse(la, make, draw))),
      { numRuns: runsOn(la, 8) },
    );
  });

  it.each(withGeodesics)('%s: log undoes exp, dist is the length of log, and nothing is far from itself', async (name) => {
    const make = byName.get(name) as SpecimenFactory;
    await fc.assert(
      fc.asyncProperty(drawn(la), (draw) => withoutLeaks(la, () => checkGeodesic(la, make, draw))),
      { numRuns: runsOn(la, 8) },
    );
  });
});

async function checkInverse(la: LinearAlgebra<unknown>, make: SpecimenFactory, { m, n, r, seed, kappa, batch }: Drawn): Promise<void> {
  const random = seededRandom(seed);
  const { manifold, point, hasSpectrum }: Specimen<unknown, unknown, unknown, unknown> = make(la, { m, n, r, batch });
  const { inverseRetract } = manifold;
  if (inverseRetract === undefined) throw new Error('no inverse retraction');
  const x = point(geometric(r, 1 / kappa), random);
  // Well inside the smallest singular value, where all retractions are defined and invertible.
  const u = scaleTree(la, hasSpectrum ? 0.1 / kappa : 0.3, await manifold.randomTangent(x, random));
  const back = inverseRetract(x, manifold.retract(x, u));
  expect(await manifold.norm(x, combine(la, 1, back, -1, u))).toBeAllClose(0, tolerance(la, 100 * (m + n), hasSpectrum ? kappa : 1));
}

async function checkGeodesic(la: LinearAlgebra<unknown>, make: SpecimenFactory, { m, n, r, seed, kappa, batch }: Drawn): Promise<void> {
  const random = seededRandom(seed);
  const { manifold, point, hasSpectrum, matrix }: Specimen<unknown, unknown, unknown, unknown> = make(la, { m, n, r, batch });
  const { exp, log, dist } = manifold;
  if (exp === undefined || log === undefined || dist === undefined) throw new Error('no geodesics');
  const x = point(geometric(r, 1 / kappa), random);
  // Within reach of every logarithm: for matrices of a spectrum half of √λ_min, the radius of the Bures–Wasserstein
  // geometry.
  const length = hasSpectrum ? 0.5 / Math.sqrt(kappa) : 0.5;
  const u = scaleTree(la, length, await manifold.randomTangent(x, random));
  const y = exp(x, u);
  const allowed = tolerance(la, 100 * (m + n), hasSpectrum ? kappa : 1);
  await manifold.checkPoint(y);
  expect(await manifold.norm(x, combine(la, 1, log(x, y), -1, u))).toBeAllClose(0, allowed);
  expect(await dist(x, y)).toBeAllClose(length, allowed);
  expect(await dist(y, x)).toBeAllClose(length, allowed);
  expect(await dist(x, x)).toBeAllClose(0, allowed);
  const scale = Math.hypot(...(await numbersOf(la, matrix(x))));
  expect(await numbersOf(la, matrix(exp(x, u, 0)))).toBeAllClose(await numbersOf(la, matrix(x)), allowed * scale);
}
