/** What a product makes of its components' claims, and how it spreads a random tangent. */
import { describe, expect, it } from 'vitest';
import { balancedFactors, polarRetraction, product, qrRetraction, seededRandom, stiefel } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const first = stiefel({ m: 7, rank: 2, retraction: qrRetraction(), algebra: la });
  const second = stiefel({ m: 6, rank: 3, retraction: polarRetraction(), algebra: la });
  const factors = balancedFactors({ m: 9, n: 5, rank: 4, algebra: la });

  it('has a retraction of second order only if all its components do', () => {
    expect([first.retractionOrder, second.retractionOrder]).toEqual([1, 2]);
    expect(product({ first, second }).retractionOrder).toBe(1);
    expect(product({ second, first }).retractionOrder).toBe(1);
    expect(product({ second, factors }).retractionOrder).toBe(2);
  });

  it('spreads a random tangent over its components by dimension, at unit length in all', async () => {
    const parts = { second, factors };
    const manifold = product(parts);
    const random = seededRandom(3);
    const x = manifold.randomPoint(random);
    const u = await manifold.randomTangent(x, random);
    expect(manifold.dim).toBe(second.dim + factors.dim);
    expect(await manifold.norm(x, u)).toBeAllClose(1, tolerance(la, 100));
    expect((await second.norm(x.second, u.second)) ** 2).toBeAllClose(second.dim / manifold.dim, tolerance(la, 100));
    expect((await factors.norm(x.factors, u.factors)) ** 2).toBeAllClose(factors.dim / manifold.dim, tolerance(la, 100));
  });

  it('is as long as its components together', () => {
    expect(product({ second, factors }).typicalDist).toBeAllClose(Math.hypot(second.typicalDist, factors.typicalDist), tolerance(la, 10));
  });
});
