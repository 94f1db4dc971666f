/** Constraints: points and multipliers of problems with known solutions, on all engines, and what is said otherwise. */
import {
  augmentedLagrangian,
  ConfigError,
  type ConstrainedProblem,
  euclidean,
  gradientDescent,
  type HostArray,
  hostAlgebra,
  type LinearAlgebra,
  levenbergMarquardt,
  minimize,
  objective,
  polakRibiere,
  polynomialSearch,
  projectedLbfgs,
  ShapeError,
  seededRandom,
  sphere,
  stiefel,
  trustRegions,
  type VectorFunction,
} from 'bures';
import { autodiffVector } from 'bures/autodiff';
import { checkHessian } from 'bures/diagnostics';
import { describe, expect, it } from 'vitest';
import { augmentedTerms } from '../../src/solvers/constraints/constrained-problem.js';
import { allEngines, liveTensors, tensorEngines } from '../support/engines.js';
import { withEigenvalues } from '../support/matrices.js';

const host = hostAlgebra({ blas: 'off' });

/** −½xᵀAx on the sphere, orthogonal to two given vectors: an eigenvector of A in their complement. */
function deflated<M>(la: LinearAlgebra<M>) {
  const A = la.fromArray(withEigenvalues(3, [5, 4, 2, 1, 0.5]).values, [5, 5]);
  const C = la.randomNormal([5, 2], seededRandom(7));
  const problem: ConstrainedProblem<M, M> = {
    manifold: sphere({ shape: [5, 1], algebra: la }),
    cost: async (x) => -0.5 * (await la.inner(x, la.matmul(A, x))),
    gradient: { kind: 'ambient', at: (x) => la.scale(-1, la.matmul(A, x)) },
    equality: {
      at: (x) => la.matmul(C, x, { transposeA: true }),
      vjp: { kind: 'ambient', at: (_x, w) => la.matmul(C, w) },
    },
  };
  return { A, C, problem };
}

/** ½‖x − a‖² over the simplex: Σx = 1, x ≥ 0. */
function simplex<M>(la: LinearAlgebra<M>, target: readonly number[], withBounds: boolean): ConstrainedProblem<M, M> {
  const n = target.length;
  const [a, ones] = [la.fromArray(target, [n, 1]), la.full([n, 1], 1)];
  return {
    manifold: euclidean({ shape: [n, 1], algebra: la }),
    cost: async (x) => 0.5 * (await la.norm(la.subtract(x, a))) ** 2,
    gradient: { kind: 'ambient', at: (x) => la.subtract(x, a) },
    equality: {
      at: (x) => la.subtract(la.matmul(ones, x, { transposeA: true }), la.full([1, 1], 1)),
      vjp: { kind: 'ambient', at: (_x, w) => la.matmul(ones, w) },
    },
    ...(!withBounds && {
      inequality: { at: (x: M) => la.scale(-1, x), vjp: { kind: 'ambient' as const, at: (_x: M, w: M) => la.scale(-1, w) } },
    }),
  };
}

/** The projection onto the simplex, by its threshold. */
function ontoSimplex(a: readonly number[]): { readonly x: readonly number[]; readonly threshold: number } {
  const sorted = [...a].sort((p, q) => q - p);
  let threshold = 0;
  let sum = 0;
  sorted.forEach((value, k) => {
    sum += value;
    if (value - (sum - 1) / (k + 1) > 0) threshold = (sum - 1) / (k + 1);
  });
  return { x: a.map((value) => Math.max(0, value - threshold)), threshold };
}

const target = [0.9, -0.4, 0.5, 0.3, -1, 0.05];
const toleranceOf = (la: { readonly epsilon: number }): number => (la.epsilon < 1e-10 ? 1e-8 : 1e-3);

