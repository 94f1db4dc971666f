/**
 * Levenberg–Marquardt on residuals: on several manifolds and all engines, ill-conditioned and rank-deficient, with
 * robust losses; its counts, its memory on a device, abortion and resumption.
 */
import {
  any,
  balancedFactors,
  bures,
  ConfigError,
  costBelow,
  csrFromTriplets,
  embedded,
  euclidean,
  type FactoredMatrix,
  type FactorPair,
  type FixedRankMetric,
  type FixedRankPoint,
  type FixedRankTangent,
  fixedRank,
  gradientDescent,
  gradientNormBelow,
  type HostArray,
  hostAlgebra,
  type LevenbergMarquardtOptions,
  type LinearAlgebra,
  lbfgs,
  leastSquares,
  levenbergMarquardt,
  maxIterations,
  minimize,
  type Problem,
  quotient,
  type RobustLoss,
  relativeGradientNormBelow,
  seededRandom,
  sphere,
  stiefel,
  trustRegions,
  wolfe,
} from 'bures';
import { autodiffVector } from 'bures/autodiff';
import { checkGradient, checkHessian } from 'bures/diagnostics';
import { describe, expect, it, vi } from 'vitest';
import { allEngines, liveTensors, tensorEngines } from '../support/engines.js';
import { geometric, withSingularValues } from '../support/matrices.js';

const host = hostAlgebra({ blas: 'off' });
const [m, n, rank] = [9, 7, 2];

/** A X − B on Stiefel, B = A X₀ + noise: linear residuals [9, 3] on a curved manifold; and a start not far from X₀. */
function procrustes<M>(la: LinearAlgebra<M>) {
  const manifold = stiefel({ m: 5, rank: 3, algebra: la });
  const random = seededRandom(4);
  const A = la.fromArray(withSingularValues(2, m, 5, geometric(5, 0.1)).values, [m, 5]);
  const truth = manifold.randomPoint(random);
  const B = la.axpy(0.1, la.randomNormal([m, 3], random), la.matmul(A, truth));
  const initial = manifold.retract(truth, la.scale(0.3, manifold.project(truth, la.randomNormal([5, 3], random))));
  const problem = leastSquares({
    manifold,
    residual: {
      at: (x: M) => la.subtract(la.matmul(A, x), B),
      jvp: (_x: M, u: M) => la.matmul(A, u),
      vjp: { kind: 'ambient', at: (_x: M, w: M) => la.matmul(A, w, { transposeA: true }) },
    },
  });
  return { problem, initial };
}

/** The entries of AB at observed places, less those of a matrix of the same rank: residuals that vanish. */
function completion<M>(la: LinearAlgebra<M>) {
  const manifold = balancedFactors({ m, n, rank, algebra: la });
  const { values } = withSingularValues(5, m, n, geometric(rank, 0.4));
  const places = Array.from({ length: m * n }, (_, place) => place).filter((place) => (place * 7) % 5 !== 0);
  const observed = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: places.map((place) => Math.floor(place / n)),
    columnIndices: places.map((place) => place % n),
    values: places.map((place) => values[place]),
  });
  return leastSquares({
    manifold,
    residual: {
      at: (x: FactorPair<M>) => la.subtract(la.sampledMatmul(observed, x.A, x.B), observed.values),
      jvp: (x: FactorPair<M>, u: FactorPair<M>) => la.add(la.sampledMatmul(observed, u.A, x.B), la.sampledMatmul(observed, x.A, u.B)),
      vjp: { kind: 'ambient', at: (_x: FactorPair<M>, w: M) => ({ ...observed, values: w }) },
    },
  });
}

