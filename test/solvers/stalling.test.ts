/** Runs that cannot go on: how they end, what they leave, and how they are taken up again. */

import {
  adaptive,
  any,
  armijo,
  balancedFactors,
  barzilaiBorwein,
  constantStep,
  costChangeBelow,
  type DirectionRule,
  emptyMemory,
  type FactorPair,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  iterate,
  maxIterations,
  minimize,
  momentum,
  NumericalError,
  relativeGradientNormBelow,
  type StepSizeRule,
  scaleTree,
  seededRandom,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { hostEngines } from '../support/engines.js';
import { withSingularValues } from '../support/matrices.js';
import { quadratic } from './quadratics.js';

/** Three steps of 0.005, and then no more. */
const threeSteps: StepSizeRule = {
  name: 'threeSteps',
  comparesCosts: false,
  choose: ({ state: { iteration } }) =>
    iteration < 3 ? { stepSize: 0.005, memory: emptyMemory } : { stepSize: 0, stalled: 'three steps are enough', memory: emptyMemory },
};

describe.each(hostEngines)('on %s', (_engine, la) => {
  const { problem, initial } = quadratic(la);
  const stalling = gradientDescent({ stepSize: threeSteps });

  // Rules that a state seen twice would satisfy: its cost has not changed.
  it.each([costChangeBelow(1e-12), any(costChangeBelow(1e-12), maxIterations(4)), maxIterations(50)])(
    'a solver that stalls has not converged, whatever the rule: $name',
    async (stop) => {
      const result = await minimize(problem, { solver: stalling, initial, stop });
      expect(result).toMatchObject({ converged: false, iterations: 3 });
      expect(result.stopReason).toMatch(/three steps are enough/);
    },
  );

  it('the state in which a solver stalls is told once', async () => {
    const told: number[] = [];
    const { history } = await minimize(problem, { solver: stalling, initial, onIteration: ({ iteration }) => told.push(iteration) });
    expect(history.map(({ iteration }) => iteration)).toEqual([0, 1, 2, 3]);
    expect(told).toEqual([0, 1, 2, 3]);
  });

  it('a loop of one’s own ends where the solver stalls, and its last state says why', async () => {
    const seen: (string | undefined)[] = [];
    for await (const { state } of iterate(problem, { solver: stalling, initial })) {
      seen.push(state.stalled);
      expect(seen.length).toBeLessThan(10);
    }
    expect(seen.at(-1)).toMatch(/three steps are enough/);
    expect(seen.slice(0, 3)).toEqual([undefined, undefined, undefined]);
  });

  it('another solver goes on from a state in which one stalled, of a loop or of a result', async () => {
    const { state: returned } = await minimize(problem, { solver: stalling, initial });
    let last = returned;
    for await (const { state } of iterate(problem, { solver: stalling, initial })) last = state;
    expect(last.stalled).toBeDefined();
    for (const state of [returned, last]) {
      const result = await minimize(problem, {
        solver: gradientDescent({ stepSize: constantStep(0.015) }),
        state,
        stop: any(gradientNormBelow(1e-6), maxIterations(5000)),
      });
      expect(result.converged).toBe(true);
      expect(result.history[0].iteration).toBe(3);
      expect(result.state.stalled).toBeUndefined();
    }
  });

  it.each([new Error('mine'), new NumericalError('mine, of the same kind as a breakdown of the run')])(
    'an error of the caller’s own onIteration reaches the caller: %s',
    async (error) => {
      const run = minimize(problem, {
        initial,
        onIteration({ iteration }) {
          if (iteration === 2) throw error;
        },
      });
      await expect(run).rejects.toBe(error);
    },
  );

  it('a direction rule is asked again without its memory where it points uphill under a line search, and only there', async () => {
    const asked: (number | undefined)[] = [];
    // Remembers how many steps it has seen since its last start, and points uphill at the third of them.
    const stubborn: DirectionRule = {
      name: 'stubborn',
      direction({ manifold, gradient, memory }) {
        asked.push(memory.numbers.age);
        const age = (memory.numbers.age ?? 0) + 1;
        return { direction: scaleTree(manifold.algebra, age === 3 ? 1 : -1, gradient), memory: { tangents: {}, numbers: { age } } };
      },
      move: (memory) => memory,
    };
    const askedOver = async (stepSize: StepSizeRule) => {
      asked.length = 0;
      await minimize(problem, { solver: gradientDescent({ direction: stubborn, stepSize }), initial, stop: maxIterations(5) });
      return [...asked];
    };
    for (const search of [armijo(), adaptive(), barzilaiBorwein()]) {
      expect(await askedOver(search)).toEqual([undefined, 1, 2, undefined, 1, 2, undefined]);
    }
    expect(await askedOver(constantStep(0.001))).toEqual([undefined, 1, 2, 3, 4]);
  });

  it.each([1, 2, 3, 4])('momentum under a line search, which may point uphill for a step, still converges (seed %d)', async (seed) => {
    const [m, n, rank] = [30, 20, 3];
    const sigma = Float64Array.from({ length: n }, (_, i) => 2 ** -i);
    const target = la.fromArray(withSingularValues(seed, m, n, sigma).values, [m, n]);
    const manifold = balancedFactors({ m, n, rank, algebra: la });
    const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
    const result = await minimize(
      {
        manifold,
        cost: (x: FactorPair<HostArray>) => 0.5 * (la.norm(residual(x)) as number) ** 2,
        gradient: { kind: 'ambient', at: residual },
      },
      {
        solver: gradientDescent({ direction: momentum(), stepSize: armijo() }),
        initial: manifold.randomPoint(seededRandom(seed)),
        stop: any(relativeGradientNormBelow(1e-7), maxIterations(2000)),
      },
    );
    expect(result.stopReason).toMatch(/gradient norm .* × the initial/);
    expect(result.converged).toBe(true);
    // Eckart–Young: the cost is second order in the gradient.
    expect(result.cost).toBeAllClose(0.5 * sigma.subarray(rank).reduce((sum, s) => sum + s * s, 0), 1e-10);
  });
});
