/** `simplex` against closed forms, at small probabilities, and where geodesics end. */
import { describe, expect, it } from 'vitest';
import {
  any,
  barycenter,
  DomainError,
  gradientNormBelow,
  type HostArray,
  maxIterations,
  minimize,
  NumericalError,
  seededRandom,
  simplex,
  sphere,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const manifold = simplex({ n: 3, algebra: la });
  const root = (p: HostArray): HostArray => la.sqrt(p);

  it('is the positive part of a sphere of radius 2', async () => {
    const ball = sphere({ shape: [3], algebra: la });
    const random = seededRandom(1);
    const [p, r] = [manifold.randomPoint(random), manifold.randomPoint(random)];
    expect(await manifold.dist(p, r)).toBeAllClose(2 * (await ball.dist(root(p), root(r))), tolerance(la, 20));
    const u = manifold.log(p, r);
    expect(la.divide(u, la.scale(2, root(p)))).toBeAllClose(ball.log(root(p), root(r)), tolerance(la, 20));
    const v = await manifold.randomTangent(p, random);
    expect(await manifold.norm(r, manifold.transport(p, r, v))).toBeAllClose(1, tolerance(la, 20));
    expect(manifold.transport(p, r, u)).toBeAllClose(la.scale(-1, manifold.log(r, p)), tolerance(la, 20));
  });

  it('the retraction moves along the exponential family, and its inverse brings it back, also from far', async () => {
    const p = la.fromArray([1e-12, 0.3, 0.7 - 1e-12], [3]);
    const u = la.fromArray([2e-12, 0.1, -0.1 - 2e-12], [3]);
    const y = manifold.retract(p, u, 3);
    const weights = [1e-12 * Math.exp(6), 0.3 * Math.exp(1), (0.7 - 1e-12) * Math.exp((3 * (-0.1 - 2e-12)) / (0.7 - 1e-12))];
    const sum = weights[0] + weights[1] + weights[2];
    const received = la.toArray(y);
    for (const [i, weight] of weights.entries()) expect(Math.abs(received[i] / (weight / sum) - 1)).toBeLessThan(64 * la.epsilon);
    const back = manifold.inverseRetract?.(p, y) as HostArray;
    expect(await manifold.norm(p, la.axpy(-3, u, back))).toBeAllClose(0, tolerance(la, 1e3));
  });

  it('geodesics end at the boundary, with an error; retractions do not', async () => {
    const p = la.fromArray([0.5, 0.25, 0.25], [3]);
    const u = la.fromArray([-1, 0.5, 0.5], [3]);
    // √½ cos ℓ − sin ℓ·√½ vanishes at ℓ = π/4, where ℓ = t·|u|/2 = t/√2·…
    const end = Math.PI / 4 / (0.5 * (await manifold.norm(p, u)));
    await manifold.checkPoint(manifold.exp(p, u, 0.999 * end));
    expect(() => manifold.exp(p, u, 1.001 * end)).toThrow(NumericalError);
    expect(() => manifold.exp(p, u, 9 * end)).toThrow(/^simplex.exp: the geodesic meets the boundary/);
    await manifold.checkPoint(manifold.retract(p, u, 9 * end));
  });

  it('what is no distribution is no point', async () => {
    await expect(async () => manifold.checkPoint(la.fromArray([0, 0.5, 0.5], [3]))).rejects.toThrow(/positive probabilities, got one of 0/);
    await expect(async () => manifold.checkPoint(la.fromArray([0.2, 0.5, 0.5], [3]))).rejects.toThrow(DomainError);
  });

  it('removes rounding from tangents by the probabilities, so that it stays small where they are', async () => {
    const p = la.fromArray([0.35, 1e-25, 0.65 - 1e-25], [3]);
    const gradient = manifold.egradToRgrad(p, la.fromArray([0.3, 0.2, 0.27], [3]));
    const tangent = manifold.toTangent(p, gradient);
    expect(await manifold.norm(p, la.subtract(tangent, gradient))).toBeLessThan(64 * la.epsilon * (await manifold.norm(p, gradient)));
    const rest = await la.total(tangent);
    expect(Math.abs(rest)).toBeLessThan(8 * la.epsilon);
  });

  it('has means of distributions that are far apart', async () => {
    const random = seededRandom(3);
    const wide = simplex({ n: 10, algebra: la });
    for (let trial = 0; trial < 5; trial++) {
      const points = Array.from({ length: 5 }, () => {
        const weights = Array.from({ length: 10 }, () => Math.exp(5 * random.normal()));
        const sum = weights.reduce((total, weight) => total + weight, 0);
        return la.fromArray(
          weights.map((weight) => weight / sum),
          [10],
        );
      });
      const { point, converged } = await barycenter(wide, points);
      expect(converged).toBe(true);
      const mean = points.map((r) => wide.log(point, r)).reduce((sum, u) => la.add(sum, u));
      expect(await wide.norm(point, mean)).toBeLessThan(1e4 * la.epsilon);
    }
  });

  it('weighs the components of a mixture of which most are not there', async () => {
    const random = seededRandom(4);
    const components = 6;
    const rows = Array.from({ length: 200 }, (_, i) => {
      const x = (i % 2 === 0 ? 4 : 1) + 0.5 * random.normal();
      return Array.from({ length: components }, (_unused, k) => Math.exp(-0.5 * (x - k) ** 2));
    });
    const likelihood = la.fromArray(rows.flat(), [200, components]);
    const of = (p: HostArray): HostArray => la.matmul(likelihood, la.reshape(p, [components, 1]));
    const cost = async (p: HostArray) => -(await la.total(la.log(of(p)))) / 200;
    const at = (p: HostArray): HostArray =>
      la.reshape(la.scale(-1 / 200, la.matmul(likelihood, la.divide(la.full([200, 1], 1), of(p)), { transposeA: true })), [components]);
    for (let seed = 0; seed < 5; seed++) {
      const { x, converged } = await minimize(
        { manifold: simplex({ n: components, algebra: la }), cost, gradient: { kind: 'ambient', at } },
        { stop: any(gradientNormBelow(1e-6), maxIterations(3000)), seed },
      );
      expect(converged).toBe(true);
      const [, first, , , second] = la.toArray(x);
      expect(first + second).toBeGreaterThan(0.5);
    }
  });
});
