import { describe, expect, it } from 'vitest';
import {
  any,
  ConfigError,
  costBelow,
  csrFromTriplets,
  fixedRank,
  iterate,
  type LinearAlgebra,
  maxIterations,
  minimize,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import { completeMatrix, matrixCompletion, matrixIrls, spectralInitialization } from '../../src/problems/index.js';
import { allEngines, hostEngines, withoutLeaks } from '../support/engines.js';

type Sizes = { readonly m: number; readonly n: number; readonly rank: number };

/** A random matrix with log-spaced singular values down to 1/cond, and `count` of its entries at random places. */
function instance<M>(la: LinearAlgebra<M>, { m, n, rank }: Sizes, cond: number, count: number, scale = 1, seed = 3) {
  const random = seededRandom(seed);
  const spectrum = la.fromArray(
    Array.from({ length: rank }, (_, i) => scale * cond ** (rank === 1 ? 0 : -i / (rank - 1))),
    [rank],
  );
  const left = la.scaleColumns(la.qr(la.randomNormal([m, rank], random)).Q, spectrum);
  const right = la.qr(la.randomNormal([n, rank], random)).Q;
  const places = new Set<number>();
  while (places.size < count) places.add(Math.floor(m * n * random.uniform()));
  const sorted = [...places].sort((a, b) => a - b);
  const pattern = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: sorted.map((place) => Math.floor(place / n)),
    columnIndices: sorted.map((place) => place % n),
    values: new Float64Array(sorted.length),
  });
  return {
    observed: { ...pattern, values: la.sampledMatmul(pattern, left, la.transpose(right)) },
    truth: la.matmul(left, right, { transposeB: true }),
  };
}

async function relativeError<M>(la: LinearAlgebra<M>, x: M, truth: M): Promise<number> {
  return (await la.norm(la.subtract(x, truth))) / (await la.norm(truth));
}

/** Twice as many entries as a matrix of this rank has degrees of freedom. */
const twice = ({ m, n, rank }: Sizes): number => 2 * rank * (m + n - rank);

describe.each(allEngines)('matrixIrls on %s', (_name, la) => {
  it.each([1, 1e-3])('completes a matrix of condition 10 from a spectral start, in units of %d', async (scale) => {
    await withoutLeaks(la, () =>
      la.tidy(async () => {
        const sizes = { m: 50, n: 40, rank: 3 };
        const { observed, truth } = instance(la, sizes, 10, 800, scale);
        const manifold = fixedRank({ ...sizes, algebra: la });
        const initial = spectralInitialization(la, observed, { rank: 3 });
        const { x } = await minimize(matrixCompletion({ manifold, observed }), {
          solver: matrixIrls(la, observed),
          initial,
          stop: maxIterations(25),
        });
        expect(await relativeError(la, manifold.toMatrix(x), truth)).toBeLessThan(1e4 * la.epsilon);
        await manifold.checkPoint(x);
      }),
    );
  });

  it('gives every iterate as a point of the manifold, the smoothing falling, and resumes from its state', async () => {
    await withoutLeaks(la, () =>
      la.tidy(async () => {
        const sizes = { m: 30, n: 24, rank: 2 };
        const { observed } = instance(la, sizes, 5, 400);
        const manifold = fixedRank({ ...sizes, algebra: la });
        const problem = matrixCompletion({ manifold, observed });
        const solver = matrixIrls(la, observed);
        const initial = manifold.randomPoint(seededRandom(4));
        const smoothings: number[] = [];
        for await (const { iteration, state } of iterate(problem, { solver, initial })) {
          await manifold.checkPoint(state.x);
          if (iteration > 0) smoothings.push(state.memory.matrixIrls.numbers.smoothing);
          if (iteration === 6) break;
        }
        expect(smoothings).toEqual([...smoothings].sort((a, b) => b - a));
        const whole = await minimize(problem, { solver, initial, stop: maxIterations(6) });
        const half = await minimize(problem, { solver, initial, stop: maxIterations(2) });
        const rest = await minimize(problem, { solver, state: half.state, stop: maxIterations(6) });
        expect(await la.toArray(rest.x.S)).toEqual(await la.toArray(whole.x.S));
      }),
    );
  });

  it('completes a matrix whose rank is its least side, or nearly', async () => {
    await withoutLeaks(la, () =>
      la.tidy(async () => {
        for (const sizes of [
          { m: 7, n: 3, rank: 3 },
          { m: 4, n: 9, rank: 2 },
          { m: 8, n: 6, rank: 1 },
        ]) {
          const { observed, truth } = instance(la, sizes, 2, sizes.m * sizes.n);
          const manifold = fixedRank({ ...sizes, algebra: la });
          const initial = manifold.randomPoint(seededRandom(2));
          const { x } = await minimize(matrixCompletion({ manifold, observed }), {
            solver: matrixIrls(la, observed),
            initial,
            stop: maxIterations(15),
          });
          expect(await relativeError(la, manifold.toMatrix(x), truth)).toBeLessThan(1e4 * la.epsilon);
        }
      }),
    );
  });
});