/** A line through points, one of them far off: rows [t, 1], residuals [6, 1]. */
function line(loss: RobustLoss, outlier: number) {
  const rows = [0, 1, 2, 3, 4, 5].map((t) => [t, 1]);
  const A = host.fromRows(rows);
  const y = host.fromRows([1.01, 1.48, 2.02, 2.5, 2.99, 3.5 + outlier].map((value) => [value]));
  return leastSquares({
    manifold: euclidean({ shape: [2, 1] }),
    residual: {
      at: (x: HostArray) => host.subtract(host.matmul(A, x), y),
      jvp: (_x: HostArray, u: HostArray) => host.matmul(A, u),
      vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => host.matmul(A, w, { transposeA: true }) },
    },
    loss,
    lossScale: 0.05,
  });
}

const losses: readonly RobustLoss[] = ['linear', 'huber', 'softL1', 'cauchy', 'arctan'];
const reachable = (la: { readonly epsilon: number }): number => (la.epsilon < 1e-10 ? 1e-10 : 1e-4);

describe.each(allEngines)('on %s', (_engine, la) => {
  it('finds what trust regions find, on Stiefel', async () => {
    await la.tidy(async () => {
      const { problem, initial } = procrustes(la);
      const stop = any(relativeGradientNormBelow(reachable(la)), maxIterations(200));
      const found = await minimize(problem, { solver: levenbergMarquardt(), initial, stop });
      const reference = await minimize(problem, { solver: trustRegions(), initial, stop });
      expect(found.converged, found.stopReason).toBe(true);
      expect(Math.abs(found.cost - reference.cost)).toBeLessThanOrEqual(1e4 * la.epsilon * reference.cost);
      found.history.slice(1).forEach(({ cost }, k) => {
        expect(cost).toBeLessThanOrEqual(found.history[k].cost * (1 + 16 * la.epsilon));
      });
    });
  });

  it('drives residuals of balanced factors to zero', async () => {
    await la.tidy(async () => {
      const problem = completion(la);
      const stop = any(gradientNormBelow(la.epsilon < 1e-10 ? 1e-12 : 1e-5), maxIterations(100));
      const { converged, cost, stopReason } = await minimize(problem, { solver: levenbergMarquardt(), seed: 2, stop });
      expect(converged, stopReason).toBe(true);
      expect(cost).toBeLessThan(la.epsilon < 1e-10 ? 1e-22 : 1e-9);
    });
  });

  it('J* is the adjoint of J in the metric, weighted by the loss too', async () => {
    await la.tidy(async () => {
      const stated = completion(la);
      for (const loss of losses) {
        const { residual, jvp, adjoint } = await weighedCompletion(la, loss).linearize(point(la));
        const u = await stated.manifold.randomTangent(point(la), seededRandom(3));
        const w = la.randomNormal(la.shape(residual), seededRandom(4));
        const [left, right] = [await la.inner(w, await jvp(u)), await stated.manifold.inner(point(la), await adjoint(w), u)];
        expect(Math.abs(left - right)).toBeLessThan(1e3 * la.epsilon * (await la.norm(w)));
      }
    });
  });
});

const points = new Map<unknown, FactorPair<unknown>>();
/** One point of the completion problem for each engine. */
function point<M>(la: LinearAlgebra<M>): FactorPair<M> {
  const known = points.get(la) ?? (balancedFactors({ m, n, rank, algebra: la }).randomPoint(seededRandom(9)) as FactorPair<unknown>);
  return known as FactorPair<M>;
}

function weighedCompletion<M>(la: LinearAlgebra<M>, loss: RobustLoss) {
  const { manifold } = completion(la);
  const target = la.randomNormal([m, n], seededRandom(8));
  return leastSquares({
    manifold,
    residual: {
      at: (x: FactorPair<M>) => la.subtract(la.matmul(x.A, x.B), target),
      jvp: (x: FactorPair<M>, u: FactorPair<M>) => la.add(la.matmul(u.A, x.B), la.matmul(x.A, u.B)),
      vjp: { kind: 'ambient', at: (_x: FactorPair<M>, w: M) => w },
    },
    loss,
    lossScale: 0.7,
  });
}

