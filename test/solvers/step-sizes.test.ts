/** Step-size rules take the steps that their formulas give, worked out here in plain numbers. */
import { describe, expect, it } from 'vitest';
import {
  adaptive,
  any,
  armijo,
  barzilaiBorwein,
  ConfigError,
  euclidean,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  maxIterations,
  minimize,
  type Problem,
  polakRibiere,
  type SecantQuotient,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { quadratic, type SeenState, statesOf } from './quadratics.js';

const dot = (x: readonly number[], y: readonly number[]): number => x.reduce((sum, value, i) => sum + value * y[i], 0);

describe.each(hostEngines)('on %s', (_engine, la) => {
  const setup = quadratic(la);
  const { problem, initial, eigenvalues } = setup;
  const numbers = (x: HostArray): number[] => [...(la.toArray(x) as Float64Array)];

  describe('barzilaiBorwein', () => {
    /** ⟨s,s⟩/⟨s,y⟩ and ⟨s,y⟩/⟨y,y⟩ of the step that led to a state. */
    const quotients = (before: SeenState<HostArray, HostArray>, now: SeenState<HostArray, HostArray>) => {
      const s = numbers(before.gradient).map((g) => -now.stepSize * g);
      const y = numbers(now.gradient).map((g, i) => g - numbers(before.gradient)[i]);
      return { long: dot(s, s) / dot(s, y), short: dot(s, y) / dot(y, y) };
    };
    const run = (options: Parameters<typeof barzilaiBorwein>[0]) =>
      statesOf(problem, { initial, solver: gradientDescent({ stepSize: barzilaiBorwein(options) }) }, 20);

    it.each<SecantQuotient>(['long', 'short', 'alternating'])('takes the secant steps of quotient %s', async (quotient) => {
      const states = await run({ quotient });
      expect(states[1].stepSize).toBeAllClose(1 / states[0].gradientNorm, tolerance(la, 10));
      for (let k = 1; k < states.length - 1; k++) {
        const { long, short } = quotients(states[k - 1], states[k]);
        const expected = quotient === 'long' || (quotient === 'alternating' && k % 2 === 1) ? long : short;
        // The quotients of a positive definite quadratic have no cancellation: only y does, by the ratio of two
        // gradients.
        expect(states[k + 1].stepSize / expected).toBeAllClose(1, tolerance(la, 1e4));
      }
    });

    it.each<SecantQuotient>(['long', 'alternating'])(
      'goes uphill where quotient %s says so: it compares with the largest of the last costs',
      async (quotient) => {
        const states = await run({ quotient });
        expect(states.some(({ cost }, k) => k > 0 && cost > states[k - 1].cost)).toBe(true);
      },
    );

    it('with a window of one cost is monotone, and cuts those steps short', async () => {
      const states = await run({ quotient: 'long', window: 1 });
      expect(states.every(({ cost }, k) => k === 0 || cost < states[k - 1].cost)).toBe(true);
      const shares = states.slice(2).map(({ stepSize }, k) => stepSize / quotients(states[k], states[k + 1]).long);
      for (const share of shares) expect(Math.log2(share)).toBeAllClose(Math.round(Math.log2(share)), 1e-9);
      expect(Math.min(...shares)).toBeLessThan(0.75);
    });

    it('goes on from a stored state, whatever order its numbers were stored in', async () => {
      const solver = gradientDescent({ stepSize: barzilaiBorwein({ quotient: 'long', window: 3 }) });
      const whole = await statesOf(problem, { initial, solver }, 20);
      for (const middle of whole.slice(4, 12)) {
        const { tangents, numbers: costs } = middle.memory.stepSize;
        const stored = { tangents, numbers: Object.fromEntries(Object.entries(costs).reverse()) };
        const state = { ...middle, memory: { ...middle.memory, stepSize: stored } };
        const rest = await statesOf(problem, { state, solver }, 20 - middle.iteration);
        expect(rest.map(({ stepSize }) => stepSize)).toEqual(whole.slice(middle.iteration).map(({ stepSize }) => stepSize));
        expect(rest[1].memory.stepSize.numbers).toEqual(whole[middle.iteration + 1].memory.stepSize.numbers);
      }
    });

    it('keeps its steps between minStep and maxStep', async () => {
      const free = (await run({ quotient: 'long' })).slice(2).map(({ stepSize }) => stepSize);
      expect(Math.min(...free)).toBeLessThan(0.02);
      expect(Math.max(...free)).toBeGreaterThan(0.05);
      const kept = (await run({ quotient: 'long', minStep: 0.005, maxStep: 0.05 })).slice(2).map(({ stepSize }) => stepSize);
      expect(Math.max(...kept)).toBe(0.05);
    });

    it('refuses a cost that changes with the batch, whatever its options', async () => {
      const stochastic: Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number> = {
        manifold: setup.manifold,
        nextBatch: (k) => k,
        cost: (x) => problem.cost(x, undefined),
        gradient: { kind: 'ambient', at: (x) => problem.gradient.at(x, undefined) },
      };
      for (const options of [{}, { frozenBatch: true }]) {
        const attempt = async () =>
          minimize(stochastic, {
            initial,
            solver: gradientDescent({ stepSize: barzilaiBorwein(options as never) }),
            stop: maxIterations(2),
          });
        await expect(attempt()).rejects.toThrow(ConfigError);
      }
    });
  });

  it('adaptive takes the steps of Manopt’s linesearch_adaptive: twice the last after one trial or more than two, the last after two', async () => {
    const cost = (x: readonly number[]): number => 0.5 * x.reduce((sum, value, i) => sum + eigenvalues[i] * value * value, 0);
    let x = numbers(initial);
    let next: number | undefined;
    const steps: number[] = [];
    const trialCounts = new Set<number>();
    for (let k = 0; k < 25; k++) {
      const g = x.map((value, i) => eigenvalues[i] * value);
      const along = (t: number): number[] => x.map((value, i) => value - t * g[i]);
      let t = next ?? 8 / Math.sqrt(dot(g, g));
      let trials = 1;
      while (cost(along(t)) > cost(x) - 0.5 * t * dot(g, g)) {
        t /= 2;
        trials++;
      }
      x = along(t);
      next = trials === 2 ? t : 2 * t;
      steps.push(t);
      trialCounts.add(Math.min(trials, 3));
    }
    const states = await statesOf(problem, { initial, solver: gradientDescent({ stepSize: adaptive({ initialLength: 8 }) }) }, 25);
    // All are the first by powers of two.
    expect(states.slice(1).map(({ stepSize }) => stepSize)).toBeAllClose(steps, tolerance(la, 10, Math.max(...steps)));
    expect([...trialCounts].sort()).toEqual([1, 2, 3]);
  });

  it('armijo on frozen batches compares costs of one batch only: offsets that differ by batch change nothing', async () => {
    const observe = async (offset: (batch: number) => number) => {
      let calls = 0;
      const stochastic: Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number> = {
        manifold: setup.manifold,
        nextBatch: (k) => k,
        cost: (x, batch) => {
          calls++;
          return (problem.cost(x, undefined) as number) + offset(batch);
        },
        gradient: { kind: 'ambient', at: (x) => problem.gradient.at(x, undefined) },
      };
      const solver = gradientDescent({ stepSize: armijo({ frozenBatch: true }) });
      const { history } = await minimize(stochastic, { initial, solver, stop: maxIterations(12) });
      return { calls, steps: history.map(({ stepSize }) => stepSize) };
    };
    const plain = await observe(() => 0);
    for (const size of [32, -32, 1024]) {
      const shifted = await observe((batch) => size * ((batch * 7) % 5));
      expect(shifted.calls).toBe(plain.calls);
      // A decrease of about 1 is read off costs of up to 4096.
      expect(shifted.steps).toBeAllClose(plain.steps, tolerance(la, 1e6));
    }
  });
});

describe.each([
  ['the default', gradientDescent()],
  ['adaptive steps', gradientDescent({ stepSize: adaptive() })],
  ['secant steps', gradientDescent({ stepSize: barzilaiBorwein() })],
  ['conjugate gradients', gradientDescent({ direction: polakRibiere() })],
] as const)('%s', (_name, solver) => {
  const la = hostAlgebra();

  // The first trial has length 1, and 30 contractions of it do not reach lengths below 1e-9.
  it.each([1e-5, 1e-10, 1e-20, 1e-50, 1, 1e10])('finds a minimum at distance %d', async (scale) => {
    const target = la.fromArray([scale, 2 * scale, -scale], [3]);
    const curvatures = la.fromArray([1, 4, 9], [3]);
    const slope = (x: HostArray) => la.multiply(curvatures, la.subtract(x, target));
    const { x, converged, stopReason } = await minimize(
      {
        manifold: euclidean({ shape: [3] }),
        cost: (x) => 0.5 * la.inner(slope(x), la.subtract(x, target)),
        gradient: { kind: 'ambient', at: slope },
      },
      { solver, initial: la.fromArray([0, 0, 0], [3]), stop: any(gradientNormBelow(1e-6 * scale), maxIterations(1000)) },
    );
    expect(converged, stopReason).toBe(true);
    expect(la.norm(la.subtract(x, target))).toBeLessThan(1e-6 * scale);
  });
});
