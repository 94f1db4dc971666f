/**
 * The loop around a solver: how runs stop, resume, abort and break down; batches; the per-point cache; custom solvers.
 */
import { describe, expect, it, vi } from 'vitest';
import {
  all,
  any,
  armijo,
  constantStep,
  costAbove,
  costBelow,
  costChangeBelow,
  euclidean,
  euclideanFactors,
  type FactorPair,
  fixedRank,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  iterate,
  maxIterations,
  maxSeconds,
  minimize,
  momentum,
  NumericalError,
  orthographic,
  type Problem,
  perPoint,
  relativeGradientNormBelow,
  type Solver,
  type SolverFor,
  seededRandom,
  trustRegions,
} from '../../src/index.js';

const la = hostAlgebra();
const manifold = euclidean({ shape: [3] });
const vector = (...values: number[]) => la.fromArray(values, [3]);
const initial = vector(3, -2, 1);

/** ½ Σ k·x_k², with eigenvalues 1, 2, 3. */
const weights = vector(1, 2, 3);
const quadratic: Problem<HostArray, HostArray> = {
  manifold,
  cost: (x) => 0.5 * (la.inner(x, la.multiply(weights, x)) as number),
  gradient: { kind: 'ambient', at: (x) => la.multiply(weights, x) },
};
const steady = gradientDescent({ stepSize: constantStep(0.1) });

describe('stopping', () => {
  it.each([
    [gradientNormBelow(1e-3), true, /^gradient norm \S+ ≤ 0.001$/],
    [relativeGradientNormBelow(1e-3), true, /^gradient norm .* × the initial/],
    [costBelow(1e-4), true, /^cost \S+ ≤ 0.0001$/],
    [costChangeBelow(1e-6), true, /^cost changed by/],
    [maxIterations(7), false, /^7 iterations reached the limit of 7$/],
    [maxSeconds(1e-9), false, /s reached the limit/],
    [costAbove(1), false, /diverged/],
    [any(maxIterations(9), costBelow(-1)), false, /^9 iterations/],
    [all(gradientNormBelow(1e-2), maxIterations(5)), false, /^gradient norm .* and .* iterations/],
    [all(gradientNormBelow(1e-2), costBelow(1e-3)), true, /^gradient norm .* and cost/],
  ])('$name gives its reason', async (stop, converged, reason) => {
    const result = await minimize(quadratic, { solver: steady, initial, stop });
    expect(result.stopReason).toMatch(reason);
    expect(result.converged).toBe(converged);
    expect(result.history.map(({ iteration }) => iteration)).toEqual(result.history.map((_, index) => index));
  });

  it('divergence is a result that keeps the last finite point', async () => {
    const result = await minimize(quadratic, {
      solver: gradientDescent({ stepSize: constantStep(1e60) }),
      initial,
      stop: maxIterations(100),
    });
    expect(result.converged).toBe(false);
    expect(result.stopReason).toMatch(/cost Infinity .* diverged/);
    expect(Number.isFinite(result.cost)).toBe(true);
    await manifold.checkPoint(result.x);
  });

  it('a retraction that breaks down ends the run with its message, and keeps the last point', async () => {
    const ranks = fixedRank({ m: 4, n: 3, rank: 1, retraction: orthographic() });
    // Constant gradient along X itself: with step σ the core Σ + tM is exactly zero.
    const problem: Problem<HostArray, ReturnType<typeof ranks.randomPoint>, ReturnType<typeof ranks.zeroTangent>> = {
      manifold: ranks as never,
      cost: (x) => la.norm(x.S),
      gradient: { kind: 'riemannian', at: (x) => ranks.decayDirection?.(x) as ReturnType<typeof ranks.zeroTangent> },
    };
    const result = await minimize(problem, { solver: gradientDescent({ stepSize: constantStep(1) }), stop: maxIterations(5) });
    expect(result.stopReason).toMatch(/numerical breakdown after iteration 0: fixedRank.retract: the step t = 1 .* take a shorter step/);
    expect(result.iterations).toBe(0);
  });

  it('a rule that is never met ends all the same, and says which limit ended it', async () => {
    // It never leaves the start.
    const idle: Solver = {
      name: 'idle',
      init: (_problem, x) => ({ x, iteration: 0, memory: {} }),
      step: (_problem, { x, iteration }) => ({ x, iteration: iteration + 1, memory: {} }),
    };
    const result = await minimize(quadratic, { solver: idle, initial, stop: gradientNormBelow(1e-300) });
    expect(result).toMatchObject({ converged: false, iterations: 100_000 });
    expect(result.stopReason).toMatch(/100000 iterations reached the limit/);
    // A rule of one's own is left alone, and says itself when it ends.
    const own = {
      name: 'own',
      check: ({ iteration }: { iteration: number }) => (iteration >= 100_010 ? { reason: 'mine', converged: false } : undefined),
    };
    expect((await minimize(quadratic, { solver: idle, initial, stop: own })).stopReason).toBe('mine');
  });

  it('a line search on a wrong gradient stalls and says so', async () => {
    const wrong: typeof quadratic = { ...quadratic, gradient: { kind: 'ambient', at: (x) => la.scale(-1, la.multiply(weights, x)) } };
    const result = await minimize(wrong, { initial, stop: maxIterations(50) });
    expect(result.converged).toBe(false);
    expect(result.stopReason).toMatch(/armijo: no decrease after 30 trials.*checkGradient/);
  });
});

