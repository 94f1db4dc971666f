import { describe, expect, it } from 'vitest';
import {
  balancedFactors,
  bures,
  ConfigError,
  type CsrMatrix,
  csrFromTriplets,
  type FixedRankManifold,
  factored,
  fixedRank,
  type HostArray,
  hostAlgebra,
  seededRandom,
} from '../../src/index.js';
import { type CompletionProgress, completeMatrix, matrixCompletion, raiseRank, spectralInitialization } from '../../src/problems/index.js';
import { sampledMatrix } from '../../src/problems/sampled-matrix.js';

const la = hostAlgebra();
const [m, n, rank] = [120, 90, 4];

/** 40 % of the entries of a matrix with singular values from √(mn) down to a hundredth of that, shifted, with noise. */
function instance(noise = 0, shift = 0): CsrMatrix<HostArray> {
  const random = seededRandom(2);
  const [U, V] = [la.qr(la.randomNormal([m, rank], random)).Q, la.qr(la.randomNormal([n, rank], random)).Q];
  const spectrum = la.fromArray([1, 0.2, 0.05, 0.01], [rank]);
  const left = la.scale(Math.sqrt(m * n), la.scaleColumns(U, spectrum));
  const places = Array.from({ length: m * n }, (_, place) => place).filter(() => random.uniform() < 0.4);
  const pattern = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: places.map((place) => Math.floor(place / n)),
    columnIndices: places.map((place) => place % n),
    values: places.map(() => noise * random.normal() + shift),
  });
  return { ...pattern, values: la.add(pattern.values, sampledMatrix(la, pattern, { left, right: V }).values) };
}

