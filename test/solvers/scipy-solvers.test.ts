/**
 * Against others: SciPy's `least_squares` with every loss and its `L-BFGS-B` (fixtures/scipy-solvers.py), and problem
 * 71 of Hock and Schittkowski, whose solution and multipliers are published.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  any,
  augmentedLagrangian,
  type ConstrainedProblem,
  euclidean,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  leastSquares,
  levenbergMarquardt,
  maxIterations,
  minimize,
  type Problem,
  projectedLbfgs,
  type RobustLoss,
} from 'bures';
import { autodiff, autodiffVector } from 'bures/autodiff';
import { describe, expect, it } from 'vitest';

const la = hostAlgebra({ blas: 'off' });

interface Golden {
  readonly fit: {
    readonly times: readonly number[];
    readonly data: readonly number[];
    readonly start: readonly number[];
    readonly f_scale: number;
    readonly found: Readonly<Record<string, { readonly x: readonly number[]; readonly cost: number }>>;
  };
  readonly bounded: {
    readonly lower: readonly number[];
    readonly upper: readonly number[];
    readonly start: number;
    readonly x: readonly number[];
    readonly cost: number;
    readonly iterations: number;
  };
}
const golden = JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/scipy-solvers.json'), 'utf8')) as Golden;

describe('least_squares of SciPy', () => {
  const { times, data, start, f_scale: lossScale, found } = golden.fit;
  const [t, y] = [la.fromArray(times, [times.length, 1]), la.fromArray(data, [data.length, 1])];
  const ones = la.full([times.length, 1], 1);
  const part = (ops: Pick<typeof la, 'slice'>, x: HostArray, i: number) => ops.slice(x, { rows: [i, i + 1] });
  const residual = autodiffVector(la, (ops, x: HostArray) => {
    const decay = ops.exp(ops.scale(-1, ops.matmul(t, part(ops, x, 1))));
    return ops.subtract(ops.add(ops.matmul(decay, part(ops, x, 0)), ops.matmul(ones, part(ops, x, 2))), y);
  });

  it.each<[RobustLoss, string]>([
    ['linear', 'linear'],
    ['huber', 'huber'],
    ['softL1', 'soft_l1'],
    ['cauchy', 'cauchy'],
    ['arctan', 'arctan'],
  ])('%s', async (loss, name) => {
    const problem = leastSquares({ manifold: euclidean({ shape: [3, 1] }), residual, loss, lossScale });
    const { x, cost, converged, stopReason, iterations } = await minimize(problem, {
      solver: levenbergMarquardt(),
      initial: la.fromArray(start, [3, 1]),
      stop: any(gradientNormBelow(1e-10), maxIterations(300)),
    });
    expect(converged, stopReason).toBe(true);
    expect(cost).toBeCloseTo(found[name].cost, 10);
    expect(la.toArray(x)).toBeAllClose(found[name].x, 1e-5);
    expect(iterations).toBeLessThan(60);
  });
});

it('L-BFGS-B of SciPy', async () => {
  const { lower, upper, start, x: expected, cost, iterations } = golden.bounded;
  const n = expected.length;
  const problem: Problem<HostArray, HostArray> = {
    manifold: euclidean({ shape: [n] }),
    cost: (x) => {
      const v = la.toArray(x);
      return v.slice(1).reduce((sum, value, i) => sum + 100 * (value - v[i] ** 2) ** 2 + (1 - v[i]) ** 2, 0);
    },
    gradient: {
      kind: 'ambient',
      at(x) {
        const v = la.toArray(x);
        const g = new Float64Array(n);
        for (let i = 0; i + 1 < n; i++) {
          const gap = v[i + 1] - v[i] ** 2;
          g[i] += -400 * gap * v[i] - 2 * (1 - v[i]);
          g[i + 1] += 200 * gap;
        }
        return la.fromArray(g, [n]);
      },
    },
  };
  const solver = projectedLbfgs({ lower: la.fromArray(lower, [n]), upper: la.fromArray(upper, [n]) });
  const run = await minimize(problem, { solver, initial: la.full([n], start), stop: any(gradientNormBelow(1e-9), maxIterations(1000)) });
  expect(run.converged, run.stopReason).toBe(true);
  expect(run.cost).toBeCloseTo(cost, 10);
  expect(la.toArray(run.x)).toBeAllClose(expected, 1e-7);
  expect(run.iterations).toBeLessThan(3 * iterations);
});

it('problem 71 of Hock and Schittkowski: an equality, an inequality, and bounds', async () => {
  const entry = (ops: Pick<typeof la, 'slice'>, x: HostArray, i: number) => ops.slice(x, { rows: [i, i + 1] });
  const problem: ConstrainedProblem<HostArray, HostArray> = {
    manifold: euclidean({ shape: [4, 1] }),
    // x₁x₄(x₁ + x₂ + x₃) + x₃
    ...autodiff(la, (ops, x: HostArray) => {
      const [a, b, c, d] = [0, 1, 2, 3].map((i) => entry(ops, x, i));
      return ops.total(ops.add(ops.multiply(ops.multiply(a, d), ops.add(ops.add(a, b), c)), c));
    }),
    equality: autodiffVector(la, (ops, x: HostArray) => ops.subtract(ops.inner(x, x), ops.full([], 40))),
    inequality: autodiffVector(la, (ops, x: HostArray) => {
      const [a, b, c, d] = [0, 1, 2, 3].map((i) => entry(ops, x, i));
      return ops.subtract(ops.full([1, 1], 25), ops.multiply(ops.multiply(a, b), ops.multiply(c, d)));
    }),
  };
  const { x, cost, multipliers, residuals, converged, stopReason } = await augmentedLagrangian(problem, {
    solver: projectedLbfgs({ lower: 1, upper: 5 }),
    initial: la.fromArray([1, 5, 5, 1], [4, 1]),
    tolerance: 1e-7,
  });
  expect(converged, stopReason).toBe(true);
  expect(cost).toBeCloseTo(17.0140173, 6);
  expect(la.toArray(x)).toBeAllClose([1, 4.742999, 3.821151, 1.379408], 1e-5);
  expect(residuals.kkt).toBeLessThanOrEqual(1e-7);
  expect(la.toArray(multipliers.equality as HostArray)).toBeAllClose([0.161469], 1e-5);
  expect(la.toArray(multipliers.inequality as HostArray)).toBeAllClose([0.552294], 1e-5);
});
