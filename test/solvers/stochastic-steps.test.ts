/**
 * A stochastic step evaluates where it stands, on its own batch, and then moves: N steps are N gradients, however the
 * run ends.
 */
import { describe, expect, it } from 'vitest';
import {
  adam,
  all,
  any,
  armijo,
  ConfigError,
  constantStep,
  costBelow,
  DomainError,
  euclidean,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  type IterateOptions,
  iterate,
  maxIterations,
  minimize,
  NumericalError,
  type Problem,
  relativeGradientNormBelow,
  type SolverState,
  svrg,
} from '../../src/index.js';

const la = hostAlgebra();
const manifold = euclidean({ shape: [2] });
const initial = la.fromArray([3, -1], [2]);
type Stochastic = Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number>;

/** ½‖x‖² + batch·x₀, counted. The batch of step k is k/10, where `data` leaves it so. */
function counted(data: (k: number) => number | undefined = (k) => k / 10) {
  const seen = { costs: 0, gradients: 0, drawn: [] as number[], evaluatedOn: [] as number[] };
  const problem: Stochastic = {
    manifold,
    cost(x, batch) {
      seen.costs++;
      return 0.5 * la.norm(x) ** 2 + batch * la.toArray(x)[0];
    },
    gradient: {
      kind: 'ambient',
      at(x, batch) {
        seen.gradients++;
        seen.evaluatedOn.push(batch);
        return la.add(x, la.fromArray([batch, 0], [2]));
      },
    },
    nextBatch(k) {
      seen.drawn.push(k);
      return data(k);
    },
  };
  return { problem, seen };
}

const solver = gradientDescent({ direction: adam(), stepSize: constantStep(0.1) });
const inHand = { initial, solver };

describe('gradients are steps', () => {
  it.each([0, 1, 5])('where %d steps are reached', async (steps) => {
    const { problem, seen } = counted();
    const { iterations, history } = await minimize(problem, { ...inHand, stop: maxIterations(steps) });
    expect([iterations, seen.gradients, seen.costs, seen.drawn.length, history.length]).toEqual([steps, steps, steps, steps, steps]);
    expect(history.map(({ iteration }) => iteration)).toEqual(Array.from({ length: steps }, (_, k) => k + 1));
  });

  it.each([0, 1, 4])('where the data ends after %d batches, which is the reason', async (length) => {
    const { problem, seen } = counted((k) => (k < length ? k : undefined));
    const { iterations, stopReason, converged, state } = await minimize(problem, inHand);
    expect([iterations, seen.gradients, state.iteration, converged]).toEqual([length, length, length, false]);
    expect(stopReason).toBe(`nextBatch(${length}) gave undefined: the data has ended`);
  });

  it('where a loop in the caller’s hands meets the end of the data: its return value says so', async () => {
    const { problem, seen } = counted((k) => (k < 2 ? k : undefined));
    const steps = iterate(problem, inHand);
    expect([(await steps.next()).done, (await steps.next()).done]).toEqual([false, false]);
    expect(await steps.next()).toEqual({ done: true, value: 'nextBatch(2) gave undefined: the data has ended' });
    expect(seen.gradients).toBe(2);
  });

  it('where a loop in the caller’s hands is left', async () => {
    const { problem, seen } = counted();
    for await (const { iteration } of iterate(problem, inHand)) {
      expect(seen.gradients).toBe(iteration);
      if (iteration === 3) break;
    }
    expect(seen.gradients).toBe(3);
  });

  it.each([0, 3])('where it is aborted after step %d', async (steps) => {
    const { problem, seen } = counted();
    const controller = new AbortController();
    if (steps === 0) controller.abort('enough');
    const onIteration = ({ iteration }: { iteration: number }) => iteration === steps && controller.abort('enough');
    const { iterations, stopReason } = await minimize(problem, { ...inHand, signal: controller.signal, onIteration });
    expect([iterations, seen.gradients, seen.drawn.length]).toEqual([steps, steps, steps]);
    expect(stopReason).toBe(`aborted after iteration ${steps}: enough`);
  });

  it('where a rule of costs or gradients ends it, which sees the step just made', async () => {
    const { problem, seen } = counted();
    const { iterations, history, cost } = await minimize(problem, { ...inHand, stop: costBelow(4) });
    expect([iterations, history.at(-1)?.cost]).toEqual([seen.gradients, cost]);
    expect(cost).toBeLessThanOrEqual(4);
    // The step before was made from a higher one.
    expect(history.at(-2)?.cost).toBeGreaterThan(4);
  });

  it('where it is resumed, before the first step and after each', async () => {
    const whole = await minimize(counted().problem, { ...inHand, stop: maxIterations(6) });
    const { problem, seen } = counted();
    let state: SolverState<HostArray, HostArray> = { x: initial, iteration: 0, memory: {} };
    for (let k = 0; k <= 6; k++) {
      ({ state } = await minimize(problem, { solver, state: structuredClone(state), stop: maxIterations(k) }));
      expect(Object.keys(state).sort()).toEqual(k === 0 ? ['iteration', 'memory', 'x'] : ['iteration', 'memory', 'stepSize', 'x']);
    }
    expect(state).toEqual(whole.state);
    expect([seen.gradients, seen.drawn]).toEqual([6, [0, 1, 2, 3, 4, 5]]);
  });

  it('where a line search stalls on its frozen batch: the evaluation is handed on', async () => {
    const { problem, seen } = counted(() => 0);
    const search = gradientDescent({ stepSize: armijo({ frozenBatch: true }) });
    const { state, stopReason } = await minimize(problem, { solver: search, initial: la.full([2], 0), stop: maxIterations(5) });
    expect([stopReason.includes('the gradient is zero'), seen.gradients, state.gradientNorm]).toEqual([true, 1, 0]);
    // A run that goes on from there evaluates the point anew, on the batch of the step.
    const { stopReason: again } = await minimize(problem, { solver: search, state, stop: maxIterations(5) });
    expect([again, seen.gradients, seen.drawn]).toEqual([stopReason, 2, [0, 0]]);
  });

  it('and an epoch of svrg has its own count: the whole sum once, each further step two batches', async () => {
    const { problem, seen } = counted();
    const sum = { ...problem, wholeBatch: () => 0 };
    const { iterations } = await minimize(sum, { solver: svrg({ innerSteps: 4, stepSize: 0.1 }), initial, stop: maxIterations(3) });
    expect([iterations, seen.gradients]).toEqual([3, 4 + 3 * 2 * 3]);
    const short = counted((k) => (k < 6 ? k : undefined));
    const ended = await minimize({ ...short.problem, wholeBatch: () => 0 }, { solver: svrg({ innerSteps: 4, stepSize: 0.1 }), initial });
    expect([ended.iterations, ended.stopReason]).toEqual([1, 'nextBatch(6) gave undefined: the data has ended']);
  });
});

