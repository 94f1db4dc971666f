/**
 * `completeRatings`, `mergeRepeated` and `sampledFixedRank` as programs call them; their quality is tested in test/cli.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Completion,
  type CompletionWatcher,
  completeRatings,
  completeRatingsDefaults,
  type FitStep,
  mergeRepeated,
  sampledFixedRank,
} from 'bures/problems';
import { describe, expect, it } from 'vitest';
import {
  type BuresError,
  ConfigError,
  type CsrMatrix,
  csrFromTriplets,
  type HostArray,
  hostAlgebra,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import { planted, testFolder } from '../cli/completions.js';
import { runCli } from '../cli/run-cli.js';

const la = hostAlgebra();
const { inRoot, fileOf } = testFolder();

type Entry = readonly [row: number, column: number, value: number];

function sparse(rows: number, columns: number, entries: readonly Entry[]): CsrMatrix<HostArray> {
  const [rowIndices, columnIndices, values] = [0, 1, 2].map((k) => entries.map((entry) => entry[k]));
  return csrFromTriplets(la, { rows, columns, rowIndices, columnIndices, values });
}

/** All entries of a model, row by row. */
function predictions({ x, offsets }: Completion): Float64Array {
  const low = la.toArray(la.matmul(la.scaleColumns(x.U, x.S), x.V, { transposeB: true }));
  const n = offsets.columns.length;
  return low.map((value, place) => offsets.mean + offsets.rows[Math.floor(place / n)] + offsets.columns[place % n] + value);
}

function rms(differences: ArrayLike<number>): number {
  return Math.sqrt(Array.from(differences).reduce((sum, x) => sum + x * x, 0) / differences.length);
}

const [m, n, r] = [120, 70, 2];
const noise = 0.3;
const truth = planted({ m, n, singular: [1, 0.7], bias: 0.5, noise, share: 0.4 });
const known = truth.filter((entry) => entry.known).map(({ row, column, value }): Entry => [row, column, value]);
const ratings = sparse(m, n, known);