describe.each(hostEngines)('matrixIrls on %s', (_name, la) => {
  const sizes = { m: 300, n: 240, rank: 5 };

  // Manopt's and this library's descents stay above an error of 1e-2 here; see bench:solvers.
  it.each([1e2, 1e5, 1e10])('completes a matrix of condition %d from twice its degrees of freedom', async (cond) => {
    for (const seed of [1, 2, 3]) {
      const { observed, truth } = instance(la, sizes, cond, twice(sizes), 1e3, seed);
      const manifold = fixedRank(sizes);
      const initial = spectralInitialization(la, observed, { rank: sizes.rank });
      const { x } = await minimize(matrixCompletion({ manifold, observed }), {
        solver: matrixIrls(la, observed),
        initial,
        stop: any(costBelow(1e-6), maxIterations(80)),
      });
      expect(await relativeError(la, manifold.toMatrix(x), truth)).toBeLessThan(1e-4);
    }
  });

  it('converges quadratically to all singular values', async () => {
    const { observed } = instance(la, sizes, 1e5, twice(sizes), 1, 5);
    const initial = spectralInitialization(la, observed, { rank: sizes.rank });
    const problem = matrixCompletion({ manifold: fixedRank(sizes), observed });
    const { x, converged } = await minimize(problem, { solver: matrixIrls(la, observed), initial, stop: costBelow(1e-26) });
    expect(converged).toBe(true);
    const expected = [0, 1, 2, 3, 4].map((i) => 1e5 ** (-i / 4));
    (await la.toArray(x.S)).forEach((value, i) => {
      expect(Math.abs(value / expected[i] - 1)).toBeLessThan(1e-4);
    });
  });

  // Cost and gradient of the small singular values are below the tolerances from the start.
  it.each([1e5, 1e8])('finds every singular value of condition %d, though a rule of the gradient is content before', async (cond) => {
    const { observed } = instance(la, sizes, cond, twice(sizes), 1, 5);
    const initial = spectralInitialization(la, observed, { rank: sizes.rank });
    const expected = [0, 1, 2, 3, 4].map((i) => cond ** (-i / 4));
    const problem = matrixCompletion({ manifold: fixedRank(sizes), observed });
    const byDefault = await minimize(problem, { solver: matrixIrls(la, observed), initial });
    const whole = await completeMatrix(la, observed, { rank: sizes.rank, method: 'reweighted' });
    for (const { x, converged, stopReason } of [byDefault, whole]) {
      expect(converged, stopReason).toBe(true);
      la.toArray(x.S).forEach((value, i) => {
        expect(Math.abs(value / expected[i] - 1)).toBeLessThan(1e-4);
      });
    }
  });

  it('stalls, and says why, where no matrix of this rank agrees with the data', async () => {
    const { observed } = instance(la, { m: 40, n: 30, rank: 3 }, 2, 400);
    const random = seededRandom(6);
    const noise = la.fromArray(
      Array.from({ length: 400 }, () => 0.01 * random.normal()),
      [400],
    );
    const noisy = { ...observed, values: la.add(observed.values, noise) };
    const { converged, stopReason, iteration } = await completeMatrix(la, noisy, { rank: 3, method: 'reweighted', maxIterations: 1000 });
    expect(converged).toBe(false);
    expect(stopReason).toMatch(/smoothing has stayed at .* for 10 steps; expected entries of a matrix of this rank without noise/);
    expect(iteration).toBeLessThan(200);
  });

  it('says which points it takes, and that it needs entries', async () => {
    const { observed } = instance(la, { m: 6, n: 5, rank: 2 }, 2, 20);
    const other = fixedRank({ m: 5, n: 6, rank: 2 });
    const transposed = instance(la, { m: 5, n: 6, rank: 2 }, 2, 20).observed;
    await expect(
      minimize(matrixCompletion({ manifold: other, observed: transposed }), { solver: matrixIrls(la, observed) }),
    ).rejects.toThrow(ShapeError);
    const empty = csrFromTriplets(la, { rows: 6, columns: 5, rowIndices: [], columnIndices: [], values: [] });
    expect(() => matrixIrls(la, empty)).toThrow(ConfigError);
  });
});
