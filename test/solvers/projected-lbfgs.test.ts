/** Bounds: solutions of bounded problems, on parts of a product and on factors too, and what is said of bad bounds. */
import {
  any,
  ConfigError,
  euclidean,
  euclideanFactors,
  type FactorPair,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  iterate,
  type LinearAlgebra,
  mapTree,
  maxIterations,
  minimize,
  type Problem,
  product,
  projectedLbfgs,
  relativeGradientNormBelow,
  ShapeError,
  seededRandom,
  sphere,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { allEngines, liveTensors, tensorEngines } from '../support/engines.js';
import { definite, geometric, withSingularValues } from '../support/matrices.js';

const host = hostAlgebra({ blas: 'off' });

/** Sums products one after another, as a manifold of one's own may: its rounding is not that of the engine. */
const plainSum = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

/** ½xᵀQx − bᵀx with Q of condition κ. */
function quadratic<M>(la: LinearAlgebra<M>, n: number, kappa: number): Problem<M, M> {
  const Q = la.fromArray(definite(4, n, kappa).values, [n, n]);
  const b = la.randomNormal([n, 1], seededRandom(2));
  return {
    manifold: euclidean({ shape: [n, 1], algebra: la }),
    cost: async (x) => 0.5 * (await la.inner(x, la.matmul(Q, x))) - (await la.inner(b, x)),
    gradient: { kind: 'ambient', at: (x) => la.subtract(la.matmul(Q, x), b) },
  };
}

/** The solution of the bounded quadratic, over all sets of active bounds. */
function byEnumeration(n: number, kappa: number, lower: number, upper: number): Float64Array {
  const Q = definite(4, n, kappa).values;
  const b = host.toArray(host.randomNormal([n, 1], seededRandom(2)));
  for (let code = 0; code < 3 ** n; code++) {
    const side = Array.from({ length: n }, (_, i) => Math.floor(code / 3 ** i) % 3);
    const free = side.flatMap((s, i) => (s === 0 ? [i] : []));
    const x = Float64Array.from(side, (s) => (s === 1 ? lower : s === 2 ? upper : 0));
    if (free.length > 0) {
      const rest = free.map((i) => [b[i] - x.reduce((sum, value, j) => sum + Q[i * n + j] * value, 0)]);
      const L = host.cholesky(host.fromRows(free.map((i) => free.map((j) => Q[i * n + j]))));
      const y = host.toArray(host.solveTriangular(L, host.solveTriangular(L, host.fromRows(rest)), { transpose: true }));
      free.forEach((i, k) => {
        x[i] = y[k];
      });
    }
    const slope = (i: number): number => x.reduce((sum, value, j) => sum + Q[i * n + j] * value, -b[i]);
    const fits = side.every((s, i) => (s === 0 ? x[i] >= lower && x[i] <= upper : s === 1 ? slope(i) >= 0 : slope(i) <= 0));
    if (fits) return x;
  }
  throw new Error('no solution');
}

describe.each(allEngines)('on %s', (_engine, la) => {
  it.each([
    [6, 10, -0.3, 0.5],
    [7, 1e4, 0, 2],
    [5, 1e2, -10, 10],
  ])('a quadratic of %d unknowns, condition %d, in [%d, %d]', async (n, kappa, lower, upper) => {
    await la.tidy(async () => {
      const double = la.epsilon < 1e-10;
      const stop = any(gradientNormBelow(double ? 1e-9 : 1e-4), maxIterations(500));
      const run = await minimize(quadratic(la, n, kappa), { solver: projectedLbfgs({ lower, upper }), seed: 1, stop });
      expect(run.converged, run.stopReason).toBe(true);
      const expected = byEnumeration(n, kappa, lower, upper);
      if (double || kappa < 1e3) expect(await la.toArray(run.x)).toBeAllClose(expected, double ? 1e-9 * kappa : 1e-2);
      expect(Math.min(...(await la.toArray(run.x)))).toBeGreaterThanOrEqual(Math.fround(lower));
    });
  });
});

describe('projectedLbfgs', () => {
  it('stays within the bounds at every step, from a start outside', async () => {
    const problem = quadratic(host, 7, 1e3);
    const lower = host.fromArray([-1, 0, Number.NEGATIVE_INFINITY, -0.1, 0, 0, 0], [7, 1]);
    const upper = host.fromArray([1, 0, 0.2, Number.POSITIVE_INFINITY, 0.1, 0.3, 1], [7, 1]);
    const within = (x: HostArray): boolean => {
      const [l, u] = [host.toArray(lower), host.toArray(upper)];
      return host.toArray(x).every((value, i) => value >= l[i] && value <= u[i]);
    };
    for await (const { state, gradientNorm, iteration } of iterate(problem, {
      solver: projectedLbfgs({ lower, upper }),
      initial: host.full([7, 1], 5),
    })) {
      expect(within(state.x)).toBe(true);
      if (gradientNorm < 1e-9) break;
      expect(iteration).toBeLessThan(100);
    }
  });

  it('finds the bounded minimum of Rosenbrock’s valley', async () => {
    const value = (x: HostArray) => host.toArray(x);
    const problem: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape: [2] }),
      cost: (x) => (1 - value(x)[0]) ** 2 + 100 * (value(x)[1] - value(x)[0] ** 2) ** 2,
      gradient: {
        kind: 'ambient',
        at(x) {
          const [a, b] = value(x);
          return host.fromArray([-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)], [2]);
        },
      },
    };
    const initial = host.fromArray([-1.2, 1], [2]);
    const solver = projectedLbfgs({ upper: host.fromArray([0.8, 10], [2]) });
    const { x, cost, converged, iterations } = await minimize(problem, {
      solver,
      initial,
      stop: any(gradientNormBelow(1e-8), maxIterations(500)),
    });
    expect(converged).toBe(true);
    expect(x).toBeAllClose([0.8, 0.64], 1e-9);
    expect(cost).toBeCloseTo(0.04, 12);
    expect(iterations).toBeLessThan(100);
  });

  it('is L-BFGS where no bound is active', async () => {
    const problem = quadratic(host, 6, 100);
    const stop = any(gradientNormBelow(1e-10), maxIterations(200));
    const { iterations, converged } = await minimize(problem, { solver: projectedLbfgs(), seed: 3, stop });
    expect(converged).toBe(true);
    expect(iterations).toBeLessThan(60);
  });

  it('factors a nonnegative matrix', async () => {
    const [m, n, rank] = [9, 7, 3];
    const random = seededRandom(5);
    const positive = (rows: number, columns: number) =>
      host.fromArray(
        Float64Array.from({ length: rows * columns }, () => random.uniform()),
        [rows, columns],
      );
    const target = host.matmul(positive(m, rank), positive(rank, n));
    const residual = ({ A, B }: FactorPair<HostArray>) => host.subtract(host.matmul(A, B), target);
    const manifold = euclideanFactors({ m, n, rank });
    const run = await minimize(
      { manifold, cost: (x) => 0.5 * host.norm(residual(x)) ** 2, gradient: { kind: 'ambient', at: residual } },
      {
        solver: projectedLbfgs({ lower: { A: 0, B: 0 } }),
        initial: { A: positive(m, rank), B: positive(rank, n) },
        stop: any(gradientNormBelow(1e-6), maxIterations(2000)),
      },
    );
    expect(run.converged, run.stopReason).toBe(true);
    expect(Math.min(...host.toArray(run.x.A), ...host.toArray(run.x.B))).toBeGreaterThanOrEqual(0);
    expect(run.cost).toBeLessThan(0.1);
  });

  it('bounds one component of a product, and leaves the sphere beside it to its geometry', async () => {
    const S = host.fromArray(withSingularValues(3, 5, 4, geometric(4, 0.1)).values, [5, 4]);
    const manifold = product({ direction: sphere({ shape: [4, 1] }), weights: euclidean({ shape: [5, 1] }) });
    type Point = { readonly direction: HostArray; readonly weights: HostArray };
    const residual = ({ direction, weights }: Point) => host.subtract(host.matmul(S, direction), weights);
    const run = await minimize(
      {
        manifold,
        // Small only where the image of a unit vector is in the box.
        cost: (x: Point) => 0.5 * host.norm(residual(x)) ** 2,
        gradient: {
          kind: 'ambient',
          at: (x: Point) => ({ direction: host.matmul(S, residual(x), { transposeA: true }), weights: host.scale(-1, residual(x)) }),
        },
      },
      { solver: projectedLbfgs({ lower: { weights: 0.05 } }), seed: 2, stop: any(gradientNormBelow(1e-8), maxIterations(500)) },
    );
    expect(run.converged, run.stopReason).toBe(true);
    expect(host.norm(run.x.direction)).toBeCloseTo(1, 12);
    expect(Math.min(...host.toArray(run.x.weights))).toBeGreaterThanOrEqual(0.05);
  });

  it('goes on where it stopped', async () => {
    const problem = quadratic(host, 7, 1e3);
    const solver = projectedLbfgs({ lower: 0 });
    const whole = await minimize(problem, { solver, seed: 1, stop: maxIterations(8) });
    const half = await minimize(problem, { solver, seed: 1, stop: maxIterations(4) });
    const rest = await minimize(problem, { solver, state: structuredClone(half.state), stop: maxIterations(8) });
    expect(rest.cost).toBe(whole.cost);
  });

  it('knows a flat component of any size, and one with a metric of its own', async () => {
    const n = 800_000;
    const flat = euclidean({ shape: [n] });
    const problem = (manifold: typeof flat): Problem<HostArray, HostArray> => ({
      manifold,
      cost: (x) => 0.5 * host.norm(x) ** 2 + host.total(x),
      gradient: { kind: 'ambient', at: (x) => host.add(x, host.full([n], 1)) },
    });
    const run = (manifold: typeof flat) =>
      minimize(problem(manifold), { solver: projectedLbfgs({ lower: 0 }), initial: host.full([n], 1), stop: maxIterations(1) });
    expect((await run(flat)).iterations).toBe(1);
    const plain = { ...flat, inner: (_x: HostArray, u: HostArray, v: HostArray) => plainSum(host.toArray(u), host.toArray(v)) };
    expect((await run(plain)).iterations).toBe(1);
    const weighted = { ...flat, inner: (x: HostArray, u: HostArray, v: HostArray) => (1 + 1e-9) * flat.inner(x, u, v) };
    await expect(run(weighted)).rejects.toThrow(/bounds need Euclidean components/);
  });

  it.each(['layer.0', 'a\\.b', 'plain'])('finds the component %j of a product, and those of one within', async (key) => {
    type Point = Readonly<Record<string, HostArray | Readonly<Record<string, HostArray>>>>;
    const manifold = product({ [key]: euclidean({ shape: [2] }), layer: product({ 0: euclidean({ shape: [2] }) }) });
    const plusOne = (x: Point): Point => mapTree<HostArray, Point>(host, (leaf) => host.add(leaf, host.full([2], 1)), x);
    const problem = {
      manifold,
      cost: (x: Point) => 0.5 * Number(manifold.inner(x as never, plusOne(x) as never, plusOne(x) as never)),
      gradient: { kind: 'ambient', at: plusOne },
    } as never as Problem<HostArray, Point>;
    const { x } = await minimize(problem, { solver: projectedLbfgs({ lower: { [key]: 0.5 }, upper: { layer: { 0: -2 } } }) });
    expect(x[key]).toBeAllClose([0.5, 0.5], 0);
    expect((x.layer as Record<string, HostArray>)[0]).toBeAllClose([-2, -2], 0);
  });

  it.each([
    ['lower', Number.POSITIVE_INFINITY, 'Infinity'],
    ['upper', Number.NEGATIVE_INFINITY, '-Infinity'],
    ['lower', host.fromArray([0, Number.POSITIVE_INFINITY, 0], [3, 1]), 'Infinity in entry 1'],
    ['upper', host.fromArray([0, 1, Number.NaN], [3, 1]), 'NaN in entry 2'],
    ['lower', Number.NaN, 'NaN'],
  ])('refuses as %s what no number meets (%#)', async (side, bound, shown) => {
    const run = minimize(quadratic(host, 3, 10), { solver: projectedLbfgs({ [side]: bound }) });
    await expect(run).rejects.toThrow(ConfigError);
    await expect(run).rejects.toThrow(`projectedLbfgs: ${side} must be`);
    await expect(run).rejects.toThrow(`got ${shown};`);
  });

  it.each([1e8, 1, 1e-8, 1e-13, 1e-15, 1e-40])('solves for unknowns of size %d', async (size) => {
    const target = host.fromArray([3 * size, -size, 0.5 * size], [3]);
    const off = (x: HostArray) => host.scale(1 / size, host.subtract(x, target));
    const problem: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape: [3] }),
      cost: (x) => 0.5 * host.norm(off(x)) ** 2,
      gradient: { kind: 'ambient', at: (x) => host.scale(1 / size, off(x)) },
    };
    const stop = any(relativeGradientNormBelow(1e-8), maxIterations(20));
    const { x, converged, stopReason } = await minimize(problem, {
      solver: projectedLbfgs({ lower: 0 }),
      initial: host.full([3], size),
      stop,
    });
    expect(converged, stopReason).toBe(true);
    expect(host.scale(1 / size, x)).toBeAllClose([3, 0, 0.5], 1e-6);
  });

  it('sees gradients that are below the rounding of the point', async () => {
    const sum: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape: [2] }),
      cost: (x) => host.total(x),
      gradient: { kind: 'ambient', at: () => host.full([2], 1) },
    };
    const far = await minimize(sum, { solver: projectedLbfgs({ lower: 0 }), initial: host.full([2], 1e17) });
    expect(far.converged, far.stopReason).toBe(false);
    const slow: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape: [1] }),
      cost: (x) => 0.5 * ((host.total(x) - 3e10) / 1e10) ** 2,
      gradient: { kind: 'ambient', at: (x) => host.scale(1e-20, host.subtract(x, host.full([1], 3e10))) },
    };
    const { gradientNorm } = await minimize(slow, {
      solver: projectedLbfgs({ lower: 0 }),
      initial: host.full([1], 1e10),
      stop: maxIterations(0),
    });
    expect(gradientNorm).toBeCloseTo(2e-10, 20);
    for (const bound of [{ upper: 1e10 }, { lower: host.full([1], 0), upper: host.full([1], 1e10) }]) {
      const held = await minimize(slow, { solver: projectedLbfgs(bound), initial: host.full([1], 1e10) });
      expect(held).toMatchObject({ converged: true, gradientNorm: 0 });
    }
    const free = await minimize(slow, { solver: projectedLbfgs({ lower: 1e10 }), initial: host.full([1], 1e10), stop: maxIterations(0) });
    expect(free.gradientNorm).toBeCloseTo(2e-10, 20);
  });

  it('goes on from a state of another solver within the bounds', async () => {
    const problem = quadratic(host, 7, 1e3);
    const { state } = await minimize(problem, { seed: 1, stop: maxIterations(4) });
    const solver = projectedLbfgs({ lower: 0.5 });
    const stop = any(gradientNormBelow(1e-9), maxIterations(500));
    const [rest, fresh] = [await minimize(problem, { solver, state, stop }), await minimize(problem, { solver, seed: 1, stop })];
    expect(rest.converged, rest.stopReason).toBe(true);
    expect(rest.x).toBeAllClose(fresh.x, 1e-6);
    const curved: Problem<HostArray, HostArray> = {
      manifold: sphere({ shape: [3] }),
      cost: (x) => host.total(x),
      gradient: { kind: 'ambient', at: () => host.full([3], 1) },
    };
    const start = { x: host.fromArray([1, 0, 0], [3]), iteration: 0, memory: {} };
    await expect(minimize(curved, { solver, state: start })).rejects.toThrow(/bounds need Euclidean components/);
  });

  it('refuses bounds that do not fit', async () => {
    const problem = quadratic(host, 3, 10);
    const tried = (solver: Parameters<typeof minimize>[1]) => minimize(problem, solver as never);
    const wrong = (value: unknown) => value as never;
    await expect(tried({ solver: projectedLbfgs({ lower: 1, upper: 0 }) })).rejects.toThrow(/^projectedLbfgs: lower must not exceed upper/);
    await expect(tried({ solver: projectedLbfgs({ lower: host.full([3], 0) }) })).rejects.toThrow(ShapeError);
    await expect(tried({ solver: projectedLbfgs({ lower: wrong({ x: 0 }) }) })).rejects.toThrow(/lower must be a number or an array/);
    await expect(tried({ solver: projectedLbfgs({ lower: wrong([0, 0, 0]) }) })).rejects.toThrow(ConfigError);
    await expect(tried({ solver: projectedLbfgs({ upper: Number.NaN }) })).rejects.toThrow(ConfigError);
    expect(() => projectedLbfgs({ memory: 0 })).toThrow(ShapeError);
    const curved: Problem<HostArray, HostArray> = {
      manifold: sphere({ shape: [3] }),
      cost: (x) => host.total(x),
      gradient: { kind: 'ambient', at: () => host.full([3], 1) },
    };
    await expect(minimize(curved, { solver: projectedLbfgs({ lower: 0 }) })).rejects.toThrow(
      /bounds need Euclidean components.*augmentedLagrangian/,
    );
    const pairs = product({ a: sphere({ shape: [3] }), b: euclidean({ shape: [2] }) });
    const joint = { manifold: pairs, cost: () => 0, gradient: { kind: 'ambient', at: (x: never) => x } } as never as Problem<
      HostArray,
      object
    >;
    await expect(minimize(joint, { solver: projectedLbfgs({ lower: { c: 0 } }) })).rejects.toThrow(/lower\.c bounds no component.*a, b/);
    await expect(minimize(joint, { solver: projectedLbfgs({ lower: { a: 0 } }) })).rejects.toThrow(/'a' of product/);
  });
});

describe.each(tensorEngines)('device memory on %s', (_name, la) => {
  it('keeps the state alone', async () => {
    const problem = quadratic(la as unknown as LinearAlgebra<object>, 6, 50);
    const initial = la.tidy(() => problem.manifold.randomPoint(seededRandom(3)));
    const before = liveTensors();
    const { state } = await minimize(problem, { solver: projectedLbfgs({ lower: 0, memory: 2 }), initial, stop: maxIterations(5) });
    const { tangents } = state.memory.projectedLbfgs;
    expect(liveTensors()).toBe(before + 2 + Object.keys(tangents).length);
  });
});
