/** `simplex` against closed forms, at small probabilities, and where geodesics end. */
import { describe, expect, it } from 'vitest';
import { DomainError, type HostArray, NumericalError, seededRandom, simplex, sphere } from '../../src/index.js';
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
});