describe('completeRatings', () => {
  it('recovers a planted low rank with biases below the noise, everywhere', async () => {
    const events: string[] = [];
    const steps: FitStep[] = [];
    const watcher: CompletionWatcher = {
      onSplit: ({ train, validation, test }) => events.push(`split ${train + validation + test}`),
      onFit: ({ rank, final }) => events.push(`${final ? 'final fit' : 'fit'} ${rank}`),
      onStep: (step) => steps.push(step),
      onTried: ({ rank }) => events.push(`tried ${rank}`),
    };
    const completion = await completeRatings(ratings, { rank: 5, seed: 3, watcher });
    expect(events).toEqual([`split ${known.length}`, 'fit 5', 'tried 0', `tried ${r}`, `final fit ${r}`]);
    const { x, offsets, errors, counts, choice, history, baselines } = completion;
    expect([x.U.shape, x.S.shape, x.V.shape]).toEqual([[m, r], [r], [n, r]]);
    expect([offsets.rows.length, offsets.columns.length]).toEqual([m, n]);
    const model = predictions(completion);
    const wrong = truth.map(({ row, column, clean }) => model[row * n + column] - clean);
    // Each of the r + 1 unknowns of a row and of a column takes its share of the noise: √(unknowns / entries), and half
    // as much again, since the factors are not known but fitted.
    const unknowns = (r + 1) * (m + n) - r * r;
    expect(rms(wrong)).toBeLessThan(1.5 * noise * Math.sqrt(unknowns / known.length));
    expect(Math.abs(completion.noise - noise)).toBeLessThan(0.1 * noise);
    expect(errors.test).toBeLessThan(1.2 * noise);
    expect(baselines.biases.test).toBeGreaterThan(2 * noise);
    expect(baselines.mean.test).toBeGreaterThan(baselines.biases.test ?? Number.NaN);
    // The figures are those of the model on the entries that it returns.
    expect(counts.train + counts.validation + counts.test).toBe(known.length);
    expect(completion.test?.columnIndices.length).toBe(counts.test);
    const test = completion.test as CsrMatrix<HostArray>;
    const products = la.toArray(sampledFixedRank(test, x));
    let row = 0;
    const residuals = products.map((product, e) => {
      while (e >= test.rowPointers[row + 1]) row++;
      return la.toArray(test.values)[e] - product - offsets.mean - offsets.rows[row] - offsets.columns[test.columnIndices[e]];
    });
    expect(rms(residuals)).toBeCloseTo(errors.test ?? Number.NaN, 12);
    expect(choice?.tried.map(({ rank }) => rank)).toEqual([0, r]);
    expect(choice?.best).toBe(choice?.tried[1]);
    expect(history.at(-1)?.trainRmse).toBeCloseTo(errors.train, 12);
    expect(steps).toEqual([...(choice?.best.steps ?? []), ...history]);
    expect(completion.unseen).toEqual({ rows: 0, columns: 0 });
    expect(completion.interrupted).toBe(false);
  });

  it('finds rank 0 where there are biases alone, and rows and columns of which nothing is known', async () => {
    const entries = planted({ m: 90, n: 50, singular: [], bias: 0.7, noise: 0.4, share: 0.3 });
    const few = entries.filter((entry) => entry.known).map(({ row, column, value }): Entry => [row, column, value]);
    const completion = await completeRatings(sparse(92, 53, few), { rank: 4 });
    const { x, offsets, regularization, unseen } = completion;
    expect([x.U.shape, x.S.shape, x.V.shape]).toEqual([[92, 0], [0], [53, 0]]);
    expect(regularization).toBeUndefined();
    expect(unseen).toEqual({ rows: 2, columns: 3 });
    expect([offsets.rows[91], offsets.columns[52]]).toEqual([0, 0]);
    const wrong = entries.map(({ row, column, clean }) => offsets.mean + offsets.rows[row] + offsets.columns[column] - clean);
    expect(rms(wrong)).toBeLessThan(1.5 * 0.4 * Math.sqrt((90 + 50) / few.length));
    expect(completion.choice?.best.rank).toBe(0);
  });

  it('does not depend on the units of the values, however large or small', async () => {
    const plain = await completeRatings(ratings, { rank: 3, seed: 1 });
    for (const unit of [2 ** 900, 2 ** -900]) {
      const scaled = await completeRatings(
        sparse(
          m,
          n,
          known.map(([i, j, value]) => [i, j, value * unit]),
        ),
        { rank: 3, seed: 1 },
      );
      expect(scaled.x.S.shape).toEqual(plain.x.S.shape);
      expect(scaled.errors.test).toBe((plain.errors.test ?? Number.NaN) * unit);
      expect(scaled.noise).toBe(plain.noise * unit);
    }
  });

  it('gives what the command gives on the same file with the same options', async () => {
    const settings = { rank: 4, seed: 7, testFraction: 0.2, validationFraction: 0.15, maxIterations: 30, tolerance: 1e-3 } as const;
    // Rows and columns in the order in which the command meets their labels.
    const file = fileOf('ratings.csv', `row,column,value\n${known.map(([i, j, value]) => `r${i},c${j},${value}`).join('\n')}\n`);
    const [rows, columns] = [0, 1].map((axis) => [...new Set(known.map((entry) => entry[axis]))]);
    const matrix = sparse(
      m,
      n,
      known.map(([i, j, value]) => [rows.indexOf(i), columns.indexOf(j), value]),
    );
    const out = inRoot('same');
    const flags = Object.entries(settings).flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`,
      `${value}`,
    ]);
    const { status, stdout } = await runCli('complete', file, ...flags, '--out', out, '--json');
    expect(status).toBe(0);
    const { counts, errors, noise: found, choice, x, offsets, test, regularization } = await completeRatings(matrix, settings);
    expect(JSON.parse(stdout)).toMatchObject({ counts, rmse: errors, noise: found, rank: x.S.shape[0], regularization });
    expect(JSON.parse(stdout).tried).toHaveLength(choice?.tried.length ?? 0);
    const lines = readFileSync(path.join(out, 'test.csv'), 'utf8').trimEnd().split('\n').slice(1);
    const products = la.toArray(sampledFixedRank(test as CsrMatrix<HostArray>, x));
    expect(lines.map((line) => Number(line.split(',')[3]))).toEqual(
      lines.map((line, e) => {
        const [i, j] = line.split(',').map((label) => Number(label.slice(1)));
        return offsets.mean + offsets.rows[rows.indexOf(i)] + offsets.columns[columns.indexOf(j)] + products[e];
      }),
    );
  });

  it('sets nothing aside, keeps the rank and fits no offsets where it is told so', async () => {
    const completion = await completeRatings(ratings, {
      rank: 3,
      keepRank: true,
      center: 'none',
      regularization: 0.05,
      testFraction: 0,
      validationFraction: 0,
    });
    expect(completion.counts).toEqual({ train: known.length, validation: 0, test: 0 });
    expect(completion.x.S.shape).toEqual([3]);
    expect(completion.regularization).toBe(0.05);
    expect(completion.offsets.mean).toBe(0);
    expect([...completion.offsets.rows, ...completion.offsets.columns].every((offset) => offset === 0)).toBe(true);
    expect([completion.choice, completion.test, completion.errors.test]).toEqual([undefined, undefined, undefined]);
    expect(completion.history.length).toBeGreaterThan(0);
  });

  it.each([0, 3])('returns the best so far if it is aborted after %d sweeps', async (sweeps) => {
    const abort = new AbortController();
    if (sweeps === 0) abort.abort();
    const seen: FitStep[] = [];
    const completion = await completeRatings(ratings, {
      rank: 5,
      signal: abort.signal,
      watcher: {
        onStep(step) {
          seen.push(step);
          if (seen.length === sweeps) abort.abort();
        },
      },
    });
    expect(completion.interrupted).toBe(true);
    expect(seen).toHaveLength(sweeps);
    expect(completion.history).toEqual([]);
    if (sweeps === 0) expect(completion.x.S.shape).toEqual([0]);
    else {
      const best = Math.min(...seen.map(({ validationRmse }) => validationRmse ?? Number.NaN));
      expect(completion.choice?.best.validationRmse).toBeLessThanOrEqual(best);
      expect(completion.errors.test).toBeLessThan(completion.baselines.mean.test ?? Number.NaN);
    }
    expect(predictions(completion).every(Number.isFinite)).toBe(true);
  });

  it.each<[object, string]>([
    [{ rank: 0 }, 'rank must be a positive integer, got 0'],
    [{ rank: 71 }, 'rank 71 exceeds that of a 120×70 matrix; pass rank 70 or less'],
    [{ ranks: 3 }, "unknown option 'ranks'; the options are rank, keepRank,"],
    [{ center: 'median' }, "center must be one of 'biases', 'mean', 'none', got \"median\""],
    [{ regularization: -1 }, 'regularization must be a finite number at least 0, got -1'],
    [{ testFraction: 1 }, 'testFraction must be a finite number at least 0 and below 1, got 1'],
    [{ validationFraction: Number.NaN }, 'validationFraction must be a finite number at least 0 and below 1, got NaN'],
    [{ seed: 0.5 }, 'seed must be a count, an integer of at least 0, got 0.5'],
    [{ seed: Number.MAX_SAFE_INTEGER }, 'seed must be a finite number at most 9007199254740990, got 9007199254740991'],
    [{ maxIterations: 0 }, 'maxIterations must be a positive integer, got 0'],
    [{ tolerance: -1 }, 'tolerance must be a finite number at least 0, got -1'],
    [{ signal: 3 }, 'signal must be an AbortSignal, got 3; pass controller.signal'],
  ])('refuses %o', async (options, message) => {
    const error: BuresError = await completeRatings(ratings, options).then(
      () => expect.fail('no error'),
      (cause) => cause,
    );
    expect(['BURES_CONFIG', 'BURES_SHAPE']).toContain(error.code);
    expect(error.message).toContain(`completeRatings: ${message}`);
  });

  it('refuses a matrix that tells nothing', async () => {
    const row: readonly Entry[] = [0, 1, 2].map((j) => [0, j, j]);
    const cases: readonly (readonly [CsrMatrix<HostArray>, string])[] = [
      [sparse(1, 3, row), 'a 1×3 matrix has nothing to predict a missing entry from; it needs at least two rows and two columns'],
      [
        sparse(
          3,
          1,
          row.map(([i, j, value]) => [j, i, value]),
        ),
        'a 3×1 matrix has nothing to predict a missing entry from; it needs at least two rows and two columns',
      ],
      [sparse(4, 3, []), 'expected at least 2 entries, got 0; pass the known entries of the matrix'],
      [sparse(4, 3, [[1, 2, 5]]), 'expected at least 2 entries, got 1; pass the known entries of the matrix'],
      [sparse(4, 3, [...row, ...row]), 'expected one entry per place, got 3 more; pass mergeRepeated(matrix).matrix'],
    ];
    for (const [matrix, message] of cases) {
      const refused = completeRatings(matrix, { testFraction: 0, validationFraction: 0 });
      await expect(refused).rejects.toBeInstanceOf(ConfigError);
      await expect(refused).rejects.toThrow(`completeRatings: ${message}`);
    }
    await expect(completeRatings(sparse(4, 3, row), { testFraction: 0.99 })).rejects.toThrow(
      /^completeRatings: testFraction .* 0\.99 of 3 entries leaves \d to fit, and 2 are the least; pass a smaller one/,
    );
    for (const matrix of [undefined, [1, 2], { rows: 3, columns: 2 }])
      await expect(completeRatings(matrix as never)).rejects.toThrow("completeRatings: expected a sparse matrix of kind 'csr', got");
  });

  it('has the defaults that it documents', async () => {
    const [given, left] = [await completeRatings(ratings, completeRatingsDefaults), await completeRatings(ratings)];
    expect(given.errors).toEqual(left.errors);
  });
});

describe('mergeRepeated', () => {
  it('replaces entries that share a place by their mean, in the order of the first', () => {
    const random = seededRandom(4);
    const entries = Array.from(
      { length: 60 },
      (): Entry => [Math.floor(5 * random.uniform()), Math.floor(7 * random.uniform()), random.normal()],
    );
    const matrix = sparse(5, 7, entries);
    const places = new Map<string, number[]>();
    for (const [i, j, value] of [...entries].sort((one, other) => one[0] - other[0])) {
      const values = places.get(`${i},${j}`) ?? [];
      values.push(value);
      places.set(`${i},${j}`, values);
    }
    const { matrix: merged, repeated } = mergeRepeated(matrix);
    expect(repeated).toBe(60 - places.size);
    expect(repeated).toBeGreaterThan(20);
    const values = la.toArray(merged.values);
    const rowOf = (e: number): number => merged.rowPointers.findIndex((end) => end > e) - 1;
    expect(Array.from(merged.columnIndices, (j, e) => `${rowOf(e)},${j}`)).toEqual([...places.keys()]);
    const means = Float64Array.from(places.values(), (all) => all.reduce((sum, value) => sum + value, 0) / all.length);
    expect(values).toBeAllClose(means, 1e-15 * 20);
    expect(mergeRepeated(merged)).toEqual({ matrix: merged, repeated: 0 });
    expect(mergeRepeated(merged).matrix).toBe(merged);
  });

  it('takes the mean of numbers whose sum or difference is no number', () => {
    const big = Number.MAX_VALUE;
    const merged = mergeRepeated(
      sparse(2, 2, [
        [0, 0, big],
        [0, 0, big],
        [1, 1, big],
        [1, 1, -big],
      ]),
    );
    expect(la.toArray(merged.matrix.values)).toEqual(Float64Array.of(big, 0));
  });

  it('refuses what is no sparse matrix', () => {
    expect(() => mergeRepeated([1] as never)).toThrow(ShapeError);
    expect(() => mergeRepeated([1] as never)).toThrow("mergeRepeated: expected a sparse matrix of kind 'csr', got an array of 1");
  });
});

describe('sampledFixedRank', () => {
  const pattern = sparse(4, 3, [
    [0, 2, 1],
    [2, 0, 1],
    [2, 1, 1],
    [3, 2, 1],
  ]);

  it('gives the entries at the places of a pattern, also of rank 0', () => {
    const random = seededRandom(6);
    const x = { U: la.randomNormal([4, 2], random), S: la.fromArray([3, 2], [2]), V: la.randomNormal([3, 2], random) };
    const dense = la.toArray(la.matmul(la.scaleColumns(x.U, x.S), x.V, { transposeB: true }));
    expect(sampledFixedRank(pattern, x)).toBeAllClose([dense[2], dense[6], dense[7], dense[11]], 1e-14);
    const zero = { U: la.fromArray([], [4, 0]), S: la.fromArray([], [0]), V: la.fromArray([], [3, 0]) };
    expect(la.toArray(sampledFixedRank(pattern, zero))).toEqual(new Float64Array(4));
  });

  it('refuses factors of another matrix', () => {
    const x = { U: la.fromArray([1, 2], [2, 1]), S: la.fromArray([1], [1]), V: la.fromArray([1, 2, 3], [3, 1]) };
    expect(() => sampledFixedRank(pattern, x)).toThrow(ShapeError);
  });
});
