/** `elliptope`, `generalizedStiefel`, `generalizedGrassmann` and the log-Euclidean metric beyond the laws. */
import { describe, expect, it } from 'vitest';
import {
  barycenter,
  canonicalStiefel,
  cayleyRetraction,
  DomainError,
  elliptope,
  eye,
  generalizedGrassmann,
  generalizedStiefel,
  type HostArray,
  logEuclidean,
  minimize,
  NumericalError,
  seededRandom,
  spd,
  stiefel,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { definite, withEigenvalues } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const positive = (seed: number, n: number, kappa: number): HostArray => la.fromArray(definite(seed, n, kappa).values, [n, n]);

  it('elliptope: the relaxed cut of an odd ring has its known value, and tangents keep the diagonal', async () => {
    const manifold = elliptope({ n: 5, rank: 3, algebra: la });
    const ring = Array.from({ length: 25 }, (_, i) => ([1, 4].includes((5 + (i % 5) - Math.floor(i / 5)) % 5) ? 1 : 0));
    const adjacency = la.fromArray(ring, [5, 5]);
    const cost = (y: HostArray) => 0.25 * la.inner(adjacency, manifold.toMatrix(y));
    const gradient = { kind: 'ambient', at: () => la.scale(0.25, adjacency) } as const;
    const result = await minimize({ manifold: elliptope({ n: 5, rank: 2, algebra: la }), cost, gradient });
    // 5/2 (1 − cos(4π/5)), of which the cost is the part in X.
    expect(2.5 - result.cost).toBeCloseTo(2.5 * (1 - Math.cos((4 * Math.PI) / 5)), 8);
    const y = manifold.randomPoint(seededRandom(1));
    const z = await manifold.randomTangent(y, seededRandom(2));
    const half = la.matmul(z, y, { transposeB: true });
    expect(la.diag(la.add(half, la.transpose(half)))).toBeAllClose([0, 0, 0, 0, 0], tolerance(la, 20));
    expect(la.diag(manifold.toMatrix(manifold.exp(y, z, 2)))).toBeAllClose([1, 1, 1, 1, 1], tolerance(la, 20));
  });

  it('elliptope refuses rows of other lengths and factors of lower rank', async () => {
    const manifold = elliptope({ n: 4, rank: 2, algebra: la });
    await expect(async () => manifold.checkPoint(la.full([4, 2], 1))).rejects.toThrow(/^elliptope: expected vectors of length 1/);
    await expect(async () => manifold.checkPoint(la.full([4, 2], Math.SQRT1_2))).rejects.toThrow(/expected a factor of rank 2/);
  });

  it('generalizedStiefel: X ↦ LᵀX is an isometry onto stiefel, with every metric and retraction', async () => {
    const B = positive(3, 6, 20);
    const factor = la.cholesky(B);
    const options = { m: 6, rank: 2, metric: canonicalStiefel(), retraction: cayleyRetraction(), algebra: la };
    const [manifold, plain] = [generalizedStiefel({ ...options, B }), stiefel(options)];
    const into = (x: HostArray): HostArray => la.matmul(factor, x, { transposeA: true });
    const random = seededRandom(4);
    const [x, y] = [manifold.randomPoint(random), manifold.randomPoint(random)];
    expect(la.matmul(x, la.matmul(B, x), { transposeA: true })).toBeAllClose(eye(la, 2), tolerance(la, 1e3));
    const u = await manifold.randomTangent(x, random);
    expect(await manifold.dist(x, y)).toBeAllClose(await plain.dist(into(x), into(y)), tolerance(la, 1e4));
    expect(into(manifold.retract(x, u, 0.7))).toBeAllClose(plain.retract(into(x), into(u), 0.7), tolerance(la, 1e3));
    expect(manifold.inverseRetract?.(x, manifold.retract(x, u, 0.7)) as HostArray).toBeAllClose(la.scale(0.7, u), tolerance(la, 1e4));
  });

  it.each([generalizedStiefel, generalizedGrassmann])(
    '%o: the trace over generalized eigenvectors, and errors by its name',
    async (factory) => {
      const m = 5;
      const A = la.diagMatrix(la.fromArray([5, 4, 3, 2, 1], [m]));
      const B = la.diagMatrix(la.fromArray([1, 2, 3, 4, 5], [m]));
      const manifold = factory({ m, rank: 2, B, algebra: la });
      const cost = (x: HostArray) => 0.5 * la.inner(x, la.matmul(A, x));
      const gradient = { kind: 'ambient', at: (x: HostArray) => la.matmul(A, x) } as const;
      expect(2 * (await minimize({ manifold, cost, gradient })).cost).toBeCloseTo(1 / 5 + 2 / 4, 9);
      const x = manifold.randomPoint(seededRandom(1));
      const { name } = factory;
      await expect(async () => manifold.checkPoint(la.scale(2, x))).rejects.toThrow(new RegExp(`^${name}: expected XᵀBX = I`));
      const far = la.fromArray([0, 0, 0, 0, 0, 0, 0.5, 0, 0, Math.sqrt(0.2)], [m, 2]);
      const near = la.fromArray([1, 0, 0, Math.SQRT1_2, 0, 0, 0, 0, 0, 0], [m, 2]);
      if (factory === generalizedGrassmann)
        expect(() => manifold.log(near, far)).toThrow(/^generalizedGrassmann.log: the subspaces have a right angle/);
      expect(() => factory({ m, rank: 2, B: la.scale(-1, B), algebra: la })).toThrow(DomainError);
      expect(() => factory({ m, rank: 2, B: la.fromArray([1, 1, 0, 1], [2, 2]), algebra: la })).toThrow(
        new RegExp(`^${name}: B must have shape`),
      );
      const skewed = la.fromArray([1, 0.5, 0, 1], [2, 2]);
      expect(() => factory({ m: 2, rank: 1, B: skewed, algebra: la })).toThrow(/symmetric matrix B.*pass ½\(B \+ Bᵀ\)/);
    },
  );

  describe('log-Euclidean', () => {
    const n = 4;
    const manifold = spd({ n, metric: logEuclidean(), algebra: la });
    const diagonal = (...values: number[]): HostArray => la.diagMatrix(la.fromArray(values, [values.length]));

    it('is the affine-invariant metric where matrices commute', async () => {
      const affine = spd({ n, algebra: la });
      const [x, y] = [[1, 2, 3, 9] as const, [4, 1, 1, 0.1] as const].map((spectrum) =>
        la.fromArray(withEigenvalues(5, Float64Array.from(spectrum)).values, [n, n]),
      );
      const allowed = tolerance(la, 1e3);
      expect(await manifold.dist(x, y)).toBeAllClose(await affine.dist(x, y), allowed);
      expect(manifold.log(x, y)).toBeAllClose(affine.log(x, y), 10 * allowed);
      expect(manifold.exp(x, affine.log(x, y), 0.3)).toBeAllClose(affine.exp(x, affine.log(x, y), 0.3), 10 * allowed);
    });

    it('its mean is closed: one look finds it', async () => {
      const points = [1, 2, 3].map((seed) => positive(seed, n, 1e3));
      const { point, iterations, converged } = await barycenter(manifold, points, { weights: [1, 2, 3] });
      expect({ iterations: iterations <= 1, converged }).toEqual({ iterations: true, converged: true });
      const logs = points.map((x) => manifold.log(eye(la, n), x));
      const mean = logs.reduce((sum, l, i) => la.axpy((i + 1) / 6, l, sum), la.full([n, n], 0));
      expect(point).toBeAllClose(manifold.exp(eye(la, n), mean), tolerance(la, 1e4));
    });

    it('transport is an isometry, and does not depend on the way', async () => {
      const random = seededRandom(8);
      const [x, y, z] = [1, 2, 3].map(() => manifold.randomPoint(random));
      const u = await manifold.randomTangent(x, random);
      const direct = manifold.transport(x, z, u);
      expect(manifold.transport(y, z, manifold.transport(x, y, u))).toBeAllClose(direct, tolerance(la, 1e3));
      expect(await manifold.norm(z, direct)).toBeAllClose(1, tolerance(la, 1e3));
    });

    it('inverseRetract: that of the affine-invariant retraction reaches half of a point, and says so', async () => {
      const affine = spd({ n: 2, algebra: la });
      const x = eye(la, 2);
      const u = la.fromArray([-0.5, 0.2, 0.2, 1], [2, 2]);
      const y = affine.retract(x, u);
      expect(affine.inverseRetract?.(x, y) as HostArray).toBeAllClose(u, tolerance(la, 100));
      expect(() => affine.inverseRetract?.(x, diagonal(0.4, 1))).toThrow(/^spd.inverseRetract: the retraction reaches only points/);
      expect(() => manifold.exp(eye(la, n), diagonal(1, 1, 1, 1), -50)).not.toThrow();
      expect(() => manifold.exp(eye(la, n), diagonal(50, 0, 0, 0), 1)).toThrow(NumericalError);
    });
  });
});
