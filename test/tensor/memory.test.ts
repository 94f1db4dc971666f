/**
 * Who frees tensors: scopes of synchronous and asynchronous computations, the descent loop however it ends, and
 * operations that fail.
 */

import { add, dispose, getBackend, keep, setBackend, type Tensor, tensor, tidy, variable, zeros } from '@tensorflow/tfjs-core';
import { inverseSqrtSpd } from 'bures';
import { describe, expect, it } from 'vitest';
import { mapTree } from '../../src/core/tree.js';
import {
  adam,
  armijo,
  BuresError,
  balancedFactors,
  ConfigError,
  clipped,
  constantStep,
  csrFromTriplets,
  type FactorPair,
  fixedRank,
  gradientDescent,
  iterate,
  type LinearAlgebra,
  type Manifold,
  maxIterations,
  minimize,
  type Problem,
  perPoint,
  polakRibiere,
  quotientFactors,
  seededRandom,
} from '../../src/index.js';
import { tensorAlgebra } from '../../src/linalg/tensor/index.js';
import { balanceGap } from '../../src/retractions/balance-gap.js';
import { liveTensors, tensorEngines } from '../support/engines.js';

type Pair = FactorPair<Tensor>;

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe.each(tensorEngines)('on %s', (_name, la) => {
  const manifold = balancedFactors({ m: 6, n: 5, rank: 2, algebra: la });
  const leavesOfPoint = 2;
  const leavesOfState = 2 * leavesOfPoint;

  /** ½‖X − Z‖² with a cached residual; the target is the caller's to free. */
  function problemTo(target: Tensor): Problem<Tensor, Pair, Pair, Pair, Tensor> {
    const residual = perPoint((x: Pair) => la.subtract(manifold.toMatrix(x), target));
    return {
      manifold,
      cost: async (x) => 0.5 * (await la.inner(residual(x, undefined), residual(x, undefined))),
      gradient: { kind: 'ambient', at: (x) => residual(x, undefined) },
    } as Problem<Tensor, Pair, Pair, Pair, Tensor>;
  }

  const target = (): Tensor => la.tidy(() => manifold.toMatrix(manifold.randomPoint(seededRandom(7))));

  describe('tidy', () => {
    it('frees what a computation allocates, except its result', () => {
      const before = liveTensors();
      const { a, list } = la.tidy(() => {
        const x = la.full([2, 3], 1);
        return { a: la.add(x, x), list: [la.scale(2, x)] };
      });
      expect(liveTensors()).toBe(before + 2);
      dispose([a, ...list]);
      expect(liveTensors()).toBe(before);
    });

    it('does so across awaits, for what TensorFlow.js itself allocates too', async () => {
      const before = liveTensors();
      const result = await la.tidy(async () => {
        const x = la.full([2, 3], 1);
        await later();
        const y = add(x, 1);
        await later();
        return new Map([['y', add(y, x)]]);
      });
      expect(liveTensors()).toBe(before + 1);
      dispose(result.get('y') as Tensor);
    });

    it('keeps interleaved computations apart', async () => {
      const before = liveTensors();
      const run = (value: number) =>
        la.tidy(async () => {
          let x = la.full([2, 3], value);
          for (let k = 0; k < 5; k++) {
            await later();
            x = la.add(x, la.full([2, 3], value));
          }
          return x;
        });
      const [a, b] = await Promise.all([run(1), la.tidy(async () => run(2))]);
      expect(await la.toArray(a)).toEqual(new Float64Array(6).fill(6));
      expect(await la.toArray(b)).toEqual(new Float64Array(6).fill(12));
      expect(liveTensors()).toBe(before + 2);
      dispose([a, b]);
    });

    it('frees everything where a computation fails, now or later', async () => {
      const before = liveTensors();
      const fail = (): never => {
        la.full([3, 2], 1);
        throw new Error('as expected');
      };
      expect(() => la.tidy(fail)).toThrow('as expected');
      await expect(la.tidy(async () => later().then(fail))).rejects.toThrow('as expected');
      expect(liveTensors()).toBe(before);
    });

    it('hands results to the tidy around it, whoever opened it, and spares what is kept', async () => {
      const before = liveTensors();
      tidy(() => {
        la.tidy(() => la.full([2, 3], 1));
      });
      await la.tidy(async () => {
        await later();
        await la.tidy(async () => la.full([2, 3], 1));
      });
      expect(liveTensors()).toBe(before);
      const kept = la.tidy(() => [la.keep(la.full([2, 3], 1))].map(() => undefined));
      expect(kept).toEqual([undefined]);
      expect(liveTensors()).toBe(before + 1);
    });
  });

  describe('the descent loop', () => {
    const solvers = {
      'armijo, conjugate': gradientDescent({ direction: polakRibiere(), stepSize: armijo() }),
      constant: gradientDescent({ stepSize: constantStep(0.1) }),
    };
    it.each(Object.entries(solvers))('%s: after minimize only the final state is left', async (_solver, solver) => {
      const goal = target();
      const before = liveTensors();
      const { state, x } = await minimize(problemTo(goal), { solver, stop: maxIterations(7) });
      const memory = Object.values(state.memory).flatMap(({ tangents }) => Object.values(tangents)).length;
      expect(liveTensors()).toBe(before + leavesOfState + 2 * memory);
      expect(x.A.isDisposed).toBe(false);
      await la.tidy(() => minimize(problemTo(goal), { solver, state, stop: maxIterations(9) }).then(() => undefined));
      expect(x.A.isDisposed, 'a state given to a run is the caller’s').toBe(false);
      goal.dispose();
    });

    it('what it allocates does not grow with the steps, and a start given to it lives on', async () => {
      const goal = target();
      const initial = manifold.randomPoint(seededRandom(3));
      const before = liveTensors();
      const counts: number[] = [];
      const held: Tensor[] = [];
      for await (const { iteration, state } of iterate(problemTo(goal), { initial, solver: solvers.constant })) {
        counts.push(liveTensors() - before);
        if (iteration === 2) held.push(la.keep(state.x.A));
        if (iteration === 6) break;
      }
      // The state, the one before and, from iteration 4 on, the array that was kept from one that is gone.
      expect(counts.slice(4)).toEqual([9, 9, 9]);
      expect(held[0].isDisposed || initial.A.isDisposed || initial.B.isDisposed).toBe(false);
      expect(liveTensors()).toBe(before + leavesOfState + 1);
      goal.dispose();
    });

    it('is empty-handed after divergence, breakdown and abort, but for the state returned', async () => {
      const goal = target();
      const problem = problemTo(goal);
      let evaluations = 0;
      const diverging = { ...problem, cost: async (x: Pair) => (++evaluations > 3 ? Number.NaN : problem.cost(x, undefined)) };
      const controller = new AbortController();
      const before = liveTensors();
      for (const [tried, options] of [
        [diverging, {}],
        [problem, { signal: controller.signal, onIteration: () => controller.abort('enough') }],
      ] as const) {
        await la.tidy(async () => {
          const { x, converged } = await minimize(tried, { solver: solvers.constant, stop: maxIterations(20), ...options });
          expect(converged).toBe(false);
          expect((await la.toArray(x.A)).every(Number.isFinite)).toBe(true);
        });
        expect(liveTensors()).toBe(before);
      }
      const broken = { ...problem, cost: () => Promise.reject(new Error('as expected')) };
      await expect(minimize(broken)).rejects.toThrow('as expected');
      expect(liveTensors()).toBe(before);
      goal.dispose();
    });

    it('frees the state before when the next step is asked for: a step needs the memory of one state', async () => {
      const before = liveTensors();
      const solver = gradientDescent({ direction: clipped(adam(), 1e-3), stepSize: constantStep(0.1) });
      const counts: number[] = [];
      const stochastic: Problem<Tensor, Pair, Pair, Pair, Tensor, number> = {
        manifold,
        cost: async (x, batch) => {
          counts.push(liveTensors() - before);
          return batch * (await la.norm(manifold.toMatrix(x)));
        },
        gradient: { kind: 'ambient', at: (x) => la.scale(1, manifold.toMatrix(x)) },
        nextBatch: (k) => (k < 5 ? k + 1 : undefined),
      };
      for await (const _step of iterate(stochastic, { solver, seed: 1 })) {
        // The steps themselves are of no interest here.
      }
      // The point, and from the second step on its two moments.
      expect(counts).toEqual([leavesOfPoint, ...Array.from({ length: 4 }, () => 3 * leavesOfPoint)]);
    });

    it('frees a batch when the next is drawn', async () => {
      const before = liveTensors();
      const batches: Tensor[] = [];
      const stochastic: Problem<Tensor, Pair, Pair, Pair, Tensor, Tensor> = {
        manifold,
        cost: async (x, batch) => 0.5 * (await la.norm(la.subtract(manifold.toMatrix(x), batch))) ** 2,
        gradient: { kind: 'ambient', at: (x, batch) => la.subtract(manifold.toMatrix(x), batch) },
        nextBatch(k) {
          batches.push(la.full([6, 5], k / 10));
          return batches[k];
        },
      };
      await minimize(stochastic, { solver: solvers.constant, stop: maxIterations(4) });
      expect(batches.map((batch) => batch.isDisposed)).toEqual([true, true, true, true]);
      // The state is a point alone: its gradient is that of the next batch, and not computed.
      expect(liveTensors()).toBe(before + 2);
    });
  });

  describe('an operation that cannot be done', () => {
    const x = la.keep(la.full([2, 3], 1));
    const disposed = la.full([2, 3], 1);
    disposed.dispose();
    const batched = la.keep(la.full([2, 2, 3], 1));
    const erased = la as unknown as LinearAlgebra<unknown>;
    const integers = keep(tensor([1, 2, 3, 4, 5, 6], [2, 3], 'int32'));
    const truths = keep(tensor([true, false], [2], 'bool'));
    const empty = keep(zeros([0, 3]));
    const infinite = la.keep(la.fromArray([1, 0, 0, Number.POSITIVE_INFINITY], [2, 2]));

    it.each([
      ['a disposed tensor', () => la.add(x, disposed), 'add: expected a tensor, got one of shape 2×3 that has been disposed of'],
      ['int32', () => la.multiply(x, integers), 'multiply: expected a float32 tensor, got int32; convert it with cast'],
      ['bool', () => la.sumVector(truths), 'sumVector: expected a float32 tensor, got bool'],
      ['an array that is no tensor', () => erased.norm(new Float32Array(3)), 'norm: expected a tensor, got an object of type Float32Array'],
      [
        'another shape',
        () =>
          la.add(
            x,
            la.tidy(() => la.keep(batched)),
          ),
        'add: expected two arrays of the same shape, got 2×3 and [2, 2, 3]',
      ],
      ['another batch', () => la.matmul(batched, x), 'matmul: expected equal batch axes'],
      ['another inner dimension', () => la.matmul(x, x), 'matmul: expected as many columns of A as rows of B, got 2×3 and 2×3'],
      ['a batch without rows', () => la.transpose(empty), 'transpose: expected at least one entry, got shape 0×3'],
      ['no entries to make', () => la.full([2, 0, 3], 1), 'full: expected at least one entry, got shape [2, 0, 3]'],
      ['a range without entries', () => la.slice(x, { rows: [1, 1] }), 'slice: expected at least one entry, got shape 0×3'],
      ['too few values', () => la.fromArray([1, 2], [2, 3]), 'fromArray: shape 2×3 needs 6 values, got 2'],
      [
        'a row too long',
        () =>
          la.scaleRows(
            la.tidy(() => batched),
            x,
          ),
        'scaleRows: expected equal batch axes',
      ],
      ['a matrix that is not square', () => la.eigh(x), 'eigh: expected a square matrix'],
      ['unknown accuracy', () => la.svd(x, { accuracy: 'best' as 'relative' }), "svd: accuracy must be 'absolute' or 'relative'"],
    ])('%s', (_what, compute, message) => {
      const before = liveTensors();
      let error: unknown;
      try {
        compute();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(BuresError);
      expect((error as Error).message).toContain(message);
      expect(liveTensors()).toBe(before);
    });

    it.runIf(la.peek(x) !== undefined)('a matrix with an infinity, or one that is not definite', () => {
      const before = liveTensors();
      expect(() => la.svd(infinite)).toThrow(/svd: .*non-finite entry/);
      expect(() =>
        inverseSqrtSpd(
          la,
          la.tidy(() => la.full([2, 2], 1)),
        ),
      ).toThrow(/inverseSqrtSpd/);
      la.dispose(la.tidy(() => la.full([1], 1)));
      expect(liveTensors()).toBeLessThanOrEqual(before + 1);
    });

    it('names the options that are not known', async () => {
      await expect(tensorAlgebra({ device: 'gpu' } as object)).rejects.toThrow(ConfigError);
      await expect(tensorAlgebra({ backend: 'tpu' as 'cpu' })).rejects.toThrow(ConfigError);
    });
  });

  it('checks leave nothing behind, passed or failed, without a tidy around them', async () => {
    const sizes = { m: 7, n: 5, rank: 2, batch: [3], algebra: la };
    const expectEmptyHanded = async <P>(manifold: Pick<Manifold<Tensor, P, unknown, unknown, unknown>, 'randomPoint' | 'checkPoint'>) => {
      const point = manifold.randomPoint(seededRandom(1));
      const broken = mapTree(la, (leaf) => la.scale(Number.NaN, leaf), point);
      const before = liveTensors();
      await manifold.checkPoint(point);
      await expect(manifold.checkPoint(broken)).rejects.toThrow(BuresError);
      expect(liveTensors()).toBe(before);
    };
    await expectEmptyHanded(balancedFactors(sizes));
    await expectEmptyHanded(quotientFactors(sizes));
    await expectEmptyHanded(fixedRank(sizes));
    const pair = balancedFactors(sizes).randomPoint(seededRandom(2));
    const before = liveTensors();
    await balanceGap(la, pair);
    expect(liveTensors()).toBe(before);
    expect(() => la.dispose([1] as unknown as Tensor)).toThrow('dispose: expected a tensor, got an array of 1');
  });

  it('norms do not overflow where squares would, nor vanish', async () => {
    const huge = la.fromArray([3e38, 0, 0, 1, 4e-38, 3e-38], [3, 1, 2]);
    const each = await la.toArray(la.normEach(huge));
    expect(each[0]).toBeAllClose(3e38, 1e32);
    expect(each[1]).toBe(1);
    expect(each[2]).toBeAllClose(5e-38, 1e-43);
    expect(await la.norm(huge)).toBeAllClose(3e38, 1e32);
    la.dispose(huge);
  });

  it('computes on its own backend whichever is current, and leaves that alone', async () => {
    const cpu = await tensorAlgebra({ backend: 'cpu' });
    const [mine, theirs] = [la.full([2, 2], 2), cpu.full([2, 2], 3)];
    expect(getBackend()).toBe('cpu');
    expect(await la.toArray(la.matmul(mine, mine))).toEqual(new Float64Array(4).fill(8));
    expect(getBackend()).toBe('cpu');
    if (cpu.name !== la.name) expect(() => la.add(mine, theirs)).toThrow('add: expected a tensor of the backend');
    await setBackend(la.report.taken);
  });

  it('multiplies sparse matrices whose values are tensors, and takes variables for tensors', async () => {
    await la.tidy(async () => {
      const s = csrFromTriplets(la, { rows: 3, columns: 2, rowIndices: [2, 0], columnIndices: [1, 0], values: [5, 2] });
      const x = variable(la.fromArray([1, 2, 3, 4], [2, 2]));
      expect(await la.toArray(la.sparseMatmul(s, x))).toEqual(Float64Array.of(2, 4, 0, 0, 15, 20));
      x.dispose();
    });
  });
});