/** Some entries of a wide matrix of rank 3 and condition 1e3, on matrices U diag(S) Vᵀ. */
function wideCompletion<M>(la: LinearAlgebra<M>, metric: FixedRankMetric) {
  const shape = [8, 11] as const;
  const manifold = fixedRank({ m: shape[0], n: shape[1], rank: 3, metric, algebra: la });
  const goal = la.fromArray(withSingularValues(6, ...shape, geometric(3, 1e-3)).values, shape);
  const mask = la.fromArray(
    Array.from({ length: shape[0] * shape[1] }, (_, k) => (k % 9 === 4 ? 0 : 1)),
    shape,
  );
  const velocity = (x: FixedRankPoint<M>, u: FixedRankTangent<M>): M => {
    const { left, right } = manifold.embed(x, u) as FactoredMatrix<M>;
    return la.matmul(left, right, { transposeB: true });
  };
  // A start near the solution, since such problems have other minima too: noise of half the smallest singular value.
  const { U, S, V } = la.svd(la.axpy(5e-5, la.randomNormal(shape, seededRandom(2)), goal));
  const leading = { columns: [0, 3] } as const;
  const initial = { U: la.slice(U, leading), S: la.reshape(la.slice(la.reshape(S, [1, 8]), leading), [3]), V: la.slice(V, leading) };
  const problem = leastSquares({
    manifold,
    residual: {
      at: (x: FixedRankPoint<M>) => la.multiply(mask, la.subtract(manifold.toMatrix(x), goal)),
      jvp: (x: FixedRankPoint<M>, u: FixedRankTangent<M>) => la.multiply(mask, velocity(x, u)),
      vjp: { kind: 'ambient', at: (_x: FixedRankPoint<M>, w: M) => la.multiply(mask, w) },
    },
  });
  return { problem, initial };
}

describe.each(allEngines)('fixed rank on %s', (_engine, la) => {
  it.each([embedded(), bures(), quotient()])('$name: residuals vanish, at condition 1e3', async (metric) => {
    await la.tidy(async () => {
      const { problem, initial } = wideCompletion(la, metric);
      const double = la.epsilon < 1e-10;
      const { cost, stopReason } = await minimize(problem, {
        solver: levenbergMarquardt(),
        initial,
        stop: any(costBelow(double ? 1e-18 : 1e-9), maxIterations(60)),
      });
      // The smallest singular value, 1e-3, is found to 1e-6, or in float32 to some percent.
      expect(cost, stopReason).toBeLessThanOrEqual(double ? 1e-18 : 1e-9);
    });
  });
});

describe('the Hessian of a sum of squares', () => {
  it.each(losses)('%s: is exact where the residual states its own, by factors and by the matrix', async (loss) => {
    const manifold = balancedFactors({ m: 6, n: 5, rank: 2 });
    const target = host.randomNormal([6, 5], seededRandom(1));
    const residual = autodiffVector(host, (ops, { A, B }: FactorPair<HostArray>) => ops.subtract(ops.exp(ops.matmul(A, B)), target));
    const stated = leastSquares({ manifold, residual, loss, lossScale: 3 });
    const check = await checkHessian(stated, { seed: 3 });
    expect(check.ok, check.verdict).toBe(true);
    // On the sphere the second derivative of a linear residual is zero, and the curvature of the sphere is not.
    const A = host.randomNormal([7, 4], seededRandom(2));
    const b = host.randomNormal([7, 1], seededRandom(3));
    const linear = {
      at: (x: HostArray) => host.subtract(host.matmul(A, x), b),
      jvp: (_x: HostArray, u: HostArray) => host.matmul(A, u),
      vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => host.matmul(A, w, { transposeA: true }) },
      hessian: { kind: 'ambient', at: (_x: HostArray, u: HostArray, _w: HostArray) => host.scale(0, u) },
    } as const;
    const onSphere = leastSquares({ manifold: sphere({ shape: [4, 1] }), residual: linear, loss, lossScale: 3 });
    const sphereCheck = await checkHessian(onSphere, { seed: 4 });
    expect(sphereCheck.ok, sphereCheck.verdict).toBe(true);
    const { solver } = await minimize(onSphere, { solver: trustRegions(), seed: 1 });
    expect(solver).toBe('trustRegions');
  });

  it('is left to differences where the residual or the manifold has none, and is refused in another kind', async () => {
    const target = host.randomNormal([6, 5], seededRandom(1));
    const manifold = fixedRank({ m: 6, n: 5, rank: 2 });
    const bySingularValues = autodiffVector(host, (ops, { U, S, V }: FixedRankPoint<HostArray>) =>
      ops.subtract(ops.matmul(ops.scaleColumns(U, S), V, { transposeB: true }), target),
    );
    expect(leastSquares({ manifold, residual: bySingularValues as never })).not.toHaveProperty('hessian');
    const mixed = {
      at: (x: HostArray) => x,
      jvp: (_x: HostArray, u: HostArray) => u,
      vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => w },
      hessian: { kind: 'coordinates', at: (_x: HostArray, u: HostArray) => u },
    } as const;
    expect(() => leastSquares({ manifold: euclidean({ shape: [2] }), residual: mixed })).toThrow(
      /^leastSquares: residual\.hessian must be of the kind 'ambient' of vjp/,
    );
    expect(() => leastSquares({ manifold: euclidean({ shape: [2] }), residual: { ...mixed, hessian: (() => 0) as never } })).toThrow(
      /^leastSquares: residual\.hessian must be \{ kind/,
    );
  });
});

