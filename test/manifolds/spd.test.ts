/**
 * `spd` and `fixedRankPsd` where formulas lose digits or end, the invariances of their metrics, and means with closed
 * forms.
 */
import { eye, inverseSqrtSpd } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  affineInvariant,
  balancedFactors,
  barycenter,
  buresWasserstein,
  DomainError,
  fixedRankPsd,
  type HostAlgebra,
  type HostArray,
  logEuclidean,
  NumericalError,
  seededRandom,
  spd,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { definite, gaussian, geometric, withEigenvalues } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const metrics = [affineInvariant(), buresWasserstein()] as const;

describe.each(hostEngines)('on %s', (_engine, la) => {
  const take = ({ values, m }: { readonly values: Float64Array; readonly m: number }): HostArray =>
    la.fromArray(values, [m, values.length / m]);
  const withCondition = (seed: number, n: number, kappa: number): HostArray => take(definite(seed, n, kappa));
  const congruent = (c: HostArray, x: HostArray): HostArray => {
    const product = la.matmul(la.matmul(c, x), c, { transposeB: true });
    return la.scale(0.5, la.add(product, la.transpose(product)));
  };

  it.each(metrics)('$name: a point is at distance 0 from itself, up to ε√κ, and the distance is never NaN', async (metric) => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 7 }), fc.constantFrom(1, 1e4, 1e8, 1e12), async (seed, n, kappa) => {
        const manifold = spd({ n, metric, algebra: la });
        const x = withCondition(seed, n, kappa);
        expect(await manifold.dist(x, x)).toBeAllClose(0, tolerance(la, 20 * n, Math.sqrt(kappa)));
        const half = la.fromArray(gaussian(seed + 1, n, Math.max(1, n - 1)).values, [n, Math.max(1, n - 1)]);
        const factors = fixedRankPsd({ n, rank: Math.max(1, n - 1), algebra: la });
        expect(await factors.dist(half, half)).toBeAllClose(0, tolerance(la, 100 * n));
      }),
      { numRuns: 30 },
    );
  });

  it.each([1e-4, 1e-9, 1e-12])(
    'Bures–Wasserstein: points at a distance of %s keep it, which the formula with traces does not',
    async (delta) => {
      const n = 5;
      const lambda = geometric(n, 1e-2);
      const x = take(withEigenvalues(3, lambda));
      const y = take(
        withEigenvalues(
          3,
          lambda.map((value) => (Math.sqrt(value) + delta) ** 2),
        ),
      );
      const distance = await spd({ n, metric: buresWasserstein(), algebra: la }).dist(x, y);
      // Entries of y are right to ε, their roots to ε/√λ_min.
      expect(distance).toBeAllClose(delta * Math.sqrt(n), tolerance(la, 20 * n, 10));
    },
  );

  it('affine-invariant: congruences and inversion are isometries', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 2, max: 6 }), async (seed, n) => {
        const manifold = spd({ n, algebra: la });
        const [x, y] = [withCondition(seed, n, 50), withCondition(seed + 1, n, 50)];
        const expected = await manifold.dist(x, y);
        const c = take(gaussian(seed + 2, n, n));
        const { S } = la.svd(c);
        const values = la.toArray(S) as Float64Array;
        const condition = (values[0] / values[n - 1]) ** 2;
        expect(await manifold.dist(congruent(c, x), congruent(c, y))).toBeAllClose(expected, tolerance(la, 100 * n, 50 * condition));
        const inverse = (s: HostArray): HostArray => {
          const root = inverseSqrtSpd(la, s);
          return la.matmul(root, root);
        };
        expect(await manifold.dist(inverse(x), inverse(y))).toBeAllClose(expected, tolerance(la, 100 * n, 50));
      }),
      { numRuns: 30 },
    );
  });

  it('affine-invariant: transport is an isometry and takes the velocity of the geodesic along', async () => {
    const manifold = spd({ n: 4, batch: [2], algebra: la });
    const random = seededRandom(4);
    const x = manifold.randomPoint(random);
    const [u, v] = [await manifold.randomTangent(x, random), await manifold.randomTangent(x, random)];
    const y = manifold.exp(x, u, 1.5);
    const [movedU, movedV] = [manifold.transport(x, y, u), manifold.transport(x, y, v)];
    expect(await manifold.inner(y, movedU, movedV)).toBeAllClose(await manifold.inner(x, u, v), tolerance(la, 1000));
    expect(manifold.log(y, x)).toBeAllClose(la.scale(-1.5, movedU), tolerance(la, 1000));
  });

  it('the retraction of the affine-invariant metric stays positive definite however long the step', async () => {
    const manifold = spd({ n: 4, algebra: la });
    const x = manifold.randomPoint(seededRandom(5));
    const u = await manifold.randomTangent(x, seededRandom(6));
    for (const t of [1, -10, 1e3]) await manifold.checkPoint(manifold.retract(x, u, t));
  });

  it.each([affineInvariant(), logEuclidean(), buresWasserstein()])(
    'operations at matrices that are not positive definite are refused: %#',
    (metric) => {
      const manifold = spd({ n: 2, metric, algebra: la });
      const u = la.fromArray([1, 0.5, 0.5, 2], [2, 2]);
      const y = eye(la, 2);
      for (const x of [
        [1, 0, 0, -5],
        [-1, 0, 0, -5],
        [1, 2, 2, 1],
        [1e8, 0, 0, -1e-3],
        [0, 0, 0, 0],
      ].map((v) => la.fromArray(v, [2, 2]))) {
        const operations = {
          inner: () => manifold.inner(x, u, u),
          norm: () => manifold.norm(x, u),
          dist: () => manifold.dist(y, x),
          log: () => manifold.log(y, x),
          logFrom: () => manifold.log(x, y),
          difference: () => manifold.difference(y, x),
          exp: () => manifold.exp(x, u, 0.1),
          retract: () => manifold.retract(x, u),
          inverseRetract: () => manifold.inverseRetract?.(y, x) ?? manifold.exp(x, u),
          transport: () => manifold.transport(y, x, u),
          transportFrom: () => manifold.transport(x, y, u),
          egradToRgrad: () => manifold.egradToRgrad(x, u),
          coordinatesToRgrad: () => manifold.coordinatesToRgrad(x, u),
          ehessToRhess: () => manifold.ehessToRhess(x, u, u, u),
          roughMean: () => (metric.roughMean === undefined ? manifold.norm(x, u) : manifold.roughMean?.([x, y], [0.5, 0.5])),
        };
        for (const [name, operation] of Object.entries(operations))
          expect(operation, `${name} at ${la.toArray(x)}`).toThrow(NumericalError);
      }
    },
  );

  it.each([logEuclidean(), buresWasserstein()])('matrices that rounding has made singular are not among them: %#', async (metric) => {
    const manifold = spd({ n: 3, metric, algebra: la });
    const y = la.fromArray([1, 2, 3, 2, 1, 0.5], [3, 2]);
    const x = la.matmul(y, y, { transposeB: true });
    expect(Number.isFinite(await manifold.dist(eye(la, 3), x))).toBe(true);
    expect(la.toArray(manifold.egradToRgrad(x, eye(la, 3))).every(Number.isFinite)).toBe(true);
  });

  it('Bures–Wasserstein: a geodesic that meets the singular matrices ends there, and says so', () => {
    const manifold = spd({ n: 2, metric: buresWasserstein(), algebra: la });
    const x = eye(la, 2);
    // L = u/2, so that I + tL is singular at t = 1.
    const u = la.diagMatrix(la.fromArray([-2, 0.5], [2]));
    expect(manifold.exp(x, u, 0.5)).toBeAllClose([0.25, 0, 0, 1.125 ** 2], 1e-15);
    expect(() => manifold.exp(x, u, 1.01)).toThrow(NumericalError);
    expect(() => manifold.exp(x, u, 1.01)).toThrow(/meets the singular matrices before t = 1.01; take a shorter step, or retract/);
    expect(manifold.retract(x, u, 2)).toBeAllClose([1, 0, 0, 2.25], 1e-15);
  });

  it('fixedRankPsd of full rank is spd with the Bures–Wasserstein metric', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 2, max: 6 }), async (seed, n) => {
        const factors = fixedRankPsd({ n, rank: n, algebra: la });
        const matrices = spd({ n, metric: buresWasserstein(), algebra: la });
        const random = seededRandom(seed);
        const [y, other] = [factors.randomPoint(random), factors.randomPoint(random)];
        const z = await factors.randomTangent(y, random);
        const [x, u] = [factors.toMatrix(y), la.add(la.matmul(z, y, { transposeB: true }), la.matmul(y, z, { transposeB: true }))];
        const allowed = tolerance(la, 1000 * n);
        expect(await matrices.norm(x, u)).toBeAllClose(1, allowed);
        expect(await matrices.dist(x, factors.toMatrix(other))).toBeAllClose(await factors.dist(y, other), allowed);
        const logarithm = factors.log(y, other);
        const pushed = la.add(la.matmul(logarithm, y, { transposeB: true }), la.matmul(y, logarithm, { transposeB: true }));
        expect(matrices.log(x, factors.toMatrix(other))).toBeAllClose(pushed, allowed);
        expect(matrices.exp(x, u, 0.1)).toBeAllClose(factors.toMatrix(factors.exp(y, z, 0.1)), allowed);
        const moved = matrices.transport(x, factors.toMatrix(other), u);
        const carried = factors.transport(y, other, z);
        const half = la.matmul(carried, other, { transposeB: true });
        expect(moved).toBeAllClose(la.add(half, la.transpose(half)), allowed);
      }),
      { numRuns: 30 },
    );
  });

  it('fixedRankPsd: the nearest point to a matrix, ranges at a right angle, and matrices that have not the rank', async () => {
    const manifold = fixedRankPsd({ n: 3, rank: 1, algebra: la });
    const s = la.diagMatrix(la.fromArray([4, 1, -2], [3]));
    expect(manifold.toMatrix(manifold.fromMatrix(s))).toBeAllClose([4, 0, 0, 0, 0, 0, 0, 0, 0], 1e-14);
    expect(() => fixedRankPsd({ n: 3, rank: 3, algebra: la }).fromMatrix(s)).toThrow(DomainError);
    expect(() => fixedRankPsd({ n: 3, rank: 3, algebra: la }).fromMatrix(s)).toThrow(/expected 3 positive eigenvalues, got one of -2/);
    const [e1, e2] = [la.fromArray([1, 0, 0], [3, 1]), la.fromArray([0, 2, 0], [3, 1])];
    expect(await manifold.dist(e1, e2)).toBeAllClose(Math.sqrt(5), 1e-15);
    expect(await manifold.dist(e1, la.scale(-1, e1))).toBe(0);
    expect(() => manifold.log(e1, e2)).toThrow(NumericalError);
    expect(() => manifold.log(e1, e2)).toThrow(/orthogonal to the other.*choose points closer together/);
  });
});

