/** When balancedFactors projects, whatever the solver, and what carries state where it does not. */

import {
  adam,
  type BalancedFactorsManifold,
  balancedFactors,
  constantStep,
  type FactorPair,
  gradientDescent,
  type HostArray,
  iterate,
  lbfgs,
  maxIterations,
  minimize,
  NumericalError,
  polakRibiere,
  product,
  ShapeError,
  type Solver,
  seededRandom,
  svrg,
  trustRegions,
  wolfe,
} from 'bures';
import { describe, expect, it } from 'vitest';
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
    const manifold = product({ pair: balancedFactors({ ...sizes, ...schedule, algebra: la }) });
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
    const [manifold, balanced] = [balancedFactors({ ...sizes, every: 2, algebra: la }), balancedFactors({ ...sizes, algebra: la })];
    const x = balanced.randomPoint(seededRandom(3));
    const u = balanced.randomPoint(seededRandom(4));
    const projected = manifold.atStep?.(2).retractTransport(x, u, 0.1);
    const expected = balanced.retractTransport(x, u, 0.1);
    if (projected === undefined) throw new Error('a manifold with a schedule has steps');
    expect(projected.point.A).toBeAllClose(expected.point.A, 0);
    expect(projected.covector(u).B).toBeAllClose(expected.covector(u).B, 0);
    const straight = manifold.atStep?.(1).retractTransport(x, u, 0.1);
    if (straight === undefined) throw new Error('a manifold with a schedule has steps');
    expect(straight.point.A).toBeAllClose(la.axpy(0.1, u.A, x.A), 0);
    for (const map of ['vector', 'covector', 'secondMoment'] as const) expect(straight[map](u)).toBe(u);
  });

  describe('every solver honours the schedule', () => {
    const target = la.randomNormal([3, 7, 5], seededRandom(9));
    /** ½‖AB − Z‖², from a pair that is not balanced. */
    const problemOn = (manifold: BalancedFactorsManifold<HostArray>) => ({
      manifold,
      cost: (x: FactorPair<HostArray>) => 0.5 * (la.norm(la.subtract(manifold.toMatrix(x), target)) as number) ** 2,
      gradient: { kind: 'ambient' as const, at: (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target) },
    });
    const solvers: readonly Solver[] = [
      gradientDescent(),
      gradientDescent({ direction: lbfgs() }),
      gradientDescent({ direction: polakRibiere(), stepSize: wolfe() }),
      gradientDescent({ direction: adam(), stepSize: constantStep(0.01) }),
      trustRegions(),
    ];

    it.each(solvers)('$name', async (solver) => {
      const found: boolean[] = [];
      const manifold = balancedFactors({ ...sizes, every: 3, start: 3, algebra: la });
      for await (const { iteration, state } of iterate(problemOn(manifold), { solver, initial: unbalanced })) {
        found.push((await balanceGap(la, state.x)) < tolerance(la, 1000));
        if (iteration === 7) break;
      }
      expect(found).toEqual([false, false, false, false, false, false, true, false]);
    });

    it('svrg, by the steps within its epochs', async () => {
      const sum = { nextBatch: (k: number) => k, wholeBatch: () => 0 };
      const balancedAfterEpochs = async (every: number): Promise<boolean[]> => {
        const problem = { ...problemOn(balancedFactors({ ...sizes, every, algebra: la })), ...sum };
        const found: boolean[] = [];
        for await (const { iteration, state } of iterate(problem, {
          solver: svrg({ innerSteps: 3, stepSize: 0.01 }),
          initial: unbalanced,
        })) {
          found.push((await balanceGap(la, state.x)) < tolerance(la, 1000));
          if (iteration === 4) break;
        }
        return found;
      };
      expect(await balancedAfterEpochs(1)).toEqual([false, true, true, true, true]);
      expect(await balancedAfterEpochs(4)).toEqual([false, false, false, false, true]);
      expect(await balancedAfterEpochs(6)).toEqual([false, false, true, false, true]);
    });

    it('and a run resumed between two projections goes on as if it had not stopped', async () => {
      const problem = problemOn(balancedFactors({ ...sizes, every: 3, algebra: la }));
      const solver = gradientDescent({ direction: adam(), stepSize: constantStep(0.01) });
      const whole = await minimize(problem, { solver, initial: unbalanced, stop: maxIterations(8) });
      const half = await minimize(problem, { solver, initial: unbalanced, stop: maxIterations(4) });
      const rest = await minimize(problem, { solver, state: structuredClone(half.state), stop: maxIterations(8) });
      expect(rest.cost).toBe(whole.cost);
    });
  });

  it('takes any pair as its start, and checks points for what they are', async () => {
    const [always, sometimes] = [balancedFactors({ ...sizes, algebra: la }), balancedFactors({ ...sizes, every: 2, algebra: la })];
    const zero = { A: la.scale(0, unbalanced.A), B: la.scale(0, unbalanced.B) };
    const infinite = { ...unbalanced, A: la.scale(Number.POSITIVE_INFINITY, unbalanced.A) };
    await always.checkStart?.(unbalanced);
    await sometimes.checkStart?.(unbalanced);
    await sometimes.checkPoint(unbalanced);
    await expect(always.checkPoint(unbalanced)).rejects.toThrow(/balancedFactors: expected AᵀA = BBᵀ/);
    for (const check of [always.checkPoint, always.checkStart, sometimes.checkPoint, sometimes.checkStart]) {
      await expect(check?.(zero)).rejects.toThrow(/A and B are both zero/);
      await expect(check?.(infinite)).rejects.toThrow(NumericalError);
      await expect(check?.({ A: unbalanced.A, B: unbalanced.A })).rejects.toThrow(ShapeError);
    }
  });

  it('refuses schedules that are none', () => {
    expect(() => balancedFactors({ ...sizes, every: 0, algebra: la })).toThrow(/every must be a positive integer/);
    expect(() => balancedFactors({ ...sizes, start: -1, algebra: la })).toThrow(/start must be/);
  });
});