describe('completeMatrix', () => {
  it('finds an ill-conditioned matrix, of which entries set aside tell', async () => {
    const seen: CompletionProgress[] = [];
    const ranks: number[] = [];
    const result = await completeMatrix(la, instance(), {
      rank,
      testFraction: 0.1,
      onProgress(progress, x) {
        seen.push(progress);
        ranks.push(x.S.shape[0]);
      },
    });
    expect(ranks).toEqual(seen.map((progress) => progress.rank));
    expect(result).toMatchObject({ converged: true, rank, offset: 0 });
    expect(result.testRmse).toBeLessThan(1e-6);
    expect(la.toArray(result.x.S)).toBeAllClose(
      [1, 0.2, 0.05, 0.01].map((s) => s * Math.sqrt(m * n)),
      1e-4,
    );
    expect(seen.map(({ iteration }) => iteration)).toEqual(seen.map((_, k) => k + 1));
    expect([...new Set(seen.map((progress) => progress.rank))]).toEqual([1, 2, 3, 4]);
    expect(result.iteration).toBe(seen.length);
  });

  it.each([rank, rank + 1, rank + 2])('finds it by reweighting at rank %d at once', async (asked) => {
    const plain = await completeMatrix(la, instance(), { rank: asked, method: 'reweighted', testFraction: 0.1 });
    expect(plain).toMatchObject({ converged: true, rank: asked });
    expect(plain.testRmse).toBeLessThan(1e-6);
  });

  it('subtracts the mean first when reweighting too, which costs a rank', async () => {
    const options = { method: 'reweighted', center: true, testFraction: 0.1 } as const;
    const result = await completeMatrix(la, instance(0, 3), { ...options, rank: rank + 1 });
    expect(result.converged).toBe(true);
    expect(result.testRmse).toBeLessThan(1e-6);
    expect(await completeMatrix(la, instance(0, 3), { ...options, rank, maxIterations: 20 })).toMatchObject({ converged: false });
  });

  it('says which options belong to rank continuation', async () => {
    const options = { rank, method: 'reweighted', rankStep: 2, regularization: 0.1 } as const;
    await expect(completeMatrix(la, instance(), options)).rejects.toThrow(/got rankStep, regularization; leave it out/);
    await expect(completeMatrix(la, instance(), { rank, method: 'greedy' as 'reweighted' })).rejects.toThrow(ConfigError);
  });

  it('does so with another geometry', async () => {
    const geometry = (shape: { m: number; n: number; rank: number }) => fixedRank({ ...shape, metric: bures(), retraction: factored() });
    const result = await completeMatrix(la, instance(), { rank, testFraction: 0.1, geometry, maxIterations: 400 });
    expect(result.testRmse).toBeLessThan(1e-5);
  });

  it('fits the mean first, and shrinks, where data are noisy', async () => {
    const data = instance(0.1, 3);
    const plain = await completeMatrix(la, data, { rank, testFraction: 0.2, center: true });
    const shrunk = await completeMatrix(la, data, { rank, testFraction: 0.2, center: true, regularization: 0.05 });
    expect(plain.offset).toBeGreaterThan(2.5);
    // The noise is there in what was set aside, but not twice.
    expect(plain.testRmse).toBeLessThan(0.2);
    expect(la.norm(shrunk.x.S)).toBeLessThan(la.norm(plain.x.S));
    expect(shrunk.trainRmse).toBeGreaterThan(plain.trainRmse);
  });

  it.each(['continuation', 'reweighted'] as const)('leaves the saddle at which one of two parts is zero (%s)', async (method) => {
    const places = Array.from({ length: 12 * 10 }, (_, place) => [Math.floor(place / 10), place % 10]).filter(([i, j]) => i < 6 === j < 5);
    const data = csrFromTriplets(la, {
      rows: 12,
      columns: 10,
      rowIndices: places.map(([i]) => i),
      columnIndices: places.map(([, j]) => j),
      values: places.map(([i, j]) => (i + 1) * (j + 1)),
    });
    const seen: number[] = [];
    const result = await completeMatrix(la, data, { rank: 1, method, onProgress: ({ iteration }) => seen.push(iteration) });
    expect(result.converged, result.stopReason).toBe(true);
    expect(result.trainRmse).toBeLessThan(1e-6);
    expect(seen).toEqual(Array.from({ length: result.iteration }, (_, k) => k + 1));
  });

  it.each(['continuation', 'reweighted'] as const)(
    'scales with the values, to sizes of which squares over- or underflow (%s)',
    async (method) => {
      const base = instance(0, 3);
      const options = { rank, method, testFraction: 0.1, ...(method === 'continuation' && { center: true, regularization: 1e-3 }) };
      const once = await completeMatrix(la, base, options);
      for (const exponent of [-1000, -560, -120, 530, 1000]) {
        const scaled = (x: HostArray): HostArray => la.scale(2 ** (exponent / 2), la.scale(2 ** (exponent / 2), x));
        const rmses: number[] = [];
        const data = { ...base, values: scaled(base.values) };
        const result = await completeMatrix(la, data, { ...options, onProgress: ({ trainRmse }) => rmses.push(trainRmse) });
        expect([result.rank, result.converged], result.stopReason).toEqual([once.rank, once.converged]);
        expect(la.scale(2 ** (-exponent / 2), la.scale(2 ** (-exponent / 2), result.x.S))).toBeAllClose(once.x.S, 1e-6);
        expect(result.offset / 2 ** (exponent / 2) / 2 ** (exponent / 2)).toBeCloseTo(once.offset, 10);
        expect((result.testRmse as number) / 2 ** (exponent / 2) / 2 ** (exponent / 2)).toBeCloseTo(once.testRmse as number, 6);
        expect(rmses.at(-1)).toBe(result.trainRmse);
      }
    },
  );

  it('stops where it is told to', async () => {
    const controller = new AbortController();
    const onProgress = ({ iteration }: CompletionProgress): void => {
      if (iteration === 8) controller.abort('enough');
    };
    const result = await completeMatrix(la, instance(), { rank, signal: controller.signal, onProgress });
    expect(result).toMatchObject({ converged: false, rank: 2, iteration: 8 });
  });

  it('refuses options that do not fit', async () => {
    await expect(completeMatrix(la, instance(), { rank: 2, initialRank: 3 })).rejects.toThrow(
      /initialRank \(3\) must not exceed rank \(2\)/,
    );
    await expect(completeMatrix(la, instance(), { rank: 2, testFraction: 1 })).rejects.toThrow(ConfigError);
    await expect(completeMatrix(la, instance(), { rank: 0 })).rejects.toThrow(/rank must be a positive integer/);
  });
});