describe('levenbergMarquardt', () => {
  it('is of second order where the residuals vanish', async () => {
    const { history } = await minimize(completion(host), {
      solver: levenbergMarquardt(),
      seed: 2,
      stop: any(gradientNormBelow(1e-13), maxIterations(100)),
    });
    const norms = history.map(({ gradientNorm }) => gradientNorm);
    // From 1e-3 on, each norm is near the square of the last; three steps suffice for 1e-12.
    const near = norms.findIndex((norm) => norm < 1e-3);
    expect(norms.length - near).toBeLessThanOrEqual(6);
  });

  it('solves linear least squares of condition 1e6 to what rounding allows, and rank-deficient ones to least cost', async () => {
    const size = [8, 5] as const;
    const solve = async (sigma: ArrayLike<number>) => {
      const A = host.fromArray(withSingularValues(3, ...size, sigma).values, size);
      const b = host.randomNormal([8, 1], seededRandom(1));
      const problem = leastSquares({
        manifold: euclidean({ shape: [5, 1] }),
        residual: {
          at: (x: HostArray) => host.subtract(host.matmul(A, x), b),
          jvp: (_x: HostArray, u: HostArray) => host.matmul(A, u),
          vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => host.matmul(A, w, { transposeA: true }) },
        },
      });
      const stop = any(gradientNormBelow(1e-12), maxIterations(200));
      const { x, converged, stopReason } = await minimize(problem, { solver: levenbergMarquardt(), initial: host.full([5, 1], 0), stop });
      expect(converged, stopReason).toBe(true);
      const { U, S, V } = host.svd(A);
      const kept = [...host.toArray(S)].map((value) => (value > 1e-10 ? 1 / value : 0));
      const best = host.matmul(host.scaleColumns(V, host.fromArray(kept, [5])), host.matmul(U, b, { transposeA: true }));
      return host.norm(host.subtract(x, best)) / host.norm(best);
    };
    expect(await solve(geometric(5, 1e-6))).toBeLessThan(1e-3);
    expect(await solve([3, 2, 1, 0, 0])).toBeLessThan(1e-9);
  });

  it('Gauss–Newton steps solve a linear problem in one, and fall back to damping on a hard one', async () => {
    const solver = levenbergMarquardt({ initialDamping: 0, kappa: 1e-9 });
    const linear = await minimize(line('linear', 0), {
      solver,
      initial: host.full([2, 1], 0),
      stop: any(gradientNormBelow(1e-9), maxIterations(9)),
    });
    expect([linear.converged, linear.iterations]).toEqual([true, 1]);
    const hard = await minimize(completion(host), { solver, seed: 2, stop: any(gradientNormBelow(1e-10), maxIterations(300)) });
    expect(hard.converged, hard.stopReason).toBe(true);
  });

  it('does not depend on the units of residuals and unknowns', async () => {
    const iterations = async (factor: number) => {
      const stated = line('linear', 0);
      const { linearize } = stated;
      const scaled = {
        ...stated,
        cost: async (x: HostArray) => factor ** 2 * (await stated.cost(x, undefined)),
        gradient: {
          kind: 'ambient',
          at: async (x: HostArray) => host.scale(factor ** 2, (await stated.gradient.at(x, undefined)) as HostArray),
        },
        linearize: async (x: HostArray) => {
          const { residual, jvp, adjoint } = await linearize(x);
          return {
            residual: host.scale(factor, residual),
            jvp: async (u: HostArray) => host.scale(factor, await jvp(u)),
            adjoint: async (w: HostArray) => host.scale(factor, await adjoint(w)),
          };
        },
      } as typeof stated;
      const stop = any(relativeGradientNormBelow(1e-9), maxIterations(50));
      return (await minimize(scaled, { solver: levenbergMarquardt(), initial: host.full([2, 1], 0), stop })).iterations;
    };
    const once = await iterations(1);
    expect([await iterations(1024), await iterations(2 ** -20)]).toEqual([once, once]);
  });

  it.each(losses)('%s: the gradient is that of the cost, and an outlier of any size weighs less and less', async (loss) => {
    expect((await checkGradient(line(loss, 10), { x: host.fromRows([[0.4], [1.2]]) })).ok).toBe(true);
    const stop = any(gradientNormBelow(1e-9), maxIterations(300));
    const initial = host.fromRows([[0.5], [1]]);
    const found = await minimize(line(loss, 10), { solver: levenbergMarquardt(), initial, stop });
    expect(found.converged, found.stopReason).toBe(true);
    const reference = await minimize(line(loss, 10), { solver: gradientDescent({ direction: lbfgs(), stepSize: wolfe() }), initial, stop });
    expect(found.x).toBeAllClose(reference.x, 1e-6);
    const slope = host.toArray(found.x)[0];
    // The line without the outlier has slope ½.
    if (loss === 'linear') expect(slope).toBeGreaterThan(1);
    else expect(Math.abs(slope - 0.5)).toBeLessThan(loss === 'huber' || loss === 'softL1' ? 0.05 : 0.01);
  });

  // Squares are then beyond the range of numbers, and so are those of squares.
  it.each([1e60, 1e78, 1e160])('a bounded loss is not led astray by an outlier of %d', async (outlier) => {
    const found = await minimize(line('arctan', outlier), {
      solver: levenbergMarquardt(),
      initial: host.fromRows([[0.5], [1]]),
      stop: any(gradientNormBelow(1e-9), maxIterations(300)),
    });
    expect(found.converged, found.stopReason).toBe(true);
    const clean = await minimize(line('arctan', 10), {
      solver: levenbergMarquardt(),
      initial: host.fromRows([[0.5], [1]]),
      stop: any(gradientNormBelow(1e-9), maxIterations(300)),
    });
    expect(found.x).toBeAllClose(clean.x, 1e-3);
  });

  it('has the values of SciPy’s losses', async () => {
    for (const loss of losses) {
      // At residuals 0.3 and −2, and the scale ½.
      const z = [0.36, 16];
      const rho = {
        linear: (v: number) => v,
        huber: (v: number) => (v <= 1 ? v : 2 * Math.sqrt(v) - 1),
        softL1: (v: number) => 2 * (Math.sqrt(1 + v) - 1),
        cauchy: (v: number) => Math.log1p(v),
        arctan: (v: number) => Math.atan(v),
      }[loss];
      const expected = 0.125 * (rho(z[0]) + rho(z[1]));
      const identity = leastSquares({
        manifold: euclidean({ shape: [2] }),
        residual: { at: (x: HostArray) => x, jvp: (_x, u: HostArray) => u, vjp: { kind: 'ambient', at: (_x, w: HostArray) => w } },
        loss,
        lossScale: 0.5,
      });
      expect(await identity.cost(host.fromArray([0.3, -2], [2]), undefined)).toBeCloseTo(expected, 13);
      // Small residuals keep their digits.
      const small = await identity.cost(host.fromArray([1e-9, 0], [2]), undefined);
      expect(Math.abs(small / 5e-19 - 1)).toBeLessThan(1e-12);
    }
  });

  it('counts its products, and evaluates a gradient once a point', async () => {
    const stated = completion(host);
    const jvp = vi.fn();
    const { linearize } = stated;
    const gradient = vi.fn(stated.gradient.at);
    const problem = {
      ...stated,
      gradient: { kind: 'ambient', at: gradient },
      linearize: async (x: FactorPair<HostArray>) => {
        const around = await linearize(x);
        return {
          ...around,
          jvp: (u: FactorPair<HostArray>) => {
            jvp();
            return around.jvp(u);
          },
        };
      },
    } as typeof stated;
    const { state, iterations } = await minimize(problem, { solver: levenbergMarquardt(), seed: 2, stop: maxIterations(6) });
    expect(gradient).toHaveBeenCalledTimes(iterations + 1);
    // One more a step, for the curvature along the gradient.
    expect(jvp).toHaveBeenCalledTimes(state.memory.levenbergMarquardt.numbers.products + iterations);
  });

  it('goes on where it stopped, and ends within a step when aborted', async () => {
    const problem = completion(host);
    const solver = levenbergMarquardt();
    const whole = await minimize(problem, { solver, seed: 2, stop: maxIterations(7) });
    const half = await minimize(problem, { solver, seed: 2, stop: maxIterations(3) });
    const rest = await minimize(problem, { solver, state: structuredClone(half.state), stop: maxIterations(7) });
    expect(rest.cost).toBe(whole.cost);
    const controller = new AbortController();
    let products = 0;
    const { linearize } = problem;
    const slow = {
      ...problem,
      linearize: async (x: FactorPair<HostArray>) => {
        const around = await linearize(x);
        return {
          ...around,
          jvp: (u: FactorPair<HostArray>) => {
            if (++products === 4) controller.abort('enough');
            return around.jvp(u);
          },
        };
      },
    };
    const aborted = await minimize(slow, { solver: levenbergMarquardt({ kappa: 1e-9 }), seed: 2, signal: controller.signal });
    expect(aborted.stopReason).toBe('aborted after iteration 0: enough');
    expect(products).toBeLessThan(7);
  });

  it('refuses problems without residuals, and options out of range', async () => {
    const plain: Problem<HostArray, HostArray> = {
      manifold: euclidean({ shape: [2] }),
      cost: (x) => host.norm(x),
      gradient: { kind: 'ambient', at: (x) => x },
    };
    await expect(minimize(plain, { solver: levenbergMarquardt() })).rejects.toThrow(
      /^levenbergMarquardt: expected a problem with residuals.*leastSquares/,
    );
    for (const options of [{ initialDamping: -1 }, { acceptance: 1 }, { kappa: 1 }, { theta: -1 }, { maxInner: 0 }, { damping: 1 }])
      expect(() => levenbergMarquardt(options as LevenbergMarquardtOptions)).toThrow(ConfigError);
  });
});

describe.each(tensorEngines)('device memory on %s', (_name, la) => {
  it('keeps the state alone', async () => {
    const problem = completion(la as unknown as LinearAlgebra<object>);
    const initial = la.tidy(() => problem.manifold.randomPoint(seededRandom(3)));
    const before = liveTensors();
    const { state } = await minimize(problem, { solver: levenbergMarquardt(), initial, stop: maxIterations(4) });
    expect(Object.keys(state.memory.levenbergMarquardt.tangents)).toEqual([]);
    // Point and gradient, two arrays each.
    expect(liveTensors()).toBe(before + 4);
  });
});
