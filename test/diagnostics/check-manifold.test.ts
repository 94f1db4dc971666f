import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceGap, checkManifold } from '../../src/diagnostics/index.js';
import {
  balancedFactors,
  bures,
  buresWasserstein,
  ConfigError,
  canonicalStiefel,
  cayleyRetraction,
  DomainError,
  defineManifold,
  elliptope,
  euclidean,
  euclideanFactors,
  factored,
  fixedRank,
  fixedRankPsd,
  generalizedStiefel,
  grassmann,
  type HostArray,
  hyperBalancedFactors,
  hyperbolic,
  logEuclidean,
  type Manifold,
  oblique,
  orthogonalGroup,
  orthographic,
  poincareBall,
  product,
  qrRetraction,
  quotientFactors,
  rotations,
  seededRandom,
  simplex,
  spd,
  sphere,
  stiefel,
} from '../../src/index.js';
import { la } from './quadratic-problems.js';

const frames = stiefel({ m: 5, rank: 2 });
const subspaces = grassmann({ m: 5, rank: 2 });
const space = euclidean({ shape: [3] });
const firstOrder = stiefel({ m: 5, rank: 2, retraction: qrRetraction() });
/** A stream of its own, which no seed passed in affects. */
const chance = seededRandom(99);

describe('checkManifold', () => {
  it('finds all laws kept by the manifolds of the library', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
        const checks = [
          await checkManifold(fixedRank({ m: 6, n: 5, rank: 2, metric: bures(), retraction: factored() }), { seed }),
          await checkManifold(fixedRank({ m: 5, n: 7, rank: 3, retraction: orthographic() }), { seed }),
          await checkManifold(balancedFactors({ m: 6, n: 5, rank: 2, batch: [2] }), { seed }),
          await checkManifold(quotientFactors({ m: 6, n: 5, rank: 2 }), { seed }),
          await checkManifold(euclideanFactors({ m: 4, n: 5, rank: 2 }), { seed }),
          await checkManifold(subspaces, { seed }),
          await checkManifold(sphere({ shape: [3, 2], batch: [2] }), { seed }),
          await checkManifold(spd({ n: 4, batch: [2] }), { seed }),
          await checkManifold(spd({ n: 3, metric: buresWasserstein() }), { seed }),
          await checkManifold(fixedRankPsd({ n: 5, rank: 2 }), { seed }),
          await checkManifold(oblique({ m: 4, n: 3 }), { seed }),
          await checkManifold(orthogonalGroup({ n: 4 }), { seed }),
          await checkManifold(rotations({ n: 3, batch: [2] }), { seed }),
          await checkManifold(product({ q: frames, v: space }), { seed }),
          await checkManifold(stiefel({ m: 5, rank: 2, metric: canonicalStiefel(), retraction: cayleyRetraction() }), { seed }),
          await checkManifold(hyperbolic({ n: 3, batch: [2] }), { seed }),
          await checkManifold(poincareBall({ n: 3 }), { seed }),
          await checkManifold(simplex({ n: 4 }), { seed }),
          await checkManifold(elliptope({ n: 6, rank: 3 }), { seed }),
          await checkManifold(spd({ n: 3, metric: logEuclidean(), batch: [2] }), { seed }),
          await checkManifold(generalizedStiefel({ m: 4, rank: 2, B: la.diagMatrix(la.fromArray([1, 2, 3, 4], [4])) }), { seed }),
        ];
        for (const check of checks) {
          expect(check.ok, check.verdict).toBe(true);
          expect(check.checks.length).toBeGreaterThanOrEqual(24);
          expect(check.verdict).toMatch(/all \d+ laws hold/);
        }
      }),
      { numRuns: 5 },
    );
  });

  it('checks exponential and logarithm where they are offered, and leaves them out elsewhere', async () => {
    const names = async (manifold: Manifold<HostArray, HostArray>): Promise<string[]> =>
      (await checkManifold(manifold)).checks.map(({ name }) => name);
    expect(await names(subspaces)).toEqual(
      expect.arrayContaining(['log undoes exp', 'exp along a geodesic adds its times: the point at t lies at distance t']),
    );
    expect(await names(elliptope({ n: 5, rank: 2 }) as never)).not.toContain('log undoes exp');
    const withFactors = product({ q: euclideanFactors({ m: 4, n: 5, rank: 2 }), x: fixedRank({ m: 6, n: 5, rank: 2 }) });
    expect((await checkManifold(withFactors)).checks.map(({ name }) => name)).not.toContain('log undoes exp');
  });

  it('holds at ill-conditioned points with scale and tolerance to match', async () => {
    const { U, V } = fixedRank({ m: 7, n: 5, rank: 3 }).randomPoint(seededRandom(2));
    const x = { U, V, S: la.fromArray([1, 1e-2, 1e-4], [3]) };
    const manifold = fixedRank({ m: 7, n: 5, rank: 3 });
    const check = await checkManifold(manifold, { x, scale: 1e-4, toleranceFactor: 1e8 });
    expect(check.ok, check.verdict).toBe(true);
    const balanced = await checkManifold(balancedFactors({ m: 7, n: 5, rank: 3 }), {
      x: hyperBalancedFactors(la, x),
      scale: 1e-2,
      toleranceFactor: 1e8,
    });
    expect(balanced.ok, balanced.verdict).toBe(true);
  });

  const normal = (x: HostArray): HostArray => la.scale(0.1, x);
  it.each<[string, Partial<Manifold<HostArray, HostArray>>, RegExp]>([
    [
      'half a projection',
      { toTangent: (x, u) => la.scale(0.5, la.add(u, frames.toTangent(x, u))) },
      /'toTangent is idempotent' fails: error .*missing factor ½/,
    ],
    [
      'a projection off the space',
      { project: (x, z) => la.add(frames.project(x, z), normal(x)) },
      /'project is a left inverse of embed' fails/,
    ],
    ['a projection that is not idempotent', { project: (x, z) => la.scale(0.9, frames.project(x, z)) }, /'project is idempotent' fails/],
    [
      'a lopsided metric',
      { inner: (_x, u, v) => la.inner(u, la.scaleRows(la.fromArray([1, 2, 3, 4, 5], [5]), v)) + la.toArray(u)[0] * la.toArray(v)[3] },
      /'inner is symmetric' fails/,
    ],
    ['a metric that is no form', { inner: (_x, u, v) => Math.abs(la.inner(u, v)) }, /'inner is linear in each argument' fails/],
    ['an indefinite metric', { inner: (_x, u, v) => -la.inner(u, v) }, /⟨u, u⟩ = -1.00e\+0 for a nonzero u/],
    ['a norm that is not its root', { norm: (_x, u) => la.inner(u, u) }, /'norm² is inner of a tangent with itself, and positive' fails/],
    ['a wrong dimension', { dim: 8 }, /dim is 8, random tangents span 7 dimensions/],
    [
      'tangents of another length',
      { randomTangent: async (x, random) => la.scale(2, await frames.randomTangent(x, random)) },
      /'randomTangent has unit norm' fails/,
    ],
    ['a check that lets everything pass', { checkPoint: () => undefined }, /'checkPoint refuses a point with NaN in it' fails: it passed/],
    ['points of chance', { randomPoint: () => frames.randomPoint(chance) }, /'randomPoint is determined by the seed' fails/],
    [
      'points off the manifold',
      { randomPoint: (random) => la.scale(1.1, frames.randomPoint(random)) },
      /'randomPoint gives a point.*could not be evaluated: .*orthonormal columns/,
    ],
    [
      'a retraction without its constraint',
      { retract: (x, u, t = 1) => la.axpy(t, u, x) },
      /'retract lands on the manifold' could not be evaluated/,
    ],
    [
      'a transport that leaves the space',
      { transport: (_x, _y, u) => u },
      /'transport lands in the tangent space, linearly' fails: .* off the tangent space/,
    ],
    [
      'a state carried to nowhere',
      { retractTransport: (x, u, t) => ({ ...frames.retractTransport(x, u, t), vector: (v) => v }) },
      /'retractTransport carries vectors into the tangent space, linearly' fails/,
    ],
    [
      'another point',
      { retractTransport: (x, u, t = 1) => frames.retractTransport(x, u, 1.1 * t) },
      /'retractTransport arrives where retract does' fails/,
    ],
    ['a zero that is not', { zeroTangent: (x) => x }, /'zeroTangent has norm zero and is tangent' fails/],
    [
      'an order too high',
      { ...firstOrder, name: frames.name, retractionOrder: 2 },
      /1 of \d+ laws fail\. 'retract has the order that retractionOrder claims' fails: retraction: wrong: .* claims the second/,
    ],
    [
      'a gradient of another length',
      { egradToRgrad: (x, g) => la.scale(2, frames.egradToRgrad(x, g)) },
      /'gradients are those of the metric: .* fails/,
    ],
    [
      'a gradient by coordinates of another length',
      { coordinatesToRgrad: (x, g) => la.scale(2, frames.coordinatesToRgrad(x, g)) },
      /'gradients are those of the metric: .* fails/,
    ],
    [
      'a Hessian without the curvature',
      { ehessToRhess: (x, _egrad, ehess) => frames.project(x, ehess) },
      /'Hessians are those along geodesics: .* fails/,
    ],
    [
      'an exponential that is the retraction',
      { exp: (x, u, t) => frames.retract(x, u, t), log: undefined as never, dist: undefined as never },
      /'exp has constant speed' fails/,
    ],
    [
      'an inverse of something else',
      { inverseRetract: (x, y) => la.scale(2, frames.difference(x, y)) },
      /'inverseRetract undoes retract' fails/,
    ],
  ])('finds %s', async (_name, mistake, verdict) => {
    const check = await checkManifold({ ...frames, ...mistake });
    expect(check.ok).toBe(false);
    expect(check.verdict).toMatch(verdict);
    const failed = check.checks.filter(({ ok }) => !ok);
    expect(failed.length).toBeGreaterThan(0);
    for (const { message } of failed) expect(message).not.toBe('');
  });

  it('finds a logarithm and a distance that do not belong to the exponential', async () => {
    const doubled = await checkManifold({ ...subspaces, log: (x, y) => la.scale(2, subspaces.log(x, y)) });
    expect(doubled.verdict).toMatch(/laws fail\. 'log undoes exp' fails/);
    const chordal = await checkManifold({ ...subspaces, dist: (x, y) => la.norm(subspaces.difference(x, y)) });
    expect(chordal.verdict).toMatch(/'exp along a geodesic adds its times: the point at t lies at distance t' fails/);
  });

  it('finds a flat inner product beside the gradient of a curved metric', async () => {
    const curved = spd({ n: 3 });
    const flat = await checkManifold({ ...curved, inner: (_x, u, v) => la.inner(u, v), norm: (_x, u) => la.norm(u) });
    expect(flat.verdict).toMatch(/'gradients are those of the metric: .* fails/);
  });

  it('measures the order of a retraction by the logarithm, where there is one', async () => {
    const unit = (x: HostArray) => la.scale(1 / la.norm(x), x);
    const round = sphere({ shape: [3] });
    const written = defineManifold({
      name: 'my sphere',
      algebra: la,
      dim: 2,
      retractionOrder: 2 as const,
      checkPoint: (x: HostArray) => round.checkPoint(x),
      project: (x: HostArray, z: HostArray) => la.axpy(-la.inner(x, z), x, z),
      retract: (x: HostArray, u: HostArray, t = 1) => round.exp(x, u, t),
      exp: (x: HostArray, u: HostArray, t = 1) => round.exp(x, u, t),
      log: (x: HostArray, y: HostArray) => round.log(x, y),
      randomPoint: (random) => unit(la.randomNormal([3], random)),
    });
    const check = await checkManifold(written);
    expect(check.ok, check.verdict).toBe(true);
  });

  it('leaves slopes and dimension out when told to', async () => {
    const { checks } = await checkManifold(frames, { slopes: false, dimensionLimit: 6 });
    const names = checks.map(({ name }) => name);
    expect(names).not.toContain('retract has the order that retractionOrder claims');
    expect(names).not.toContain('dim is the number of independent tangents');
  });

  it('refuses bad input with a remedy', async () => {
    await expect(checkManifold({} as never)).rejects.toThrow(/checkManifold: expected a manifold, got an object of type Object; make one/);
    await expect(checkManifold(frames, { scale: -1 })).rejects.toThrow(ConfigError);
    await expect(checkManifold(frames, { tolerance: 1 } as never)).rejects.toThrow(/unknown option 'tolerance'/);
    await expect(checkManifold(frames, { seed: 0.5 })).rejects.toThrow(/seed must be an integer, got 0.5/);
    await expect(checkManifold(frames, { x: la.full([5, 2], 1) })).rejects.toThrow(/orthonormal columns/);
    await expect(checkManifold({ ...grassmann({ m: 3, rank: 2 }), dim: 0 })).rejects.toThrow(DomainError);
  });
});

