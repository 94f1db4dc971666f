/**
 * Variance reduction on finite sums: linear convergence at a constant step, the batches it sees, resumption,
 * interruption, device memory.
 */

import {
  any,
  balancedFactors,
  ConfigError,
  constantStep,
  type FactorPair,
  gradientDescent,
  grassmann,
  type LinearAlgebra,
  maxIterations,
  minimize,
  type Problem,
  relativeGradientNormBelow,
  seededRandom,
  svrg,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { allEngines, hostEngines, liveTensors, tensorEngines } from '../support/engines.js';
import { geometric, withSingularValues } from '../support/matrices.js';
import { quarticBowl } from './second-order-problems.js';

const [m, n, rank, terms] = [12, 8, 2, 20];

/**
 * The mean over batch members b of ½‖AB − Z_b‖², Z_b = Z + noise: a batch is a list of indices. Its minimizer is the
 * best approximation of the mean of the Z_b.
 */
function noisyApproximation<M>(la: LinearAlgebra<M>) {
  const random = seededRandom(2);
  const { values } = withSingularValues(3, m, n, geometric(n, 0.05));
  const targets = la.tidy(() =>
    Array.from({ length: terms }, () => la.axpy(0.2, la.randomNormal([m, n], random), la.fromArray(values, [m, n]))),
  );
  const manifold = balancedFactors({ m, n, rank, algebra: la });
  type Pair = FactorPair<M>;
  const residual = (x: Pair, b: number): M => la.subtract(la.matmul(x.A, x.B), targets[b]);
  const seen: (readonly number[])[] = [];
  const problem: Problem<M, Pair, Pair, Pair, unknown, readonly number[]> = {
    manifold: manifold as never,
    async cost(x, batch) {
      let sum = 0;
      for (const b of batch) sum += 0.5 * (await la.norm(residual(x, b))) ** 2;
      return sum / batch.length;
    },
    gradient: {
      kind: 'ambient',
      at(x, batch) {
        seen.push(batch);
        return batch.map((b) => residual(x, b)).reduce((sum, next) => la.axpy(1 / batch.length, next, sum), la.full([m, n], 0));
      },
    },
    nextBatch: (k) => {
      const draw = seededRandom(1000 + k);
      return [Math.floor(terms * draw.uniform()), Math.floor(terms * draw.uniform())];
    },
    wholeBatch: () => Array.from({ length: terms }, (_, b) => b),
  };
  return { problem, targets, seen, manifold };
}

describe.each(allEngines)('on %s', (_engine, la: LinearAlgebra<unknown>) => {
  it('converges at a constant step, which plain stochastic gradients do not', async () => {
    const { problem, targets } = noisyApproximation(la);
    await la.tidy(async () => {
      const target = la.epsilon < 1e-10 ? 1e-8 : 1e-4;
      const solver = svrg({ innerSteps: 2 * terms, stepSize: 0.1 });
      const { stopReason, history } = await minimize(problem, {
        solver,
        seed: 3,
        stop: any(relativeGradientNormBelow(target), maxIterations(60)),
      });
      expect(stopReason).toMatch(/gradient norm .* × the initial/);
      expect(history[0].gradientNorm).toBeGreaterThan(1e-2);
      const { state } = await minimize(problem, {
        solver: gradientDescent({ stepSize: constantStep(0.1) }),
        seed: 3,
        stop: maxIterations(2 * terms * history.length),
      });
      expect(await problem.cost(state.x, problem.wholeBatch?.() as readonly number[])).toBeGreaterThan(
        (history.at(-1)?.cost as number) + 1e-3,
      );
    });
    for (const target of targets) la.dispose(target);
  });
});

describe.each(hostEngines)('on %s', (_engine, la) => {
  it('an epoch sees the whole sum once, and each step’s batch at its own point and at the start', async () => {
    const { problem, seen } = noisyApproximation(la);
    const solver = svrg({ innerSteps: 5, stepSize: 0.1 });
    await minimize(problem, { solver, seed: 3, stop: maxIterations(2) });
    const [whole, ...batches] = [problem.wholeBatch?.(), ...[1, 2, 3, 4, 6, 7, 8, 9].map((k) => problem.nextBatch?.(k))];
    const twice = batches.flatMap((batch) => [batch, batch]);
    expect(seen).toEqual([whole, ...twice.slice(0, 8), whole, ...twice.slice(8), whole]);
  });

  it('with batches that are the whole sum it is gradient descent', async () => {
    const { problem } = noisyApproximation(la);
    const everything = { ...problem, nextBatch: () => problem.wholeBatch?.() as readonly number[] };
    const reduced = await minimize(everything, { solver: svrg({ innerSteps: 4, stepSize: 0.1 }), seed: 3, stop: maxIterations(5) });
    const plain = await minimize(everything, {
      solver: gradientDescent({ stepSize: constantStep(0.1) }),
      seed: 3,
      stop: maxIterations(20),
    });
    // Transport to and from a point is the identity up to second order only: the correction vanishes here but for
    // rounding.
    const plainCost = (await problem.cost(plain.x, everything.nextBatch())) as number;
    expect(reduced.cost as number).toBeAllClose(plainCost, 1e-6);
  });

  it('works where tangents are projected: the mean of subspaces', async () => {
    const manifold = grassmann({ m, rank, algebra: la });
    const random = seededRandom(6);
    const centre = la.qr(la.randomNormal([m, rank], random)).Q;
    const bases = Array.from({ length: terms }, () => la.qr(la.axpy(0.3, la.randomNormal([m, rank], random), centre)).Q);
    const image = (x: typeof centre, batch: readonly number[]) =>
      batch.reduce(
        (sum, b) => la.axpy(-1 / batch.length, la.matmul(bases[b], la.matmul(bases[b], x, { transposeA: true })), sum),
        la.full([m, rank], 0),
      );
    const problem = {
      manifold,
      cost: (x: typeof centre, batch: readonly number[]) => 0.5 * (la.inner(x, image(x, batch)) as number),
      gradient: { kind: 'ambient' as const, at: image },
      nextBatch: (k: number) => [(7 * k) % terms],
      wholeBatch: () => Array.from({ length: terms }, (_, b) => b),
    };
    const solver = svrg({ innerSteps: 3 * terms, stepSize: (epoch) => 0.3 * 0.99 ** epoch });
    const { converged } = await minimize(problem, { solver, seed: 1, stop: any(relativeGradientNormBelow(1e-8), maxIterations(60)) });
    expect(converged).toBe(true);
  });

  it('resumes from a state that was stored', async () => {
    const { problem } = noisyApproximation(la);
    const solver = svrg({ innerSteps: 7, stepSize: 0.1 });
    const whole = await minimize(problem, { solver, seed: 3, stop: maxIterations(6) });
    const half = await minimize(problem, { solver, seed: 3, stop: maxIterations(2) });
    const rest = await minimize(problem, { solver, state: structuredClone(half.state), stop: maxIterations(6) });
    expect(rest.cost).toBe(whole.cost);
  });

  it('a signal is honoured within an epoch, which is then not taken', async () => {
    const { problem, seen } = noisyApproximation(la);
    const controller = new AbortController();
    const watched = {
      ...problem,
      nextBatch: (k: number) => {
        if (k === 50) controller.abort('enough');
        return problem.nextBatch?.(k) as readonly number[];
      },
    };
    const solver = svrg({ innerSteps: 1e6, stepSize: 0.01 });
    const { stopReason, iterations } = await minimize(watched, { solver, seed: 3, signal: controller.signal });
    expect(stopReason).toBe('aborted after iteration 0: enough');
    expect(iterations).toBe(0);
    expect(seen).toHaveLength(1 + 2 * 50);
  });

  it('refuses problems that are no finite sum, and options out of range', async () => {
    const solver = svrg({ innerSteps: 5, stepSize: 0.1 });
    await expect(minimize(quarticBowl(la), { solver })).rejects.toThrow(/svrg: the problem is no finite sum; state wholeBatch/);
    await expect(minimize({ ...quarticBowl(la), wholeBatch: () => undefined }, { solver })).rejects.toThrow(/wholeBatch.*beside nextBatch/);
    const { problem } = noisyApproximation(la);
    await expect(minimize(problem, { solver: svrg({ innerSteps: 5, stepSize: () => Number.NaN }) })).rejects.toThrow(/schedule gave NaN/);
    expect(() => svrg({ innerSteps: 5, stepSize: 0 })).toThrow(ConfigError);
    expect(() => svrg({ innerSteps: 5 } as never)).toThrow(ConfigError);
  });
});

describe.each(tensorEngines)('device memory on %s', (_name, la) => {
  it('does not grow with the steps of an epoch, and after a run is the state', async () => {
    const { problem, targets, manifold } = noisyApproximation(la);
    const initial = la.tidy(() => manifold.randomPoint(seededRandom(3)));
    const before = liveTensors();
    const counts: number[] = [];
    const watched = {
      ...problem,
      nextBatch: (k: number) => {
        counts.push(liveTensors() - before);
        return problem.nextBatch?.(k) as readonly number[];
      },
    };
    await minimize(watched, { solver: svrg({ innerSteps: 100, stepSize: 0.05 }), initial, stop: maxIterations(2) });
    expect(counts).toHaveLength(2 * 99);
    // The first epoch begins with what the whole sum at the start allocated.
    for (const epoch of [counts.slice(0, 99), counts.slice(99)]) expect(Math.max(...epoch) - Math.min(...epoch)).toBeLessThan(10);
    expect(Math.max(...counts.slice(99))).toBeLessThan(40);
    expect(liveTensors()).toBe(before + 4);
    for (const target of targets) target.dispose();
  });
});