describe.each(allEngines)('on %s', (_engine, la) => {
  it('equalities on the sphere: the eigenvector of the complement, with its multipliers', async () => {
    await la.tidy(async () => {
      const { A, C, problem } = deflated(la);
      const tolerance = toleranceOf(la);
      const { x, multipliers, residuals, converged, stopReason } = await augmentedLagrangian(problem, { seed: 1, tolerance });
      expect(converged, stopReason).toBe(true);
      expect(residuals.equality).toBeLessThanOrEqual(tolerance);
      expect(multipliers.inequality).toBeUndefined();
      // The KKT conditions by hand: −Ax + Cγ is normal to the sphere.
      const gradient = la.subtract(la.matmul(C, multipliers.equality as never), la.matmul(A, x));
      const along = await la.inner(x, gradient);
      expect(await la.norm(la.axpy(-along, x, gradient))).toBeLessThan(4 * tolerance);
      // The largest eigenvalue of PAP, P the projection off C.
      const { Q } = la.qr(C);
      const off = (Z: typeof A): typeof A => la.subtract(Z, la.matmul(Q, la.matmul(Q, Z, { transposeA: true })));
      const values = await la.toArray(la.eigh(off(la.transpose(off(A)))).values);
      expect(Math.abs(along + values[4])).toBeLessThan(100 * tolerance);
    });
  });

  it('equality and inequality: the projection onto the simplex, with its threshold as multiplier', async () => {
    await la.tidy(async () => {
      const tolerance = toleranceOf(la);
      const run = await augmentedLagrangian(simplex(la, target, false), { initial: la.full([6, 1], 0), tolerance });
      expect(run.converged, run.stopReason).toBe(true);
      const { x, threshold } = ontoSimplex(target);
      expect(await la.toArray(run.x)).toBeAllClose(x, 10 * tolerance);
      expect(await la.toArray(run.multipliers.equality as never)).toBeAllClose([threshold], 10 * tolerance);
      expect(await la.toArray(run.multipliers.inequality as never)).toBeAllClose(
        target.map((a) => Math.max(0, threshold - a)),
        10 * tolerance,
      );
    });
  });
});