describe('a step', () => {
  it('is told with the evaluation that it was made from', async () => {
    const { problem } = counted();
    let x = initial;
    for await (const { iteration, cost, gradientNorm, stepSize, state } of iterate(problem, {
      ...inHand,
      solver: gradientDescent({ stepSize: constantStep(0.1) }),
    })) {
      expect([cost, stepSize]).toEqual([await problem.cost(x, (iteration - 1) / 10), 0.1]);
      expect(gradientNorm).toBe(la.norm(la.add(x, la.fromArray([(iteration - 1) / 10, 0], [2]))));
      expect([state.cost, state.gradient, state.gradientNorm]).toEqual([undefined, undefined, undefined]);
      x = state.x;
      if (iteration === 4) break;
    }
  });

  it.each([
    ['throws', new DomainError('the batch is bad'), DomainError, /^the batch is bad$/],
    ['has no finite cost', Number.NaN, NumericalError, /^iterate: the cost is NaN .* on the batch of step 4: the run has diverged; lower/],
  ])('whose batch %s moves nothing: the step before was yielded and stands', async (_, bad, kind, message) => {
    const { problem } = counted((k) => {
      if (k === 3 && bad instanceof Error) throw bad;
      return k === 3 ? (bad as number) : k / 10;
    });
    let last: SolverState<HostArray, HostArray> | undefined;
    const loop = async (options: IterateOptions<HostArray, HostArray>) => {
      for await (const { state } of iterate(problem, options)) last = state;
    };
    await expect(loop(inHand)).rejects.toThrow(kind);
    await expect(loop(inHand)).rejects.toThrow(message);
    const before = await minimize(counted().problem, { ...inHand, stop: maxIterations(3) });
    expect(last).toEqual(before.state);
  });

  it('with a cost that is not finite is a divergence to minimize, which goes back to the last point where it was', async () => {
    const { problem } = counted((k) => (k === 3 ? Number.POSITIVE_INFINITY : k / 10));
    const { stopReason, state, cost, iterations } = await minimize(problem, inHand);
    expect(stopReason).toMatch(/^the cost is Infinity .* on the batch of step 4: the run has diverged; the point before is returned$/);
    const before = await minimize(counted().problem, { ...inHand, stop: maxIterations(2) });
    expect([state.x, iterations]).toEqual([before.state.x, 2]);
    expect(Number.isFinite(cost)).toBe(true);
  });
});

it('rules that need no evaluation are asked before the first step', async () => {
  for (const [stop, steps] of [
    [any(costBelow(-1), maxIterations(0)), 0],
    [all(maxIterations(0), maxIterations(0)), 0],
    [all(relativeGradientNormBelow(1e9), maxIterations(0)), 1],
    [gradientNormBelow(1e9), 1],
  ] as const) {
    const { problem, seen } = counted();
    const { iterations, cost } = await minimize(problem, { ...inHand, stop });
    expect([iterations, seen.gradients, cost === undefined]).toEqual([steps, steps, steps === 0]);
  }
});

it.each([
  ['iterate', (options: object, problem: object) => iterate(problem as never, options).next()],
  ['minimize', (options: object, problem: object) => minimize(problem as never, options)],
])('errors name the function that was called: %s', async (name, run) => {
  const { problem } = counted();
  for (const [options, stated] of [
    [{ solver: {} }, problem],
    [{ signal: 1 }, problem],
    [{ state: 1 }, problem],
    [{ seed: 'x' }, problem],
    [{ initial, state: { x: initial, iteration: 0, memory: {} } }, problem],
    [{ other: 1 }, problem],
    [{}, { ...problem, cost: undefined }],
    [inHand, { ...problem, cost: () => 'high' }],
  ] as const) {
    await expect(run(options, stated)).rejects.toThrow(ConfigError);
    await expect(run(options, stated)).rejects.toThrow(new RegExp(`^${name}: `));
  }
  await expect(run(inHand, { ...problem, cost: () => Number.NaN })).rejects.toThrow(
    new RegExp(`^${name}: at the initial point the cost is NaN`),
  );
});
