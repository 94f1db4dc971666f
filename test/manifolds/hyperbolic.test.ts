/**
 * `hyperbolic` and `poincareBall` against each other and closed forms: points close together and far away, where
 * Lorentz products cancel.
 */
import { describe, expect, it } from 'vitest';
import { barycenter, DomainError, type HostArray, hyperbolic, NumericalError, poincareBall, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const space = hyperbolic({ n: 3, algebra: la });
  const ball = poincareBall({ n: 3, algebra: la });
  /** The point at a distance from the origin in a direction, of length 1. */
  const at = (distance: number, [a, b, c]: readonly number[]): HostArray => {
    const s = Math.sinh(distance);
    return la.fromArray([Math.cosh(distance), s * a, s * b, s * c], [4]);
  };
  /** The point of the ball: x̄/(1 + x₀). */
  const inBall = (x: HostArray): HostArray => {
    const [time, ...rest] = la.toArray(x);
    return la.fromArray(
      rest.map((entry) => entry / (1 + time)),
      [3],
    );
  };
  const e1 = [1, 0, 0];
  const turned = (angle: number): readonly number[] => [Math.cos(angle), Math.sin(angle), 0];

  it.each([1e-9, 1e-3, 1, 20, 300])('along a ray distances add up, with logarithm and exponential, from %d', async (start) => {
    for (const length of [1e-12, 1e-6, 0.1, 5, 30]) {
      const [x, y] = [at(start, e1), at(start + length, e1)];
      // Coordinates are right to ε relative to their size, so that lengths are right to ε in all.
      const rounding = 32 * la.epsilon * Math.max(1, start + length);
      expect(await space.dist(x, y)).toBeAllClose(length, rounding);
      const outwards = space.log(x, y);
      expect(await space.norm(x, outwards)).toBeAllClose(length, rounding);
      expect(await space.dist(space.exp(x, outwards), y)).toBeAllClose(0, 4 * rounding);
      // Back to the origin and beyond.
      const origin = at(0, e1);
      expect(await space.dist(space.exp(y, space.log(y, origin)), origin)).toBeAllClose(0, 8 * rounding);
      expect(await space.dist(at(-start, e1), y)).toBeAllClose(2 * start + length, rounding);
    }
  });

  it.each([1e-6, 0.5, 8, 200])('the law of cosines holds at radius %d, for all angles', async (radius) => {
    for (const angle of [1e-12, 1e-5, 0.3, 1.5, Math.PI / 2, 2.8, Math.PI]) {
      const [x, y] = [at(radius, e1), at(radius, turned(angle))];
      // sinh(d/2) = sinh(ρ) sin(φ/2) at equal radii.
      const expected = 2 * Math.asinh(Math.sinh(radius) * Math.sin(angle / 2));
      // The coordinates of y are right to ε, and so is its angle: by ε sinh(ρ) across, where that is more than a part
      // of d.
      const rounding = 8 * la.epsilon * Math.min(Math.sinh(radius), 1 / Math.max(angle, 1e-12));
      expect(await space.dist(x, y)).toBeAllClose(expected, rounding + tolerance(la, 16, expected));
    }
  });

  it('logarithms lead to the point, for pairs near, far and opposite', async () => {
    const random = seededRandom(2);
    for (const radius of [0.1, 3, 12]) {
      for (let pair = 0; pair < 20; pair++) {
        const direction = () => {
          const z = la.toArray(la.randomNormal([3], random));
          return Array.from(z, (entry) => entry / Math.hypot(...z));
        };
        const [x, y] = [at(radius, direction()), at(radius * random.uniform(), direction())];
        const u = space.log(x, y);
        const d = await space.dist(x, y);
        expect(await space.norm(x, u)).toBeAllClose(d, tolerance(la, 1e3, Math.cosh(radius)));
        // Coordinates of tangents at x are right to ε cosh(ρ), which moves the end by up to sinh(d) times as much.
        expect(await space.dist(space.exp(x, u), y)).toBeAllClose(0, tolerance(la, 10, (1 + Math.sinh(d)) * Math.cosh(radius)));
        expect(await space.dist(y, x)).toBeAllClose(d, tolerance(la, 100));
      }
    }
  });

  it('transport is an isometry that takes the velocity of the geodesic along', async () => {
    const random = seededRandom(3);
    for (const manifold of [space, ball]) {
      const [x, y] = [manifold.randomPoint(random), manifold.randomPoint(random)];
      const [u, v] = [await manifold.randomTangent(x, random), await manifold.randomTangent(x, random)];
      const moved = (w: HostArray) => manifold.transport(x, y, w);
      expect(await manifold.inner(y, moved(u), moved(v))).toBeAllClose(await manifold.inner(x, u, v), tolerance(la, 100));
      expect(moved(manifold.log(x, y))).toBeAllClose(la.scale(-1, manifold.log(y, x)), tolerance(la, 1e3));
      expect(manifold.transport(y, x, moved(u))).toBeAllClose(u, tolerance(la, 1e3));
    }
  });

  it('the two models are isometric', async () => {
    const random = seededRandom(4);
    for (let pair = 0; pair < 10; pair++) {
      const [x, y, z] = [space.randomPoint(random), space.randomPoint(random), space.randomPoint(random)];
      const [p, q, r] = [x, y, z].map(inBall);
      expect(await ball.dist(p, q)).toBeAllClose(await space.dist(x, y), tolerance(la, 100));
      expect(inBall(space.exp(x, space.log(x, y), 0.4))).toBeAllClose(ball.exp(p, ball.log(p, q), 0.4), tolerance(la, 100));
      const [inSpace, within] = [space.transport(x, y, space.log(x, z)), ball.transport(p, q, ball.log(p, r))];
      expect(inBall(space.exp(y, inSpace))).toBeAllClose(ball.exp(q, within), tolerance(la, 1e3));
    }
  });

  it('a mean of far points is the one of hyperbolic geometry', async () => {
    const points = [at(6, e1), at(6, turned((2 * Math.PI) / 3)), at(6, turned((4 * Math.PI) / 3))];
    const { point, converged } = await barycenter(space, points);
    expect(converged).toBe(true);
    expect(point).toBeAllClose(at(0, e1), tolerance(la, 1e5));
  });

  it('steps beyond the range of numbers, and points off the sheet or the ball, are refused', async () => {
    const x = at(1, e1);
    const u = await space.randomTangent(x, seededRandom(1));
    expect(() => space.exp(x, u, 1000)).toThrow(/^hyperbolic.exp: the step leads to coordinates beyond the range/);
    await space.checkPoint(space.exp(x, u, 600));
    expect(() => ball.retract(inBall(x), la.fromArray([1, 0, 0], [3]), 100)).toThrow(NumericalError);
    await expect(async () => space.checkPoint(la.fromArray([1, 0.1, 0, 0], [4]))).rejects.toThrow(/x₀ first, but they differ by/);
    await expect(async () => space.checkPoint(la.fromArray([-1, 0, 0, 0], [4]))).rejects.toThrow(DomainError);
    await expect(async () => ball.checkPoint(la.fromArray([1, 0, 0], [3]))).rejects.toThrow(/inside the unit ball/);
  });

  it.each([1e-2, 1e-8, 1e-12, 1e-14])(
    'the ball: transport close to the rim, at 1 − |x| = %d, keeps lengths and takes log to −log',
    (room) => {
      const e = [2 / 7, 3 / 7, 6 / 7];
      const f = e.map((entry, i) => entry + room * [0.6, -0.5, 0.3][i]);
      const x = la.fromArray(
        e.map((entry) => (1 - room) * entry),
        [3],
      );
      const y = la.fromArray(
        f.map((entry) => ((1 - 2 * room) * entry) / Math.hypot(...f)),
        [3],
      );
      const u = la.fromArray([0.3 * room, -0.2 * room, 0.9 * room], [3]);
      const rounding = (64 * la.epsilon) / room;
      for (const [from, to] of [
        [x, y],
        [y, x],
        [x, x],
        [x, la.scale(-1, y)],
        [x, la.full([3], 0)],
        [la.full([3], 0), x],
      ]) {
        const before = ball.norm(from, u) as number;
        expect(ball.norm(to, ball.transport(from, to, u))).toBeAllClose(before, rounding * before + 64 * la.epsilon * before);
        const [there, back] = [ball.log(from, to), ball.log(to, from)];
        const size = ball.norm(to, back) as number;
        expect(ball.norm(to, la.add(ball.transport(from, to, there), back)) as number).toBeLessThanOrEqual(rounding * size);
      }
    },
  );
});