describe('augmentedLagrangian', () => {
  it.each([
    ['trust regions', trustRegions()],
    ['conjugate gradients', gradientDescent({ direction: polakRibiere() })],
  ])('takes %s as its solver', async (_name, solver) => {
    const run = await augmentedLagrangian(simplex(host, target, false), { solver, initial: host.full([6, 1], 0) });
    expect(run.converged, run.stopReason).toBe(true);
    expect(run.x).toBeAllClose(ontoSimplex(target).x, 1e-5);
  });

  it('says where the Hessian products of its solver are differences', async () => {
    const { solver } = await augmentedLagrangian(simplex(host, target, false), { solver: trustRegions(), maxIterations: 1 });
    expect(solver).toMatch(/differences of gradients/);
  });

  it('trust regions have exact products where cost and constraints state theirs, of any kind', async () => {
    const A = host.fromArray(withEigenvalues(3, [5, 4, 2, 1, 0.5]).values, [5, 5]);
    // Σ xᵢ⁴ = 0.35, and x₁² ≤ 0.1.
    const one = host.full([1, 1], 1);
    const cube = (x: HostArray): HostArray => host.multiply(x, host.multiply(x, x));
    const first = host.fromArray([1, 0, 0, 0, 0], [5, 1]);
    const stated: ConstrainedProblem<HostArray, HostArray> = {
      manifold: sphere({ shape: [5, 1] }),
      cost: (x) => -0.5 * host.inner(x, host.matmul(A, x)),
      gradient: { kind: 'ambient', at: (x) => host.scale(-1, host.matmul(A, x)) },
      hessian: { kind: 'ambient', at: (_x, u) => host.scale(-1, host.matmul(A, u)) },
      equality: {
        at: (x) => host.axpy(-0.35, one, host.matmul(cube(x), x, { transposeA: true })),
        jvp: (x, u) => host.scale(4, host.matmul(cube(x), u, { transposeA: true })),
        vjp: { kind: 'ambient', at: (x, w) => host.scale(4 * host.toArray(w)[0], cube(x)) },
        hessian: {
          kind: 'ambient',
          at: (x, u, w) => host.scale(12 * host.toArray(w)[0], host.multiply(host.multiply(x, x), u)),
        },
      },
      inequality: autodiffVector(host, (ops, x: HostArray) =>
        ops.subtract(ops.multiply(first, ops.multiply(x, x)), host.full([5, 1], 0.1)),
      ),
    };
    const { equality: _equality, inequality: _inequality, ...free } = stated;
    const terms = augmentedTerms(stated, objective(free));
    const x = host.fromArray([0.8, 0.3, -0.2, 0.4, Math.sqrt(1 - 0.93)], [5, 1]);
    const multipliers = { equality: host.full([1, 1], -0.7), inequality: host.fromArray([0.4, 0, 0.3, 0.2, 0.1], [5, 1]) };
    const check = await checkHessian(terms.problem(multipliers, 3), { x });
    expect(check.ok, check.verdict).toBe(true);
    const options = { solver: trustRegions(), initial: x, tolerance: 1e-8 };
    const exact = await augmentedLagrangian(stated, options);
    expect(exact.converged, exact.stopReason).toBe(true);
    expect(exact.solver).toBe('trustRegions');
    const { hessian: _hessian, ...equality } = stated.equality as NonNullable<typeof stated.equality>;
    const differences = await augmentedLagrangian({ ...stated, equality }, options);
    expect(differences.solver).toMatch(/differences of gradients/);
    expect(exact.x).toBeAllClose(differences.x, 1e-6);
  });

  it('takes bounds exactly beside constraints, by projectedLbfgs', async () => {
    const { x, converged, stopReason } = await augmentedLagrangian(simplex(host, target, true), {
      solver: projectedLbfgs({ lower: 0 }),
      initial: host.full([6, 1], 0),
    });
    expect(converged, stopReason).toBe(true);
    expect(Math.min(...host.toArray(x))).toBe(0);
    expect(x).toBeAllClose(ontoSimplex(target).x, 1e-5);
  });

  it('nonnegative principal components on Stiefel, by automatic differentiation', async () => {
    const A = host.fromArray(withEigenvalues(5, [6, 3, 2, 1, 0.4, 0.2, 0.1]).values, [7, 7]);
    const problem: ConstrainedProblem<HostArray, HostArray> = {
      manifold: stiefel({ m: 7, rank: 2 }),
      cost: (x) => -0.5 * host.inner(x, host.matmul(A, x)),
      gradient: { kind: 'ambient', at: (x) => host.scale(-1, host.matmul(A, x)) },
      inequality: autodiffVector(host, (ops, x: HostArray) => ops.scale(-1, x)),
    };
    const { x, residuals, converged, stopReason, multipliers } = await augmentedLagrangian(problem, { seed: 4 });
    expect(converged, stopReason).toBe(true);
    expect(residuals.kkt).toBeLessThanOrEqual(1e-6);
    expect(Math.min(...host.toArray(x))).toBeGreaterThan(-1e-6);
    expect(Math.min(...host.toArray(multipliers.inequality as HostArray))).toBeGreaterThanOrEqual(0);
  });

  it('starts again from its multipliers and penalty at once', async () => {
    const problem = simplex(host, target, false);
    const first = await augmentedLagrangian(problem, { initial: host.full([6, 1], 0) });
    const { x: initial, multipliers, penalty } = first;
    const again = await augmentedLagrangian(problem, { initial, multipliers, penalty });
    expect(again.converged).toBe(true);
    expect(again.iterations).toBeLessThanOrEqual(2);
  });

  it('does not depend on a multiplier being small', async () => {
    const stated = simplex(host, target, false);
    const stiff: typeof stated = {
      ...stated,
      cost: async (x) => 1e4 * (await stated.cost(x, undefined)),
      gradient: { kind: 'ambient', at: async (x) => host.scale(1e4, (await stated.gradient.at(x, undefined)) as HostArray) },
    };
    const run = await augmentedLagrangian(stiff, { initial: host.full([6, 1], 0), tolerance: 1e-5 });
    expect(run.converged, run.stopReason).toBe(true);
    // A violation of 1e-5 is that many units of the cost's curvature, 1e4.
    const [multiplier] = host.toArray(run.multipliers.equality as HostArray);
    expect(Math.abs(multiplier / (1e4 * ontoSimplex(target).threshold) - 1)).toBeLessThan(1e-4);
  });

  it('says that constraints contradict one another, and where their violation is least', async () => {
    // x ≤ −1 and x ≥ 1 in every entry: the violation is least, and the same, in between.
    const problem: ConstrainedProblem<HostArray, HostArray> = {
      ...simplex(host, [0.3, 0.2], false),
      inequality: {
        at: (x) => host.concat([host.add(x, host.full([2, 1], 1)), host.subtract(host.full([2, 1], 1), x)], 'rows'),
        vjp: { kind: 'ambient', at: (_x, w) => host.subtract(host.slice(w, { rows: [0, 2] }), host.slice(w, { rows: [2, 4] })) },
      },
    };
    const { equality: _none, ...inequalityOnly } = problem;
    const { converged, stopReason, x, residuals } = await augmentedLagrangian(inequalityOnly, { seed: 1 });
    expect(converged).toBe(false);
    expect(stopReason).toMatch(/^the constraints cannot be met near this point: their violation stays at 2\.00e\+0 while the penalty grew/);
    expect(x).toBeAllClose([0, 0], 1e-3);
    expect(residuals.inequality).toBeCloseTo(2, 5);
  });

  it('an equality that no point of the sphere fulfils is said to be unmet, at the nearest point', async () => {
    const { problem } = deflated(host);
    const c = host.fromArray([0.6, 0.8, 0, 0, 0], [5, 1]);
    const { x, converged, stopReason, residuals } = await augmentedLagrangian(
      {
        ...problem,
        equality: {
          at: (y) => host.subtract(host.matmul(c, y, { transposeA: true }), host.full([1, 1], 2)),
          vjp: { kind: 'ambient', at: (_y, w) => host.matmul(c, w) },
        },
      },
      { seed: 1 },
    );
    expect(converged).toBe(false);
    expect(stopReason).toMatch(/^the constraints cannot be met near this point: their violation stays at 1\.00e\+0/);
    expect(host.inner(x, c)).toBeCloseTo(1, 6);
    expect(residuals.equality).toBeCloseTo(1, 6);
  });

  // The penalty begins at 10 at most, and has yet to outgrow such a cost when the violation has stayed for long.
  it.each([1e4, 1e8, 1e10])('constraints that can be met are met, whatever the units of the cost (%d)', async (scale) => {
    const [c, ones] = [host.fromArray([1, 2, 3], [3]), host.fromArray([1, 1, 1], [3])];
    const sum = (sign: number): VectorFunction<HostArray, HostArray, HostArray, HostArray> => ({
      at: (x) => host.full([1], sign * host.inner(ones, x)),
      vjp: { kind: 'ambient', at: (_x, w) => host.scale(sign * host.toArray(w)[0], ones) },
    });
    const problem = {
      manifold: sphere({ shape: [3] }),
      cost: (x: HostArray) => scale * host.inner(c, x),
      gradient: { kind: 'ambient', at: () => host.scale(scale, c) },
    } as const;
    for (const constraint of [{ equality: sum(1) }, { inequality: sum(-1) }]) {
      const tolerance = 1e-6 * Math.max(1, scale / 1e7);
      const { x, converged, stopReason } = await augmentedLagrangian({ ...problem, ...constraint }, { seed: 1, tolerance });
      expect(converged, stopReason).toBe(true);
      expect(x).toBeAllClose([Math.SQRT1_2, 0, -Math.SQRT1_2], 1e-3);
    }
  });

  it('constraints that repeat one another, and ones of very different units, are met all the same', async () => {
    const stated = simplex(host, target, false);
    const { equality } = stated;
    const rows = host.fromRows([[1], [1], [100]]);
    const repeated: typeof stated = {
      ...stated,
      equality: {
        at: async (x) => host.matmul(rows, (await equality?.at(x)) as HostArray),
        vjp: { kind: 'ambient', at: (x, w) => equality?.vjp.at(x, host.matmul(rows, w, { transposeA: true })) as HostArray },
      },
    };
    const run = await augmentedLagrangian(repeated, { initial: host.full([6, 1], 0) });
    expect(run.converged, run.stopReason).toBe(true);
    expect(run.x).toBeAllClose(ontoSimplex(target).x, 1e-5);
    // The multipliers are not unique; what they add up to is.
    const sum = host.inner(rows, run.multipliers.equality as HostArray);
    expect(sum).toBeCloseTo(ontoSimplex(target).threshold, 4);
  });

  it.each([0.05, 1e-6])(
    'does not converge at a point that the manifold refuses, and goes on from none: tolerance %d',
    async (tolerance) => {
      const unit = sphere({ shape: [3] });
      const e1 = host.fromArray([1, 0, 0], [3]);
      const half = (x: HostArray) => host.scale(0.5, x);
      const broken = {
        ...unit,
        retract: (x: HostArray, u: HostArray, t = 1) => half(unit.retract(x, u, t)),
        retractTransport(x: HostArray, u: HostArray, t = 1) {
          const step = unit.retractTransport(x, u, t);
          return { ...step, point: half(step.point) };
        },
      };
      const problem: ConstrainedProblem<HostArray, HostArray> = {
        manifold: broken,
        cost: () => 0,
        gradient: { kind: 'ambient', at: (x) => host.scale(0, x) },
        equality: {
          at: (x) => host.fromArray([host.inner(e1, x)], [1]),
          vjp: { kind: 'ambient', at: (_x, w) => host.scale(host.total(w), e1) },
        },
      };
      const run = await augmentedLagrangian(problem, { initial: host.fromArray([0.6, 0.8, 0], [3]), tolerance });
      expect(run.converged).toBe(false);
      expect(run.stopReason).toMatch(/^KKT residual .* at a point that the manifold refuses: .*/);
    },
  );

  it('hands the preconditioner to its solver, and what belongs to the cost alone to none', async () => {
    const { problem } = deflated(host);
    let calls = 0;
    const at = (_x: HostArray, u: HostArray): HostArray => {
      calls++;
      return host.scale(0.5, u);
    };
    const initial = host.fromArray([0.6, 0.8, 0, 0, 0], [5, 1]);
    const { converged } = await augmentedLagrangian({ ...problem, preconditioner: { at } }, { solver: trustRegions(), initial });
    expect(converged).toBe(true);
    expect(calls).toBeGreaterThan(0);
    const stated = { ...problem, costAlong: () => [0, 0, 1], linearize: () => ({}) as never };
    for (const solver of [gradientDescent({ stepSize: polynomialSearch() }), levenbergMarquardt()])
      await expect(augmentedLagrangian(stated, { solver, initial })).rejects.toThrow(ConfigError);
  });

  it('ends on a signal and at its limit, with a history', async () => {
    const controller = new AbortController();
    const steps: number[] = [];
    const aborted = await augmentedLagrangian(simplex(host, target, false), {
      initial: host.full([6, 1], 0),
      signal: controller.signal,
      onIteration: ({ iteration, x }) => {
        steps.push(host.shape(x)[0]);
        if (iteration === 2) controller.abort('enough');
      },
    });
    expect(aborted.stopReason).toMatch(/^aborted after iteration [23]: enough$/);
    expect(steps.length).toBe(aborted.iterations);
    const limited = await augmentedLagrangian(simplex(host, target, false), { maxIterations: 1 });
    expect(limited.stopReason).toMatch(/^reached 1 iterations, at a KKT residual of/);
    expect(limited.history).toHaveLength(1);
    expect(limited.innerIterations).toBe(limited.history[0].innerIterations);
  });

  it('refuses what it cannot solve; minimize does not pass over constraints', async () => {
    const problem = simplex(host, target, false);
    const { equality: _equality, inequality: _inequality, ...free } = problem;
    await expect(augmentedLagrangian(free)).rejects.toThrow(/^augmentedLagrangian: expected a problem with equality or inequality/);
    await expect(augmentedLagrangian({ ...problem, nextBatch: () => undefined })).rejects.toThrow(
      /^augmentedLagrangian: the cost must be deterministic/,
    );
    await expect(augmentedLagrangian({ ...problem, equality: (() => 0) as never })).rejects.toThrow(
      /^augmentedLagrangian: equality must be a vector-valued function/,
    );
    await expect(augmentedLagrangian({ ...problem, inequality: { at: () => 0, vjp: () => 0 } as never })).rejects.toThrow(
      /^augmentedLagrangian: inequality\.vjp must be/,
    );
    const halves = { equality: host.full([1, 1], 0) };
    await expect(augmentedLagrangian(problem, { multipliers: halves })).rejects.toThrow(
      /^augmentedLagrangian: multipliers\.inequality must be an array, got nothing/,
    );
    await expect(augmentedLagrangian(problem, { multipliers: { ...halves, inequality: host.full([5, 1], 0) } })).rejects.toThrow(
      ShapeError,
    );
    await expect(augmentedLagrangian(problem, { onIteration: 3 as never })).rejects.toThrow(ConfigError);
    await expect(augmentedLagrangian(problem, { penalty: 0 })).rejects.toThrow(ConfigError);
    await expect(minimize(problem)).rejects.toThrow(/^minimize: problem: '(in)?equality' would be ignored; call augmentedLagrangian/);
  });
});

describe.each(tensorEngines)('device memory on %s', (_name, la) => {
  it('keeps point and multipliers alone', async () => {
    const problem = simplex(la as unknown as LinearAlgebra<object>, target, false);
    const initial = la.tidy(() => problem.manifold.randomPoint(seededRandom(3)));
    const before = liveTensors();
    const { multipliers } = await augmentedLagrangian(problem, { initial, maxIterations: 3, innerIterations: 5 });
    expect(Object.keys(multipliers)).toEqual(['equality', 'inequality']);
    // The constants of the problem were made before.
    expect(liveTensors()).toBe(before + 3);
  });
});