describe('the loop', () => {
  it('can be aborted, and says why', async () => {
    const controller = new AbortController();
    const result = await minimize(quadratic, {
      solver: steady,
      initial,
      stop: maxIterations(1000),
      signal: controller.signal,
      onIteration: ({ iteration }) => iteration === 4 && controller.abort('enough'),
    });
    expect(result).toMatchObject({ converged: false, iterations: 4 });
    expect(result.stopReason).toMatch(/aborted after iteration 4: enough/);
  });

  it('lets timers run during a long minimization', async () => {
    const fired = vi.fn();
    const timer = setTimeout(fired, 1);
    await minimize(quadratic, { solver: steady, initial, stop: any(maxSeconds(0.2), maxIterations(1e9)) });
    clearTimeout(timer);
    expect(fired).toHaveBeenCalledOnce();
  });

  it('iterate yields the start and then every step', async () => {
    const seen: number[] = [];
    for await (const { iteration, cost, stepSize } of iterate(quadratic, { solver: steady, initial })) {
      seen.push(cost);
      expect(stepSize).toBe(iteration === 0 ? 0 : 0.1);
      if (iteration === 3) break;
    }
    expect(seen).toHaveLength(4);
    expect(seen[0]).toBe(quadratic.cost(initial, undefined));
  });

  it('resumes from a state exactly, memory included', async () => {
    const solver = gradientDescent({ stepSize: constantStep(0.05), direction: momentum() });
    const whole = await minimize(quadratic, { solver, initial, stop: maxIterations(20) });
    const half = await minimize(quadratic, { solver, initial, stop: maxIterations(8) });
    const rest = await minimize(quadratic, { solver, state: half.state, stop: maxIterations(20) });
    expect(rest.x).toBeAllClose(whole.x, 0);
    expect(rest.iterations).toBe(20);
  });

  it('evaluates a state anew, for another problem too, and checks it as the solver checks a start', async () => {
    const around = (center: number): typeof quadratic => ({
      manifold,
      cost: (x) => 0.5 * la.norm(la.subtract(x, la.full([3], center))) ** 2,
      gradient: { kind: 'ambient', at: (x) => la.subtract(x, la.full([3], center)) },
    });
    const { state } = await minimize(around(1), { initial });
    const next = await minimize(around(5), { state });
    expect(next.history[0].cost).toBeCloseTo(24, 5);
    expect(next.x).toBeAllClose(la.full([3], 5), 1e-6);
    for (const cost of [0, Number.NaN]) {
      const wrong = { ...state, cost };
      expect((await minimize(around(1), { state: wrong })).cost).toBe((await minimize(around(1), { state })).cost);
    }
    const drawn: Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number> = {
      manifold,
      cost: (x) => 0.5 * la.norm(x) ** 2,
      gradient: { kind: 'ambient', at: (x) => x },
      nextBatch: (k) => k,
    };
    for (const solver of [gradientDescent(), trustRegions()]) {
      await expect(minimize(drawn, { solver, state })).rejects.toThrow(/the cost changes with each batch/);
    }
  });

  it('runs a custom solver', async () => {
    const halving: Solver = {
      name: 'halving',
      init: (_problem, x) => ({ x, iteration: 0, memory: {} }),
      step(problem, { x, gradient, iteration }) {
        return { x: problem.manifold.retract(x, gradient, -0.25), iteration: iteration + 1, stepSize: 0.25, memory: {} };
      },
    };
    const result = await minimize(quadratic, { solver: halving, initial, stop: gradientNormBelow(1e-8) });
    expect(result.converged).toBe(true);
  });
});

