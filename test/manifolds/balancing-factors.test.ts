/** balancingFactors beyond the laws: when it projects, and what carries state where it does not. */
import { describe, expect, it } from 'vitest';
import {
  adam,
  balancedFactors,
  balancingFactors,
  constantStep,
  type FactorPair,
  gradientDescent,
  type HostArray,
  iterate,
  product,
  seededRandom,
} from '../../src/index.js';
import { balanceGap } from '../../src/retractions/balance-gap.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

const sizes = { m: 7, n: 5, rank: 2, batch: [3] };

describe.each(hostEngines)('on %s', (_name, la) => {
  const unbalanced: FactorPair<HostArray> = {
    A: la.randomNormal([3, 7, 2], seededRandom(1)),
    B: la.scale(0.01, la.randomNormal([3, 2, 5], seededRandom(2))),
  };

  /** Whether the pair is balanced after each of the first steps, through a product and the engine's loop. */
  async function balancedAfter(schedule: { readonly every?: number; readonly start?: number }, steps: number): Promise<boolean[]> {
    const manifold = product({ pair: balancingFactors({ ...sizes, ...schedule, algebra: la }) });
    const gradient = { kind: 'coordinates' as const, at: (x: { readonly pair: FactorPair<HostArray> }) => x };
    const found: boolean[] = [];
    for await (const { iteration, state } of iterate(
      { manifold, cost: () => 1, gradient },
      { solver: gradientDescent({ direction: adam(), stepSize: constantStep(0.01) }), initial: { pair: unbalanced } },
    )) {
      if (iteration > 0) found.push((await balanceGap(la, state.x.pair)) < tolerance(la, 1000));
      if (iteration === steps) break;
    }
    return found;
  }

  it('projects after every k-th step, from the start on', async () => {
    expect(await balancedAfter({}, 3)).toEqual([true, true, true]);
    expect(await balancedAfter({ every: 3 }, 7)).toEqual([false, false, true, false, false, true, false]);
    expect(await balancedAfter({ every: 2, start: 3 }, 6)).toEqual([false, false, false, true, false, true]);
  });

  it('takes the step of balancedFactors where it projects, and carries nothing where it does not', () => {
    const [manifold, balanced] = [balancingFactors({ ...sizes, every: 2, algebra: la }), balancedFactors({ ...sizes, algebra: la })];
    const x = balanced.randomPoint(seededRandom(3));
    const u = balanced.randomPoint(seededRandom(4));
    const projected = manifold.retractTransport(x, u, 0.1, 2);
    const expected = balanced.retractTransport(x, u, 0.1);
    expect(projected.point.A).toBeAllClose(expected.point.A, 0);
    expect(projected.covector(u).B).toBeAllClose(expected.covector(u).B, 0);
    const straight = manifold.retractTransport(x, u, 0.1, 1);
    expect(straight.point.A).toBeAllClose(la.axpy(0.1, u.A, x.A), 0);
    for (const map of ['vector', 'covector', 'secondMoment'] as const) expect(straight[map](u)).toBe(u);
  });

  it('refuses schedules that are none', () => {
    expect(() => balancingFactors({ ...sizes, every: 0, algebra: la })).toThrow(/every must be a positive integer/);
    expect(() => balancingFactors({ ...sizes, start: -1, algebra: la })).toThrow(/start must be/);
  });
});
