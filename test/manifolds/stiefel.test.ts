/**
 * `stiefel` beyond the laws: logarithms of far points, sizes where blocks are narrow, both metrics, inverse
 * retractions, and what has no geodesic.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalStiefel,
  cayleyRetraction,
  euclideanStiefel,
  eye,
  grassmann,
  type HostArray,
  NumericalError,
  orthogonalGroup,
  polarRetraction,
  qrRetraction,
  rotations,
  seededRandom,
  sphere,
  stiefel,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

const metrics = [euclideanStiefel(), canonicalStiefel(), { name: 'β = ¾', beta: 0.75 }];
const retractions = [polarRetraction(), qrRetraction(), cayleyRetraction()];
/** Rows and columns: r below, at and above half of m, one column, one direction left, and none. */
const shapes = [
  { m: 12, rank: 3 },
  { m: 6, rank: 3 },
  { m: 5, rank: 3 },
  { m: 7, rank: 1 },
  { m: 4, rank: 3 },
  { m: 4, rank: 4 },
  { m: 2, rank: 1 },
];

describe.each(hostEngines)('on %s', (_engine, la) => {
  describe.each(metrics)('metric $name', (metric) => {
    it.each(shapes)('log undoes exp over long geodesics, $m×$rank', async ({ m, rank }) => {
      const manifold = stiefel({ m, rank, metric, algebra: la });
      for (const seed of [1, 2, 3, 4]) {
        const random = seededRandom(seed);
        const x = manifold.randomPoint(random);
        const u = await manifold.randomTangent(x, random);
        for (const length of [1e-9, 1e-4, 0.3, 1, 2]) {
          const y = manifold.exp(x, u, length);
          const allowed = tolerance(la, 1e4 * m);
          expect(manifold.log(x, y)).toBeAllClose(la.scale(length, u), allowed);
          expect(await manifold.dist(y, x)).toBeAllClose(length, allowed);
        }
      }
    });

    it('log undoes exp up to the injectivity radius on large blocks, 20×10', async () => {
      const manifold = stiefel({ m: 20, rank: 10, metric, algebra: la });
      const length = metric.beta === 1 ? 3.14 : 0.89 * Math.PI;
      for (const seed of [1, 2]) {
        const random = seededRandom(seed);
        const x = manifold.randomPoint(random);
        const direction = await manifold.randomTangent(x, random);
        const u = la.scale(length / manifold.norm(x, direction), direction);
        expect(manifold.log(x, manifold.exp(x, u))).toBeAllClose(u, tolerance(la, 1e5));
      }
    });

    it('between random points the logarithm leads to the other, and seldom there is an error instead', async () => {
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.constantFrom(...shapes.slice(0, 5)), async (seed, { m, rank }) => {
          const manifold = stiefel({ m, rank, metric, algebra: la });
          const random = seededRandom(seed);
          const [x, y] = [manifold.randomPoint(random), manifold.randomPoint(random)];
          let u: HostArray;
          try {
            u = manifold.log(x, y);
          } catch (error) {
            expect(error).toBeInstanceOf(NumericalError);
            refused++;
            return;
          }
          expect(manifold.exp(x, u)).toBeAllClose(y, tolerance(la, 1e5));
          expect(la.norm(la.subtract(manifold.toTangent(x, u), u))).toBeAllClose(0, tolerance(la, 1e4));
        }),
        { numRuns: 60 },
      );
      expect(refused).toBeLessThan(6);
    });

    it('geodesics have the second derivative of the metric: only it is missing in the difference', async () => {
      const manifold = stiefel({ m: 6, rank: 3, metric, algebra: la });
      const x = manifold.randomPoint(seededRandom(3));
      const u = await manifold.randomTangent(x, seededRandom(4));
      const gap = (t: number) => la.norm(la.subtract(manifold.difference(x, manifold.exp(x, u, t)), la.scale(t, u)));
      expect(Math.log10(gap(1e-2) / gap(1e-3))).toBeGreaterThan(2.8);
    });

    it('each member of a batch has its own logarithm', async () => {
      const single = stiefel({ m: 6, rank: 2, metric, algebra: la });
      const both = stiefel({ m: 6, rank: 2, metric, batch: [2], algebra: la });
      const random = seededRandom(6);
      const [x, y] = [both.randomPoint(random), both.randomPoint(random)];
      const member = (z: HostArray, i: number) => la.fromArray(la.toArray(z).slice(12 * i, 12 * i + 12), [6, 2]);
      const whole = both.log(x, y);
      for (const i of [0, 1]) expect(member(whole, i)).toBeAllClose(single.log(member(x, i), member(y, i)), tolerance(la, 1e4));
    });
  });

  it('one column is a sphere, and m columns are the orthogonal group', async () => {
    const random = seededRandom(5);
    const ball = sphere({ shape: [5, 1], algebra: la });
    const [x, y] = [ball.randomPoint(random), ball.randomPoint(random)];
    for (const metric of metrics) {
      const manifold = stiefel({ m: 5, rank: 1, metric, algebra: la });
      expect(manifold.log(x, y)).toBeAllClose(ball.log(x, y), tolerance(la, 100));
      expect(await manifold.dist(x, y)).toBeAllClose(await ball.dist(x, y), tolerance(la, 100));
    }
    const group = rotations({ n: 4, algebra: la });
    const [p, q] = [group.randomPoint(random), group.randomPoint(random)];
    const frames = stiefel({ m: 4, rank: 4, algebra: la });
    expect(frames.log(p, q)).toBeAllClose(group.log(p, q), tolerance(la, 100));
    const canonical = stiefel({ m: 4, rank: 4, metric: canonicalStiefel(), algebra: la });
    expect(await canonical.dist(p, q)).toBeAllClose((await group.dist(p, q)) / Math.SQRT2, tolerance(la, 100));
  });

  it.each(metrics)('$name: where a device cannot be read at once, the logarithm is right or NaN', async (metric) => {
    const unread = { ...la, readsSynchronously: false, peek: () => undefined };
    const manifold = stiefel({ m: 6, rank: 2, metric, algebra: unread });
    const x = manifold.randomPoint(seededRandom(1));
    const u = await manifold.randomTangent(x, seededRandom(2));
    expect(manifold.log(x, manifold.exp(x, u, 0.4))).toBeAllClose(la.scale(0.4, u), tolerance(la, 1e4));
    for (const y of [la.scale(-1, x), la.scaleColumns(x, la.fromArray([1, -1], [2])), manifold.randomPoint(seededRandom(3))]) {
      const far = manifold.log(x, y);
      // An answer leads to the point, be it one of several.
      if (!la.toArray(far).every(Number.isNaN)) expect(manifold.exp(x, far)).toBeAllClose(y, tolerance(la, 1e4));
    }
    const mirror = la.diagMatrix(la.fromArray([1, 1, -1], [3]));
    for (const square of [stiefel({ m: 3, rank: 3, metric, algebra: unread }), orthogonalGroup({ n: 3, algebra: unread })]) {
      expect(la.toArray(square.log(eye(la, 3), mirror)).every(Number.isNaN)).toBe(true);
    }
  });

  it('opposite points, and reflections, have no logarithm', () => {
    const frames = stiefel({ m: 5, rank: 2, algebra: la });
    const x = frames.randomPoint(seededRandom(1));
    expect(() => frames.log(x, la.scale(-1, x))).toThrow(NumericalError);
    expect(() => frames.log(x, la.scale(-1, x))).toThrow(/^stiefel.log: found no geodesic .* choose points closer together/);
    const square = stiefel({ m: 3, rank: 3, algebra: la });
    const mirror = la.diagMatrix(la.fromArray([1, 1, -1], [3]));
    expect(() => square.log(eye(la, 3), mirror)).toThrow(NumericalError);
  });

  describe.each(retractions)('retraction $name', (retraction) => {
    it.each(shapes)('inverseRetract undoes it, near and far, $m×$rank', async ({ m, rank }) => {
      const manifold = stiefel({ m, rank, retraction, algebra: la });
      for (const seed of [1, 2, 3]) {
        const x = manifold.randomPoint(seededRandom(seed));
        const u = await manifold.randomTangent(x, seededRandom(seed + 9));
        for (const length of [1e-8, 0.1, 1]) {
          const y = manifold.retract(x, u, length);
          expect(manifold.inverseRetract?.(x, y) as HostArray).toBeAllClose(la.scale(length, u), tolerance(la, 1e4 * m));
        }
      }
    });

    it('on subspaces too, in any basis', async () => {
      const manifold = grassmann({ m: 7, rank: 3, retraction, algebra: la });
      const x = manifold.randomPoint(seededRandom(2));
      const u = await manifold.randomTangent(x, seededRandom(3));
      const { Q } = la.qr(la.randomNormal([3, 3], seededRandom(4)));
      for (const length of [1e-8, 0.1, 1.5]) {
        const y = la.matmul(manifold.retract(x, u, length), Q);
        expect(manifold.inverseRetract?.(x, y) as HostArray).toBeAllClose(la.scale(length, u), tolerance(la, 1e4));
      }
    });

    it('where no tangent leads to a point, inverseRetract says so', () => {
      const manifold = stiefel({ m: 5, rank: 2, retraction, algebra: la });
      const x = manifold.randomPoint(seededRandom(1));
      const far = la.scale(-1, x);
      expect(() => manifold.inverseRetract?.(x, far)).toThrow(NumericalError);
      expect(() => manifold.inverseRetract?.(x, far)).toThrow(
        /^stiefel\.inverseRetract: no tangent at the first point leads to the second/,
      );
      const group = orthogonalGroup({ n: 3, retraction, algebra: la });
      expect(() => group.inverseRetract?.(eye(la, 3), la.diagMatrix(la.fromArray([1, -1, -1], [3])))).toThrow(NumericalError);
    });
  });

  it.each([1e-3, 1e-10, 1e-12, 1e-14])(
    'subspaces at an angle of %d from a right one: logarithm and inverse of Cayley keep their digits',
    async (gap) => {
      const angles = [Math.PI / 2 - gap, 0.3];
      const x = la.qr(la.randomNormal([6, 2], seededRandom(5))).Q;
      const drawn = la.randomNormal([6, 2], seededRandom(6));
      const W = la.qr(la.subtract(drawn, la.matmul(x, la.matmul(x, drawn, { transposeA: true })))).Q;
      const V = la.qr(la.randomNormal([2, 2], seededRandom(7))).Q;
      const tangent = (lengths: readonly number[]): HostArray =>
        la.matmul(la.scaleColumns(W, la.fromArray([...lengths], [2])), V, { transposeB: true });
      const y = la.add(
        la.matmul(la.scaleColumns(la.matmul(x, V), la.fromArray([Math.sin(gap), Math.cos(0.3)], [2])), V, { transposeB: true }),
        tangent(angles.map(Math.sin)),
      );
      const { Q } = la.qr(la.randomNormal([2, 2], seededRandom(8)));
      const manifold = grassmann({ m: 6, rank: 2, retraction: cayleyRetraction(), algebra: la });
      for (const end of [y, la.matmul(y, Q)]) {
        expect(manifold.log(x, end)).toBeAllClose(tangent(angles), tolerance(la, 100));
        expect(manifold.inverseRetract?.(x, end) as HostArray).toBeAllClose(
          tangent(angles.map((angle) => 2 * Math.tan(angle / 2))),
          tolerance(la, 100),
        );
      }
      expect(() => manifold.exp(x, tangent(angles), 1e17)).toThrow(/^grassmann.exp: the tangent turns by/);
    },
  );

  it('the Cayley retraction is (I − tW/2)⁻¹(I + tW/2)X', async () => {
    for (const { m, rank } of shapes) {
      const manifold = stiefel({ m, rank, metric: canonicalStiefel(), retraction: cayleyRetraction(), algebra: la });
      const x = manifold.randomPoint(seededRandom(1));
      const u = await manifold.randomTangent(x, seededRandom(2));
      const t = 1.7;
      const pu = la.axpy(-0.5, la.matmul(x, la.matmul(x, u, { transposeA: true })), u);
      const half = la.matmul(pu, x, { transposeB: true });
      const w = la.subtract(half, la.transpose(half));
      const y = manifold.retract(x, u, t);
      const left = la.axpy(-t / 2, la.matmul(w, y), y);
      expect(left).toBeAllClose(la.axpy(t / 2, la.matmul(w, x), x), tolerance(la, 100 * m));
    }
  });
});