it('raiseRank leaves what was found, and adds what the residual shows', async () => {
  const observed = instance();
  const x = spectralInitialization(la, observed, { rank: 2 });
  const raised = await raiseRank(la, observed, x, { by: 2 });
  expect(raised.S.shape).toEqual([4]);
  const residual = (y: typeof x): number =>
    la.norm(la.subtract(sampledMatrix(la, observed, { left: la.scaleColumns(y.U, y.S), right: y.V }).values, observed.values));
  expect(residual(raised)).toBeLessThan(residual(x));
});

describe('data that no matrix of the rank fits, or that are none', () => {
  const full = (rows: number, columns: number, entry: (i: number, j: number) => number) => {
    const places = Array.from({ length: rows * columns }, (_, place) => place);
    return csrFromTriplets(la, {
      rows,
      columns,
      rowIndices: places.map((place) => Math.floor(place / columns)),
      columnIndices: places.map((place) => place % columns),
      values: places.map((place) => entry(Math.floor(place / columns), place % columns)),
    });
  };
  const waves = full(20, 15, (i, j) => Math.sin(i * j + i));
  const none = csrFromTriplets(la, { rows: 20, columns: 15, rowIndices: [], columnIndices: [], values: [] });

  it.each(['continuation', 'reweighted'] as const)('are refused by name (%s)', async (method) => {
    await expect(completeMatrix(la, waves, { rank: 30, method })).rejects.toThrow(
      /^completeMatrix: rank must be at most .* = 15 of the 20×15 data, got 30/,
    );
    await expect(
      completeMatrix(
        la,
        full(20, 15, () => 0),
        { rank: 2, method },
      ),
    ).rejects.toThrow(/^completeMatrix: .*got 300 that all are; the matrix of zeros/);
    await expect(
      completeMatrix(
        la,
        full(20, 15, () => 4),
        { rank: 2, method, center: true },
      ),
    ).rejects.toThrow(/some are not 4, .*leave center out/);
  });

  it('have a lower rank than is sought: continuation ends there, reweighting says so', async () => {
    const ones = full(20, 15, () => 1);
    expect(await completeMatrix(la, ones, { rank: 3 })).toMatchObject({ rank: 1, converged: true });
    await expect(completeMatrix(la, ones, { rank: 3, method: 'reweighted' })).rejects.toThrow(
      /^completeMatrix: .*fewer singular values above rounding; lower/,
    );
    expect(() => fixedRank({ m: 20, n: 15, rank: 3 }).fromMatrix(la.full([20, 15], 1))).toThrow(
      /^fixedRank.fromMatrix: .*got one of rank 1 to rounding/,
    );
    expect(() => fixedRank({ m: 20, n: 15, rank: 3 }).fromFactors(la.full([20, 4], 1), la.full([4, 15], 1))).toThrow(
      /^fixedRank.fromFactors: .*rank 1/,
    );
  });

  it('have no start, or another shape than the manifold', () => {
    expect(() => spectralInitialization(la, waves, { rank: 30 })).toThrow(/^spectralInitialization: rank must be at most .* = 15, got 30/);
    expect(() => spectralInitialization(la, none, { rank: 2 })).toThrow(/^spectralInitialization: expected observed entries, got none/);
    for (const manifold of [fixedRank({ m: 15, n: 20, rank: 2 }), balancedFactors({ m: 15, n: 20, rank: 2 })]) {
      expect(() => matrixCompletion({ manifold: manifold as FixedRankManifold<HostArray>, observed: waves })).toThrow(
        /^matrixCompletion: expected a manifold of 20×15 matrices, as the data are, got \w+\(15×20/,
      );
    }
  });
});
