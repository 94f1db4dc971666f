/**
 * The sum of problems over ranks within one process: the same steps as of the whole problem, and errors in all ranks.
 */
import {
  adam,
  BackendError,
  ConfigError,
  constantStep,
  csrFromTriplets,
  DomainError,
  euclidean,
  fixedRank,
  gradientDescent,
  type HostArray,
  hostAlgebra,
  lbfgs,
  leastSquares,
  levenbergMarquardt,
  maxIterations,
  minimize,
  NumericalError,
  type Problem,
  polynomialSearch,
  ShapeError,
  type Solver,
  seededRandom,
  svrg,
  trustRegions,
} from 'bures';
import { autodiffVector } from 'bures/autodiff';
import { anyProcess, type Communicator, dataParallel, failedTogether, localCommunicators, together } from 'bures/distributed';
import { matrixCompletion } from 'bures/problems';
import { describe, expect, it } from 'vitest';
import { checkContract } from './communicators.js';

const la = hostAlgebra({ blas: 'off' });

/** Runs every rank at once. */
const everywhere = <Result>(size: number, run: (communicator: Communicator) => Promise<Result>): Promise<Result[]> =>
  Promise.all(localCommunicators(size).map(run));

describe('localCommunicators', () => {
  it.each([1, 2, 3, 5])('keep the contract with %i ranks', async (size) => {
    await everywhere(size, checkContract);
  });

  it('refuse calls that do not belong together, in all ranks', async () => {
    const outcomes = await Promise.allSettled(
      localCommunicators(2).map((communicator) => communicator.sum(new Float64Array(3 + communicator.rank))),
    );
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'BackendError', message: /process 1 calls sum of 4 numbers/ } });
  });

  it('after a call that failed none waits for ever, whatever it calls', async () => {
    const [one, other, third] = localCommunicators(3);
    const lengths = [one.sum(new Float64Array(3)), other.sum(new Float64Array(4))];
    await Promise.allSettled(lengths);
    const outcomes = await Promise.allSettled([...lengths, third.sum(new Float64Array(3)), one.gather(new Uint8Array(1))]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(BackendError) });
  });

  it('tell ranks that wait for one that has closed', async () => {
    const [one, other] = localCommunicators(2);
    const waiting = expect(one.sum(new Float64Array(1))).rejects.toThrow(BackendError);
    await other.close();
    await waiting;
    await expect(one.gather(new Uint8Array())).rejects.toThrow(/process 1 has closed/);
  });
});

/** Ratings of a matrix of rank 3, of which each rank holds some rows. */
function ratings({ rank, size }: { rank: number; size: number }) {
  const [m, n, r] = [24, 17, 3];
  const random = seededRandom(5);
  const [left, right] = [la.randomNormal([m, r], random), la.randomNormal([n, r], random)];
  const matrix = la.toArray(la.matmul(left, right, { transposeB: true }));
  const places = Array.from({ length: m * n }, (_, place) => place).filter(() => random.uniform() < 0.7);
  const own = places.filter((place) => Math.floor(place / n) % size === rank);
  return csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: own.map((place) => Math.floor(place / n)),
    columnIndices: own.map((place) => place % n),
    values: own.map((place) => matrix[place]),
  });
}

describe('completion whose rows are divided', () => {
  const manifold = fixedRank({ m: 24, n: 17, rank: 3 });
  const initial = manifold.randomPoint(seededRandom(9));
  const part = (place: { rank: number; size: number }) => matrixCompletion({ manifold, observed: ratings(place) });
  const numbers = (x: typeof initial): number[] => [x.U, x.S, x.V].flatMap((factor) => [...la.toArray(factor)]);

  it.each<[string, () => Solver]>([
    ['gradient descent', () => gradientDescent()],
    ['gradient descent with polynomial steps', () => gradientDescent({ stepSize: polynomialSearch() })],
    ['L-BFGS', () => gradientDescent({ direction: lbfgs() })],
    ['trust regions', () => trustRegions()],
  ])('takes the same steps by %s', async (_, solver) => {
    const stop = maxIterations(12);
    const whole = await minimize(part({ rank: 0, size: 1 }), { solver: solver(), initial, stop });
    const results = await everywhere(3, (communicator) =>
      minimize(dataParallel(part(communicator), communicator), { solver: solver(), initial, stop }),
    );
    for (const result of results) {
      expect(result.iterations).toBe(whole.iterations);
      expect(result.cost).toBeCloseTo(whole.cost, 8);
      expect(numbers(result.x)).toBeAllClose(numbers(whole.x), 1e-6);
      // The ranks agree to the bit.
      expect(numbers(result.x)).toEqual(numbers(results[0].x));
    }
  });
});

