/** Limited-memory BFGS and the Wolfe line search: what they compute, what they remember, what a step costs. */
import { describe, expect, it, vi } from 'vitest';
import {
  any,
  armijo,
  balancedFactors,
  ConfigError,
  type DirectionRule,
  fletcherReeves,
  gradientDescent,
  type HostArray,
  hagerZhang,
  hestenesStiefel,
  type LinearAlgebra,
  lbfgs,
  maxIterations,
  minimize,
  type Problem,
  polakRibiere,
  relativeGradientNormBelow,
  type StepSizeRule,
  sgd,
  sphere,
  wolfe,
} from '../../src/index.js';
import { allEngines, hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { decide, quadratic, statesOf } from './quadratics.js';
import { completion, quarticBowl, secondOrderProblems, sizes } from './second-order-problems.js';

const quick: readonly (readonly [DirectionRule, StepSizeRule])[] = [
  [lbfgs(), armijo()],
  [lbfgs({ memory: 3 }), wolfe({ curvature: 0.9 })],
  [hagerZhang(), wolfe()],
  [fletcherReeves(), wolfe()],
  [polakRibiere(), wolfe()],
  [hestenesStiefel({ restartEvery: 'dimension', orthogonality: 0.5 }), wolfe()],
];

describe.each(allEngines)('on %s', (engine, la: LinearAlgebra<unknown>) => {
  // The rules are the same code on every engine: all of them on one, the two that differ most on the others.
  const tried = engine === 'host' ? quick : [quick[0], quick[2]];
  const target = la.epsilon < 1e-10 ? 1e-9 : 1e-4;
  describe.each(tried.map(([direction, stepSize]) => ({ name: `${direction.name}, ${stepSize.name}`, direction, stepSize })))(
    '$name',
    ({ direction, stepSize }) => {
      it.each(secondOrderProblems(la))('converges: $name', async ({ make }) => {
        await la.tidy(async () => {
          const { problem, initial } = make();
          const solver = gradientDescent({ direction, stepSize });
          const result = await minimize(problem, { solver, initial, stop: any(relativeGradientNormBelow(target), maxIterations(1500)) });
          expect(result.stopReason).toMatch(/gradient norm .* × the initial/);
        });
      });
    },
  );
});

describe.each(hostEngines)('on %s', (_engine, la) => {
  const setup = quadratic(la);
  const { problem, initial } = setup;
  const array = (...values: number[]): HostArray => la.fromArray([...values, 0, 0, 0, 0].slice(0, 6), [6]);

  describe('lbfgs', () => {
    it('with exact steps solves a quadratic in six variables in six, as BFGS does', async () => {
      const solver = gradientDescent({ direction: lbfgs(), stepSize: setup.exactStep });
      const norms = (await statesOf(problem, { initial, solver }, 6)).map(({ gradientNorm }) => gradientNorm);
      expect(norms[5] / norms[0]).toBeGreaterThan(1e-6);
      expect(norms[6] / norms[0]).toBeLessThan(tolerance(la, 100, 1e4));
    });

    it('gives −H g of the BFGS formula, pair by pair', async () => {
      const pairs = [
        { s: [1, 2], y: [2, 3] },
        { s: [0.5, -1], y: [1, -0.5] },
      ];
      const g = [3, 1];
      const dot = (a: readonly number[], b: readonly number[]) => a[0] * b[0] + a[1] * b[1];
      // Dense, oldest pair first, from γI with γ of the newest.
      const newest = pairs[1];
      const gamma = dot(newest.s, newest.y) / dot(newest.y, newest.y);
      let apply = (v: readonly number[]): number[] => v.map((entry) => gamma * entry);
      for (const { s, y } of pairs) {
        const inner = apply;
        const rho = 1 / dot(s, y);
        apply = (v) => {
          const reduced = v.map((entry, i) => entry - rho * y[i] * dot(s, v));
          const image = inner(reduced);
          return image.map((entry, i) => entry - rho * s[i] * dot(y, image) + rho * s[i] * dot(s, v));
        };
      }
      // The newest pair is formed from the last gradient and direction; the older one is in memory.
      const tangents = {
        gradient: array(g[0] - newest.y[0], g[1] - newest.y[1]),
        direction: array(...newest.s),
        step0: array(...pairs[0].s),
        change0: array(...pairs[0].y),
      };
      const memory = { tangents, numbers: { scaling: 1, firstGradientNorm: 10, curvature0: dot(pairs[0].s, pairs[0].y) } };
      const { direction, memory: kept } = await decide(setup, lbfgs(), array(...g), memory);
      expect(direction).toBeAllClose(array(...apply(g).map((entry) => -entry)), tolerance(la, 100, 10));
      expect(kept.tangents.step0).toBeAllClose(array(...newest.s), 0);
      expect(kept.tangents.step1).toBeAllClose(array(...pairs[0].s), 0);
    });

    it('does not remember a pair along which the cost curves downward, and forgets the oldest beyond its memory', async () => {
      const tangents = { gradient: array(2, 0), direction: array(1, 0), step0: array(0, 1), change0: array(0, 2) };
      const memory = { tangents, numbers: { scaling: 0.5, firstGradientNorm: 2, curvature0: 2 } };
      const uphill = await decide(setup, lbfgs({ memory: 1 }), array(1, 0), memory);
      expect(uphill.memory.tangents.step0).toBeAllClose(array(0, 1), 0);
      const upward = await decide(setup, lbfgs({ memory: 1 }), array(3, 0), memory);
      expect(upward.memory.tangents.step0).toBeAllClose(array(1, 0), 0);
      expect(upward.memory.tangents.step1).toBeUndefined();
    });

    it('takes unit steps near a minimum: one cost and one gradient a step', async () => {
      const stated = completion(la, balancedFactors({ ...sizes, algebra: la }));
      const cost = vi.fn(stated.cost);
      const gradient = vi.fn(stated.gradient.at);
      const watched = { ...stated, cost, gradient: { kind: 'ambient', at: gradient } } as typeof stated;
      const solver = gradientDescent({ direction: lbfgs() });
      const stop = any(relativeGradientNormBelow(1e-6), maxIterations(500));
      const { iterations, converged } = await minimize(watched, { solver, seed: 3, stop });
      expect(converged).toBe(true);
      expect(gradient).toHaveBeenCalledTimes(iterations + 1);
      expect(cost.mock.calls.length).toBeLessThan(1.2 * iterations + 10);
    });

    it('resumes from a state that was stored', async () => {
      const stated = completion(la, balancedFactors({ ...sizes, algebra: la }));
      for (const stepSize of [armijo(), wolfe()]) {
        const solver = gradientDescent({ direction: lbfgs({ memory: 4 }), stepSize });
        const whole = await minimize(stated, { solver, seed: 3, stop: maxIterations(20) });
        const half = await minimize(stated, { solver, seed: 3, stop: maxIterations(9) });
        const rest = await minimize(stated, { solver, state: structuredClone(half.state), stop: maxIterations(20) });
        expect(rest.cost).toBe(whole.cost);
      }
    });
  });

  describe('wolfe', () => {
    it.each([
      { sufficientDecrease: 0.1, curvature: 0.9 },
      { sufficientDecrease: 0.1, curvature: 0.1 },
      { sufficientDecrease: 1e-4, curvature: 0.5 },
    ])('ends where its two conditions hold: $sufficientDecrease, $curvature', async (options) => {
      const states = await statesOf(
        quarticBowl(la),
        { seed: 2, solver: gradientDescent({ direction: sgd(), stepSize: wolfe(options) }) },
        15,
      );
      for (const [k, { cost, gradient, stepSize }] of states.slice(1).entries()) {
        const before = states[k];
        const slope = -(before.gradientNorm ** 2);
        expect(cost).toBeLessThanOrEqual(before.cost + options.sufficientDecrease * stepSize * slope);
        expect(-(la.inner(gradient, before.gradient) as number)).toBeGreaterThanOrEqual(options.curvature * slope);
      }
    });

    it.each([1e-8, 1e8])('finds a step from a first trial that is wrong by a factor of %d', async (factor) => {
      const aimed: DirectionRule = {
        ...sgd(),
        direction: async (context) => ({ ...(await sgd().direction(context)), trialStep: factor }),
      };
      const { history } = await minimize(problem, {
        initial,
        solver: gradientDescent({ direction: aimed, stepSize: wolfe() }),
        stop: maxIterations(5),
      });
      expect(history).toHaveLength(6);
      expect(history[5].cost).toBeLessThan(0.5 * history[0].cost);
    });

    it('evaluates cost and gradient once a trial, and not again at the accepted point', async () => {
      const cost = vi.fn(problem.cost);
      const gradient = vi.fn(problem.gradient.at);
      const watched = { ...problem, cost, gradient: { kind: 'ambient', at: gradient } } as typeof problem;
      await minimize(watched, {
        initial,
        solver: gradientDescent({ direction: polakRibiere(), stepSize: wolfe() }),
        stop: maxIterations(20),
      });
      for (const { mock } of [cost, gradient]) expect(new Set(mock.calls.map(([x]) => x)).size).toBe(mock.calls.length);
      expect(cost.mock.calls.length).toBe(gradient.mock.calls.length);
    });

    it('shrinks from where the cost is not finite', async () => {
      const walled = { ...problem, cost: async (x: HostArray) => ((await la.norm(x)) > 4 ? Number.NaN : problem.cost(x, undefined)) };
      const aimed: DirectionRule = { ...sgd(), direction: async (context) => ({ ...(await sgd().direction(context)), trialStep: 10 }) };
      const { iterations } = await minimize(walled, {
        initial,
        solver: gradientDescent({ direction: aimed, stepSize: wolfe() }),
        stop: maxIterations(3),
      });
      expect(iterations).toBe(3);
    });

    it('finds a step where the cost falls to a bound along the whole retraction, and slopes do not flatten', async () => {
      // From near the south pole, straight up: R(t u) falls towards the equator for all t, and is steepest there.
      const manifold = sphere({ shape: [3], algebra: la });
      const height = la.fromArray([0, 0, 1], [3]);
      const pole: Problem<HostArray, HostArray> = {
        manifold,
        cost: async (x) => (2 - (await la.inner(height, x))) ** 2,
        gradient: { kind: 'ambient', at: (x) => la.scale(-2 * (2 - (la.inner(height, x) as number)), height) },
      };
      const start = la.fromArray([0.6, 0, -0.8], [3]);
      const solver = gradientDescent({ direction: lbfgs(), stepSize: wolfe() });
      const { cost, converged, stopReason } = await minimize(pole, { initial: start, solver });
      expect(converged, stopReason).toBe(true);
      expect(cost).toBeCloseTo(1, 10);
    });

    it('says why there is no step', async () => {
      const wrong = {
        ...problem,
        gradient: { kind: 'ambient' as const, at: (x: HostArray) => la.scale(-1, problem.gradient.at(x, undefined) as HostArray) },
      };
      const { stopReason } = await minimize(wrong, { initial, solver: gradientDescent({ stepSize: wolfe() }), stop: maxIterations(5) });
      expect(stopReason).toMatch(/wolfe: no step found in 50 trials.*checkGradient/);
    });
  });

  it('a search near the rounding of the cost hands its gradient on: it is not computed again', async () => {
    const cost = vi.fn(problem.cost);
    const gradient = vi.fn(problem.gradient.at);
    // Far above the cost's own variation, so that slopes decide.
    const watched = {
      ...problem,
      cost: async (x: HostArray) => 1e12 + (await cost(x, undefined)),
      gradient: { kind: 'ambient', at: gradient },
    } as typeof problem;
    const small = la.scale(1e-5, initial);
    const { iterations } = await minimize(watched, {
      initial: small,
      solver: gradientDescent({ stepSize: armijo({ initialStep: 0.01 }) }),
      stop: maxIterations(10),
    });
    expect(iterations).toBe(10);
    for (const { mock } of [cost, gradient]) expect(new Set(mock.calls.map(([x]) => x)).size).toBe(mock.calls.length);
  });

  it('options out of range are refused', () => {
    expect(() => lbfgs({ memory: 0 })).toThrow(ConfigError);
    expect(() => lbfgs({ caution: 1 })).toThrow(ConfigError);
    expect(() => wolfe({ sufficientDecrease: 0.5 })).toThrow(ConfigError);
    expect(() => wolfe({ sufficientDecrease: 0.3, curvature: 0.2 })).toThrow(/curvature \(0.2\) must not be below sufficientDecrease/);
    expect(() => hagerZhang({ floor: 1 })).toThrow(ConfigError);
    expect(() => polakRibiere({ restartEvery: 0 })).toThrow(ConfigError);
    expect(() => fletcherReeves({ orthogonality: 0 })).toThrow(ConfigError);
  });
});