describe.each(hostEngines)('barycenters on %s', (_engine, la: HostAlgebra) => {
  const point = (seed: number, n: number, kappa: number): HostArray => la.fromArray(definite(seed, n, kappa).values, [n, n]);

  it.each(metrics)('$name: of two points it lies on the geodesic, divided by the weights', async (metric) => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 5 }), fc.double({ min: 0.05, max: 0.95, noNaN: true }), async (seed, n, share) => {
        const manifold = spd({ n, metric, algebra: la });
        const [x, y] = [point(seed, n, 100), point(seed + 1, n, 100)];
        const mean = await barycenter(manifold, [x, y], { weights: [1 - share, share] });
        expect(mean.converged).toBe(true);
        expect(mean.point).toBeAllClose(manifold.exp(x, manifold.log(x, y), share), tolerance(la, 1e4 * n, 100));
      }),
      { numRuns: 20 },
    );
  });

  it.each(metrics)('$name: of matrices that commute it is the mean of eigenvalues in the sense of the metric', async (metric) => {
    const n = 4;
    const random = seededRandom(8);
    const spectra = [1, 2, 3].map(() => Float64Array.from({ length: n }, () => 0.1 + random.uniform()));
    const points = spectra.map((spectrum) => la.fromArray(withEigenvalues(9, spectrum).values, [n, n]));
    const weights = [3, 1, 2];
    const average = (i: number, f: (value: number) => number): number =>
      spectra.reduce((sum, spectrum, k) => sum + weights[k] * f(spectrum[i]), 0) / 6;
    const expected = Float64Array.from({ length: n }, (_, i) =>
      metric.name === 'affine-invariant' ? Math.exp(average(i, Math.log)) : average(i, Math.sqrt) ** 2,
    );
    const mean = await barycenter(spd({ n, metric, algebra: la }), points, { weights });
    expect(mean.point).toBeAllClose(withEigenvalues(9, expected).values, tolerance(la, 1e4));
    expect(mean.lastStep).toBeLessThanOrEqual(1e3 * la.epsilon);
  });

  it.each(metrics)('$name: the logarithms of all points add up to zero there, for far and ill-conditioned points too', async (metric) => {
    const n = 5;
    const manifold = spd({ n, metric, algebra: la });
    const points = [1, 2, 3, 4].map((seed) => point(10 * seed, n, 1e6));
    const { point: mean, converged, iterations } = await barycenter(manifold, points);
    expect(converged).toBe(true);
    expect(iterations).toBeLessThan(200);
    const sum = points.map((a) => manifold.log(mean, a)).reduce((total, u) => la.add(total, u));
    const spread = await Promise.all(points.map((a) => manifold.dist(mean, a)));
    expect(await manifold.norm(mean, sum)).toBeLessThan(1e-6 * Math.hypot(...spread));
  });

  it('each member of a batch has its own mean, and one point is its own', async () => {
    const [first, second] = [
      [point(1, 3, 10), point(2, 3, 10)],
      [point(3, 3, 10), point(4, 3, 10)],
    ];
    const stack = (a: HostArray, b: HostArray): HostArray => la.reshape(la.concat([a, b], 'rows'), [2, 3, 3]);
    for (const metric of metrics) {
      const both = await barycenter(spd({ n: 3, metric, batch: [2], algebra: la }), [
        stack(first[0], second[0]),
        stack(first[1], second[1]),
      ]);
      const single = spd({ n: 3, metric, algebra: la });
      const apart = stack((await barycenter(single, first)).point, (await barycenter(single, second)).point);
      expect(both.point).toBeAllClose(apart, tolerance(la, 1e5));
      expect((await barycenter(single, [first[0]])).point).toBeAllClose(first[0], tolerance(la, 1e3));
    }
  });

  it('fixedRankPsd: a mean of rank r, at which the logarithms add up to zero', async () => {
    const manifold = fixedRankPsd({ n: 7, rank: 2, algebra: la });
    const random = seededRandom(12);
    const centre = manifold.randomPoint(random);
    const points: HostArray[] = [];
    for (let i = 0; i < 4; i++) points.push(manifold.exp(centre, await manifold.randomTangent(centre, random), 0.2));
    const { point: mean, converged } = await barycenter(manifold, points);
    expect(converged).toBe(true);
    const sum = points.map((y) => manifold.log(mean, y)).reduce((total, z) => la.add(total, z));
    expect(la.norm(sum)).toBeAllClose(0, tolerance(la, 1e4));
  });

  it('refuses points that are none of the manifold', async () => {
    await expect(barycenter(spd({ n: 3, algebra: la }), [eye(la, 3), eye(la, 2)])).rejects.toThrow(
      /the point must have shape \[3,3\], got \[2,2\]/,
    );
    await expect(barycenter(fixedRankPsd({ n: 4, rank: 2, algebra: la }), [eye(la, 4)])).rejects.toThrow(/must have shape \[4,2\]/);
    await expect(barycenter(spd({ n: 2, algebra: la }), [la.fromArray([1, 2, 2, 1], [2, 2])])).rejects.toThrow(/positive definite/);
    const factors = balancedFactors({ m: 4, n: 3, rank: 2, algebra: la });
    // @ts-expect-error they have no logarithms
    expect(() => barycenter(factors, [factors.randomPoint(seededRandom(1))])).toThrow(/^barycenter: balancedFactors.* has no logarithms/);
  });

  it('says when it has not arrived', async () => {
    const points = [1, 2, 3].map((seed) => point(seed, 4, 1e3));
    const { converged, iterations, lastStep } = await barycenter(spd({ n: 4, algebra: la }), points, { maxIterations: 2 });
    expect({ converged, iterations }).toEqual({ converged: false, iterations: 2 });
    expect(lastStep).toBeGreaterThan(1e-6);
  });
});