describe('residuals that are divided', () => {
  const target = la.fromArray([1, 2, 3], [3]);
  const part = ({ rank }: { rank: number }) =>
    leastSquares({
      manifold: euclidean({ shape: [3] }),
      residual: autodiffVector(la, (ops, x: HostArray) => ops.subtract(ops.multiply(x, x), la.scale(rank + 1, target))),
    });

  it('are refused by name, and their Hessians are summed', async () => {
    const options = { initial: la.full([3], 1) };
    await everywhere(2, async (communicator) => {
      const problem = dataParallel(part(communicator), communicator);
      await expect(minimize(problem, { ...options, solver: levenbergMarquardt() })).rejects.toThrow(
        /^dataParallel: the residuals of several processes are not joined.*trustRegions/,
      );
      const { x, solver } = await minimize(problem, { ...options, solver: trustRegions() });
      expect(solver).toBe('trustRegions');
      // x² is the mean of the two targets.
      expect(x).toBeAllClose([1.5, 3, 4.5].map(Math.sqrt), 1e-6);
    });
  });

  it('leave problems without any as they are', () => {
    const { linearize: _linearize, ...without } = part({ rank: 0 });
    expect(dataParallel(without, localCommunicators(1)[0])).not.toHaveProperty('linearize');
  });
});

/** Mean of ½‖x − a‖² over a batch of rows a, of which each rank takes some. */
function means({ rank, size }: { rank: number; size: number }): Problem<HostArray, HostArray, HostArray, HostArray, HostArray, number[]> {
  const rows = Array.from({ length: 12 }, (_, i) => la.fromArray([Math.sin(i), Math.cos(3 * i), i % 5], [3]));
  const batch = 4;
  return {
    manifold: euclidean({ shape: [3] }),
    cost: (x, own) => own.reduce((sum, i) => sum + (0.5 / batch) * la.norm(la.subtract(x, rows[i])) ** 2, 0),
    gradient: {
      kind: 'coordinates',
      at: (x, own) => own.reduce((sum, i) => la.axpy(1 / batch, la.subtract(x, rows[i]), sum), la.full([3], 0)),
    },
    nextBatch: (k) => (k < 9 ? [0, 1, 2, 3].map((i) => (4 * k + i) % 12).filter((_, i) => i % size === rank) : undefined),
  };
}

describe('a stochastic problem', () => {
  it.each([2, 3, 6])('takes the same steps with %i ranks, of which some have empty shares', async (size) => {
    const options = { solver: gradientDescent({ direction: adam(), stepSize: constantStep(0.1) }), initial: la.full([3], 0) };
    const stop = maxIterations(50);
    const whole = await minimize(means({ rank: 0, size: 1 }), { ...options, stop });
    const results = await everywhere(size, (communicator) =>
      minimize(dataParallel(means(communicator), communicator), { ...options, stop }),
    );
    expect(whole.iterations).toBe(9);
    for (const result of results) {
      expect(result.iterations).toBe(9);
      expect(result.stopReason).toBe(whole.stopReason);
      expect(result.history.map(({ cost }) => cost)).toBeAllClose(
        whole.history.map(({ cost }) => cost),
        1e-12,
      );
      expect([...la.toArray(result.x)]).toEqual([...la.toArray(results[0].x)]);
    }
  });

  it('keeps its whole batch for variance reduction', async () => {
    const finite = (place: { rank: number; size: number }): ReturnType<typeof means> => {
      const own = Array.from({ length: 12 }, (_, i) => i).filter((i) => i % place.size === place.rank);
      const rows = own.map((i) => la.fromArray([Math.sin(i), i], [2]));
      const mean = (x: HostArray, batch: readonly number[], weight: number) =>
        batch.reduce((sum, i) => la.axpy(weight, la.subtract(x, rows[i]), sum), la.full([2], 0));
      // Each rank draws one of its own rows in each step, which stands for all of them.
      const weight = (batch: readonly number[]): number => rows.length / 12 / batch.length;
      return {
        manifold: euclidean({ shape: [2] }),
        cost: (x, batch) => batch.reduce((sum, i) => sum + 0.5 * weight(batch) * la.norm(la.subtract(x, rows[i])) ** 2, 0),
        gradient: { kind: 'riemannian', at: (x, batch) => mean(x, batch, weight(batch)) },
        nextBatch: (k) => [k % rows.length],
        wholeBatch: () => rows.map((_, i) => i),
      };
    };
    const results = await everywhere(3, (communicator) =>
      minimize(dataParallel(finite(communicator), communicator), {
        solver: svrg({ stepSize: 0.3, innerSteps: 8 }),
        initial: la.full([2], 0),
        stop: maxIterations(12),
      }),
    );
    const mean = [0, 1].map((axis) => Array.from({ length: 12 }, (_, i) => (axis === 0 ? Math.sin(i) : i)).reduce((a, b) => a + b) / 12);
    for (const { x } of results) expect([...la.toArray(x)]).toBeAllClose(mean, 1e-3);
  });
});