describe('balanceGap', () => {
  it('is there for users of the diagnostics', async () => {
    const x = balancedFactors({ m: 6, n: 5, rank: 2 }).randomPoint(seededRandom(1));
    expect(await balanceGap(la, x)).toBeLessThan(1e-14);
    expect(await balanceGap(la, { A: la.scale(3, x.A), B: x.B })).toBeCloseTo(0.8, 12);
  });
});

/** The hyperboloid xᵀJx = −1, J = diag(−1, 1, …, 1), with the Minkowski product, and a transport of choice. */
function hyperboloid(
  carry: (project: (x: HostArray, z: HostArray) => HostArray) => (x: HostArray, y: HostArray, u: HostArray) => HostArray,
) {
  const signs = la.fromArray([-1, 1, 1, 1], [4]);
  const product = (u: HostArray, v: HostArray): number => la.inner(u, la.multiply(signs, v));
  const project = (x: HostArray, z: HostArray): HostArray => la.axpy(product(x, z), x, z);
  const onto = (z: HostArray): HostArray => la.scale(1 / Math.sqrt(-product(z, z)), z);
  return defineManifold({
    name: 'hyperboloid',
    algebra: la,
    dim: 3,
    checkPoint(x: HostArray) {
      if (!(Math.abs(product(x, x) + 1) < 1e-9)) throw new DomainError('hyperboloid: expected xᵀJx = −1');
    },
    inner: (_x: HostArray, u: HostArray, v: HostArray) => product(u, v),
    project,
    egradToRgrad: (x: HostArray, g: HostArray) => project(x, la.multiply(signs, g)),
    retract: (x: HostArray, u: HostArray, t = 1) => onto(la.axpy(t, u, x)),
    transport: carry(project),
    randomPoint(random) {
      const [a, b, c] = [random.normal(), random.normal(), random.normal()];
      return la.fromArray([Math.sqrt(1 + a * a + b * b + c * c), a, b, c], [4]);
    },
  });
}

it('sees a transport that leaves the tangent space where the metric does not', async () => {
  const failed = ({ checks }: Awaited<ReturnType<typeof checkManifold>>) => checks.filter(({ ok }) => !ok).map(({ name }) => name);
  const right = await checkManifold(hyperboloid((project) => (_x, y, u) => project(y, u)));
  expect(failed(right)).toEqual([]);
  const idle = await checkManifold(hyperboloid(() => (_x, _y, u) => u));
  expect(failed(idle)).toContain('transport lands in the tangent space, linearly');
});