it('runs a solver of one kind of point only: alternating least squares on factor pairs', async () => {
  const factors = euclideanFactors({ m: 6, n: 5, rank: 2 });
  type Pair = FactorPair<HostArray>;
  const target = la.randomNormal([6, 5], seededRandom(4));
  /** Y (XXᵀ)⁻¹ for Y = Z Xᵀ: the least-squares solution of W X = Z. */
  const solve = (z: HostArray, x: HostArray): HostArray => {
    const { Q, R } = la.qr(la.transpose(x));
    return la.transpose(la.solveTriangular(R, la.matmul(Q, z, { transposeA: true, transposeB: true }), { lower: false }));
  };
  const alternating: SolverFor<Pair, Pair> = {
    name: 'alternatingLeastSquares',
    init: (_problem, x) => ({ x, iteration: 0, memory: {} }),
    step(_problem, { x: { B }, iteration }) {
      const A = solve(target, B);
      return { x: { A, B: la.transpose(solve(la.transpose(target), la.transpose(A))) }, iteration: iteration + 1, memory: {} };
    },
  };
  const residual = (x: Pair): HostArray => la.subtract(factors.toMatrix(x), target);
  const problem = {
    manifold: factors,
    cost: (x: Pair) => 0.5 * (la.norm(residual(x)) as number) ** 2,
    gradient: { kind: 'ambient', at: residual },
  } as const;
  const result = await minimize(problem, { solver: alternating, seed: 1, stop: any(gradientNormBelow(1e-9), maxIterations(500)) });
  expect(result.converged).toBe(true);
  const sigma = la.toArray(la.svd(target).S) as Float64Array;
  expect(result.cost).toBeAllClose(0.5 * sigma.subarray(2).reduce((sum, s) => sum + s * s, 0), 1e-10);
});

it('a solver that returns the state it was given is told so, rather than run for ever', async () => {
  const idle: Solver = {
    name: 'idle',
    init: (_problem, x) => ({ x, iteration: 0, memory: {} }),
    step: (_problem, state) => state,
  };
  await expect(minimize(quadratic, { solver: idle, initial })).rejects.toThrow(/idle: a step returned the state that it was given/);
});

describe('costs', () => {
  it('costAndGradient is used where given', async () => {
    const cost = vi.fn(quadratic.cost);
    const costAndGradient = vi.fn((x: HostArray) => ({ cost: quadratic.cost(x, undefined) as number, gradient: la.multiply(weights, x) }));
    await minimize({ ...quadratic, cost, costAndGradient }, { solver: steady, initial, stop: maxIterations(5) });
    expect(cost).not.toHaveBeenCalled();
    expect(costAndGradient).toHaveBeenCalledTimes(6);
  });

  it('perPoint computes once a point and batch', async () => {
    const residual = vi.fn((x: HostArray) => la.multiply(weights, x));
    const shared = perPoint(residual);
    const problem: typeof quadratic = {
      manifold,
      cost: (x) => 0.5 * (la.inner(x, shared(x, undefined)) as number),
      gradient: { kind: 'ambient', at: (x) => shared(x, undefined) },
    };
    await minimize(problem, { solver: gradientDescent(), initial, stop: maxIterations(1) });
    const once = residual.mock.calls.length;
    const points = new Set(residual.mock.calls.map(([x]) => x));
    expect(once).toBe(points.size);
  });

  it('a stochastic cost sees one batch a step, cost and gradient the same one', async () => {
    const drawn: number[] = [];
    const seen: [string, number][] = [];
    const problem: Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number> = {
      manifold,
      nextBatch: (k) => drawn.push(k) - 1,
      cost: (x, batch) => {
        seen.push(['cost', batch]);
        return quadratic.cost(x, undefined);
      },
      gradient: {
        kind: 'ambient',
        at: (x, batch) => {
          seen.push(['gradient', batch]);
          return la.multiply(weights, x);
        },
      },
    };
    await minimize(problem, { solver: steady, initial, stop: maxIterations(3) });
    expect(drawn).toEqual([0, 1, 2]);
    expect(seen).toEqual(
      [0, 1, 2].flatMap((batch) => [
        ['cost', batch],
        ['gradient', batch],
      ]),
    );
  });

  it('a line search rejects a stochastic cost unless its batch is frozen, and then compares on the batch of the step', async () => {
    const problem: Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number> = {
      manifold,
      nextBatch: (k) => k,
      // Each batch adds a constant: comparing across batches would never see a decrease.
      cost: (x, batch) => (quadratic.cost(x, undefined) as number) + 100 * batch,
      gradient: { kind: 'ambient', at: (x) => la.multiply(weights, x) },
    };
    await expect(minimize(problem, { initial })).rejects.toThrow(/armijo compares costs.*frozenBatch: true/);
    const solver = gradientDescent({ stepSize: armijo({ frozenBatch: true, initialStep: 0.2 }) });
    const result = await minimize(problem, { solver, initial, stop: any(gradientNormBelow(1e-6), maxIterations(200)) });
    expect(result.converged).toBe(true);
  });

  it('an initial point where the cost is not finite is an error', async () => {
    const broken: typeof quadratic = { ...quadratic, cost: () => Number.NaN };
    await expect(minimize(broken, { initial })).rejects.toThrow(NumericalError);
    await expect(minimize(broken, { initial })).rejects.toThrow(/initial point the cost is NaN/);
  });
});