describe('errors', () => {
  const simple = (cost: (x: HostArray) => number): Problem<HostArray, HostArray, HostArray, HostArray, HostArray> => ({
    manifold: euclidean({ shape: [2] }),
    cost,
    gradient: { kind: 'riemannian', at: (x) => x },
  });
  const outcomes = (size: number, run: (communicator: Communicator) => Promise<unknown>) =>
    Promise.allSettled(localCommunicators(size).map(run));

  it('of one rank are thrown in all, with the class, the place and the same words', async () => {
    const settled = await outcomes(3, (communicator) =>
      minimize(
        dataParallel(
          simple(() => {
            if (communicator.rank === 1) throw new NumericalError('cost: the number is bad; change it');
            return 1;
          }),
          communicator,
        ),
        { initial: la.full([2], 1) },
      ),
    );
    const reasons = settled.map((one) => (one as PromiseRejectedResult).reason as Error);
    expect(reasons.map((reason) => reason instanceof NumericalError)).toEqual([true, true, true]);
    expect(reasons.map(({ message }) => message.replace(/^.*?(process|cost)/, '$1'))).toEqual([
      'process 1: cost: the number is bad; change it',
      'cost: the number is bad; change it',
      'process 1: cost: the number is bad; change it',
    ]);
  });

  it('that happen together are known as such', async () => {
    const settled = await outcomes(2, ({ rank, ...communicator }) =>
      together({ ...communicator, rank }, () => {
        if (rank === 0) throw new Error('not one of ours');
      }),
    );
    const reasons = settled.map((one) => (one as PromiseRejectedResult).reason as Error);
    expect(reasons.map(failedTogether)).toEqual([true, true]);
    expect(reasons[1]).toBeInstanceOf(BackendError);
    expect(failedTogether(new Error('elsewhere'))).toBe(false);
  });

  it('name a batch that only some ranks have', async () => {
    const settled = await outcomes(2, (communicator) =>
      minimize(dataParallel({ ...means(communicator), nextBatch: (k) => (k < 2 + communicator.rank ? [0] : undefined) }, communicator), {
        solver: gradientDescent({ stepSize: constantStep(0.1) }),
        stop: maxIterations(50),
      }),
    );
    for (const one of settled) {
      expect(one).toMatchObject({ status: 'rejected', reason: { message: /^dataParallel: nextBatch\(2\) gave a batch in 1 of 2/ } });
      expect((one as PromiseRejectedResult).reason).toBeInstanceOf(DomainError);
    }
  });

  it('name arrays of different sizes', async () => {
    const settled = await outcomes(2, async (communicator) => {
      const n = 2 + communicator.rank;
      const problem = { ...simple(() => 0), manifold: euclidean({ shape: [n] }) };
      return dataParallel(problem, communicator).gradient.at(la.full([n], 1), undefined);
    });
    for (const one of settled) expect((one as PromiseRejectedResult).reason).toBeInstanceOf(ShapeError);
    expect((settled[0] as PromiseRejectedResult).reason.message).toMatch(/2 numbers here and 5 in all/);
  });

  it('name a communicator or a problem that is none', () => {
    const [communicator] = localCommunicators(1);
    const problem = simple(() => 0);
    for (const bad of [undefined, {}, { rank: 2, size: 2 }, { ...communicator, rank: 1 }])
      expect(() => dataParallel(problem, bad as never)).toThrow(ConfigError);
    expect(() => dataParallel(undefined as never, communicator)).toThrow(/^dataParallel: problem must be/);
    expect(() => localCommunicators(0)).toThrow(ShapeError);
  });

  it('anyProcess is true everywhere if it is anywhere', async () => {
    expect(await everywhere(3, (communicator) => anyProcess(communicator, communicator.rank === 2))).toEqual([true, true, true]);
    expect(await everywhere(3, (communicator) => anyProcess(communicator, false))).toEqual([false, false, false]);
  });
});

it('preconditioners are averaged', async () => {
  const results = await everywhere(2, async (communicator) => {
    const problem = {
      manifold: euclidean({ shape: [2] }),
      cost: () => 0,
      gradient: { kind: 'riemannian', at: (x: HostArray) => x },
      preconditioner: { at: (_x: HostArray, u: HostArray) => la.scale(1 + 2 * communicator.rank, u) },
    } as const;
    const u = la.fromArray([1, 2], [2]);
    const averaged = await dataParallel(problem, communicator).preconditioner?.at(u, u, undefined);
    return [...la.toArray(averaged as HostArray)];
  });
  expect(results).toEqual([
    [2, 4],
    [2, 4],
  ]);
});
