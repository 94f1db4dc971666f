/** What models of ratings predict, rank and measure, and splits by time. */
import {
  completeImplicit,
  completeRatings,
  completionModel,
  factorizeImplicit,
  factorizeRatings,
  foldInRow,
  popularityModel,
  predictRatings,
  predictRow,
  type RatingModel,
  rankingMeasures,
  recommend,
  splitByTime,
  unknownIndex,
} from 'bures/problems';
import { describe, expect, it } from 'vitest';
import { ConfigError, type CsrMatrix, csrFromTriplets, type HostArray, hostAlgebra, ShapeError, seededRandom } from '../../src/index.js';
import { planted } from '../cli/completions.js';

const la = hostAlgebra();

type Entry = readonly [row: number, column: number, value: number];

function sparse(rows: number, columns: number, entries: readonly Entry[]): CsrMatrix<HostArray> {
  const [rowIndices, columnIndices, values] = [0, 1, 2].map((k) => entries.map((entry) => entry[k]));
  return csrFromTriplets(la, { rows, columns, rowIndices, columnIndices, values });
}

/** A model by hand: 3 rows, 4 columns, rank 1. */
const small: RatingModel = {
  mean: 3,
  rowBiases: Float64Array.of(0.5, 0, -1),
  columnBiases: Float64Array.of(0, 1, -1, 0.25),
  left: la.fromArray([1, 2, 0], [3, 1]),
  right: la.fromArray([0.5, 1, -1, 0.25], [4, 1]),
  range: [1, 5],
  rowFit: { kind: 'ratings', ridge: Float64Array.of(0.5), biasRidge: 2 },
};

describe('predictRatings', () => {
  it('adds what is known of row and column, and clips to the range', () => {
    const [rows, columns] = [
      [0, 1, 2, 2, unknownIndex, 1, unknownIndex],
      [0, 1, 2, 3, 1, unknownIndex, unknownIndex],
    ];
    expect(predictRatings(small, rows, columns)).toBeAllClose([4, 5, 1, 2.25, 4, 3, 3], 1e-15);
    const { range: _range, ...free } = small;
    expect(predictRatings(free, [1], [1])).toBeAllClose([6], 1e-15);
    expect(predictRow(small, 1)).toBeAllClose(predictRatings(small, [1, 1, 1, 1], [0, 1, 2, 3]), 0);
  });

  it('refuses places outside of the model, and what is no model', () => {
    expect(() => predictRatings(small, [3], [0])).toThrow(ShapeError);
    expect(() => predictRatings(small, [3], [0])).toThrow('predictRatings: expected a row from 0 to 2, or −1 for an unknown one, got 3');
    expect(() => predictRatings(small, [0], [0, 1])).toThrow('expected as many rows as columns, got 1 and 2');
    expect(() => predictRatings({} as never, [0], [0])).toThrow('predictRatings: expected a model { mean,');
    expect(() => predictRatings({ ...small, columnBiases: new Float64Array(2) }, [0], [0])).toThrow('give all parts the same sizes');
    expect(() => predictRatings(small, undefined as never, [0])).toThrow(
      'predictRatings: expected rowIndices to be a list of numbers, got nothing',
    );
    expect(() => predictRatings(small, [0], 3 as never)).toThrow('predictRatings: expected columnIndices to be a list of numbers, got 3');
  });

  it('and with it everything that predicts refuses a model of which a number is missing', () => {
    const { mean: _mean, ...meanless } = small;
    const broken: [string, RatingModel][] = [
      ['a finite mean, got nothing', meanless as RatingModel],
      ['a range [least, greatest]', { ...small, range: [5, 1] }],
      ['a range [least, greatest]', { ...small, range: 5 as never }],
      ["a rowFit of kind 'ratings'", { ...small, rowFit: { kind: 'rating', ridge: Float64Array.of(1) } as never }],
      ["a rowFit of kind 'ratings'", { ...small, rowFit: { kind: 'confidence', ridge: Float64Array.of(1) } as never }],
    ];
    for (const [words, model] of broken) {
      const calls: [string, () => unknown][] = [
        ['predictRatings', () => predictRatings(model, [0], [0])],
        ['predictRow', () => predictRow(model, 0)],
        ['recommend', () => recommend(model, 0)],
        ['foldInRow', () => foldInRow(model, { columns: [0], values: [1] })],
      ];
      for (const [caller, call] of calls) expect(call).toThrow(`${caller}: expected a model with ${words}`);
    }
  });
});

describe('recommend', () => {
  it('ranks what was not seen, by predictions before they are clipped, equal ones by their place', () => {
    // Row 1: 4, 6, 0, 3.75.
    expect(recommend(small, 1)).toEqual([
      { column: 1, score: 5 },
      { column: 0, score: 4 },
      { column: 3, score: 3.75 },
      { column: 2, score: 1 },
    ]);
    expect(recommend(small, 1, { top: 2, seen: [1] }).map(({ column }) => column)).toEqual([0, 3]);
    expect(recommend(small, 1, { seen: [0, 1, 2, 3] })).toEqual([]);
    const flat: RatingModel = { ...small, columnBiases: new Float64Array(4), right: la.full([4, 1], 0) };
    expect(recommend(flat, 0, { top: 3 }).map(({ column }) => column)).toEqual([0, 1, 2]);
  });

  it('finds the highest of many', () => {
    const random = seededRandom(2);
    const n = 500;
    const model: RatingModel = {
      ...small,
      columnBiases: Float64Array.from({ length: n }, () => random.normal()),
      right: la.randomNormal([n, 1], random),
    };
    const scores = predictRow({ ...model, range: [-100, 100] }, 0);
    const expected = Array.from(scores, (_, column) => column).sort((one, other) => scores[other] - scores[one]);
    expect(recommend(model, 0, { top: 20 }).map(({ column }) => column)).toEqual(expected.slice(0, 20));
  });

  it('refuses rows that are none', () => {
    expect(() => recommend(small, 3)).toThrow(ConfigError);
    expect(() => recommend(small, 3)).toThrow('recommend: expected a row from 0 to 2, got 3; pass a row of the model, or foldInRow');
    expect(() => recommend(small, { bias: 0, factors: new Float64Array(2) })).toThrow('expected a row { bias, factors } with 1 factors');
  });

  it('refuses columns to leave out that are none', () => {
    for (const column of [7, 1.5, -2]) {
      expect(() => recommend(small, 0, { seen: [1, column] })).toThrow(
        `recommend: expected seen columns from 0 to 3, got ${column}; leave out what the model does not know`,
      );
    }
    expect(() => recommend(small, 0, { seen: 3 as never })).toThrow('recommend: seen must be columns, got 3; pass a list or a set');
    expect(recommend(small, 1, { seen: new Set([1, 0]) }).map(({ column }) => column)).toEqual([3, 2]);
  });
});

describe('foldInRow', () => {
  const entries = planted({ m: 60, n: 45, singular: [1, 0.6], bias: 0.5, noise: 0.4, share: 0.4 }).filter(({ known }) => known);
  const ratings = sparse(
    60,
    45,
    entries.map(({ row, column, value }): Entry => [row, column, value]),
  );
  const counts = { ...ratings, values: la.full([ratings.columnIndices.length], 2) };
  const rowEntries = ({ rowPointers, columnIndices, values }: CsrMatrix<HostArray>, i: number) => {
    const [first, last] = [rowPointers[i], rowPointers[i + 1]];
    return { columns: columnIndices.slice(first, last), values: la.toArray(values).slice(first, last) };
  };

  it('finds a row of the model again from its own entries', async () => {
    const whole = { tolerance: 0, maxSweeps: 400 };
    for (const [data, { model }] of [
      [ratings, await factorizeRatings(ratings, { rank: 2, ...whole })],
      [counts, await factorizeImplicit(counts, { rank: 2, alpha: 3, regularization: 2, ...whole })],
    ] as const) {
      const folded = foldInRow(model, rowEntries(data, 7));
      expect(folded.bias).toBeCloseTo(model.rowBiases[7], 5);
      expect(folded.factors).toBeAllClose(la.toRows(model.left)[7], 1e-5);
      expect(recommend(model, folded, { top: 5 })).toHaveLength(5);
    }
  });

  it('of a completion predicts what the row was about', async () => {
    const completion = await completeRatings(ratings, { rank: 4 });
    const model = completionModel(completion);
    const own = rowEntries(ratings, 11);
    const predicted = predictRow(model, foldInRow(model, own));
    const inModel = predictRow(model, 11);
    const rms = (values: Float64Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
    expect(rms(predicted.map((value, j) => value - inModel[j]))).toBeLessThan(0.3);
    // The average row, for one without entries.
    expect(foldInRow(model, { columns: [], values: [] })).toEqual({ bias: 0, factors: new Float64Array(model.left.shape[1]) });
  });

  it('refuses entries that are none', () => {
    expect(() => foldInRow(small, { columns: [4], values: [1] })).toThrow('foldInRow: expected columns from 0 to 3, got 4; leave out');
    for (const none of [3, 'ab', null] as never[]) {
      expect(() => foldInRow(small, { columns: none, values: [4, 4] })).toThrow('foldInRow: expected columns to be a list of numbers');
      expect(() => foldInRow(small, { columns: [1, 2], values: none })).toThrow('foldInRow: expected values to be a list of numbers');
    }
    expect(() => foldInRow(small, { columns: [1, 2], values: [1] })).toThrow('expected as many columns as values, got 2 and 1');
    expect(() => foldInRow(small, { columns: [1], values: [Number.NaN] })).toThrow('foldInRow: expected finite values, got NaN at entry 0');
    const implicit: RatingModel = { ...small, rowFit: { kind: 'confidence', ridge: Float64Array.of(1), alpha: 2 } };
    expect(() => foldInRow(implicit, { columns: [1], values: [0] })).toThrow('foldInRow: expected strengths of feedback above 0, got 0');
  });
});

describe('rankingMeasures', () => {
  it('counts hits by their definitions', async () => {
    // Row 1 ranks 1, 0, 3, 2, and has seen 0. Row 0 ranks 1 (6.5−…), 0, 3, 2. Row 2 has nothing to find.
    const known = sparse(3, 4, [[1, 0, 4]]);
    const test = sparse(3, 4, [
      [0, 2, 5],
      [1, 3, 4],
      [1, 2, 5],
      [2, 0, 1],
    ]);
    const measures = await rankingMeasures(small, { known, test, top: 2, relevant: 3 });
    // Row 0: list 1, 0; relevant 2: none. Row 1: list 1, 3; relevant 2 and 3: one hit at place 2.
    const ndcg = 1 / Math.log2(3) / (1 + 1 / Math.log2(3));
    expect(measures).toEqual({ top: 2, rows: 2, precision: 0.25, recall: 0.25, ndcg: expect.closeTo(ndcg / 2, 12) });
    const all = await rankingMeasures(small, { known, test, top: 4 });
    expect(all?.recall).toBe(1);
    expect(all?.rows).toBe(3);
    expect((await rankingMeasures(small, { known, test, maxRows: 1 }))?.rows).toBe(1);
    expect(await rankingMeasures(small, { known, test, relevant: 9 })).toBeUndefined();
  });

  it('refuses tables of another size', async () => {
    const other = sparse(3, 5, [[1, 0, 4]]);
    await expect(rankingMeasures(small, { known: other, test: other })).rejects.toThrow('expected tables of 3×4, as the model is, got 3×5');
  });
});

describe('splitByTime', () => {
  const data = sparse(2, 5, [
    [0, 0, 10],
    [0, 1, 11],
    [0, 2, 12],
    [0, 3, 13],
    [1, 0, 20],
    [1, 1, 21],
    [1, 2, 22],
    [1, 3, 23],
  ]);
  const valuesOf = ({ values }: CsrMatrix<HostArray>): number[] => Array.from(la.toArray(values));

  it('sets the latest of all aside, or the latest of each row', async () => {
    const times = [1, 2, 3, 8, 4, 7, 6, 5];
    const table = await splitByTime(la, data, { times, fraction: 0.25 });
    expect([valuesOf(table.test), valuesOf(table.train)]).toEqual([
      [13, 21],
      [10, 11, 12, 20, 22, 23],
    ]);
    expect(Array.from(table.trainTimes)).toEqual([1, 2, 3, 4, 6, 5]);
    const rows = await splitByTime(la, data, { times, fraction: 0.5, of: 'rows' });
    expect(valuesOf(rows.test)).toEqual([12, 13, 21, 22]);
  });

  it('keeps entries of one time together, on the side of the earlier ones', async () => {
    const ties = await splitByTime(la, data, { times: [1, 2, 5, 5, 5, 9, 2, 1], fraction: 0.25 });
    expect(valuesOf(ties.test)).toEqual([21]);
    const equal = await splitByTime(la, data, { times: new Float64Array(8), fraction: 0.5 });
    expect([valuesOf(equal.test).length, valuesOf(equal.train).length]).toEqual([0, 8]);
  });

  it('sets no more than the fraction aside, of the table or of each row', async () => {
    const times = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const of of ['table', 'rows'] as const) {
      for (const fraction of [0.1, 0.2, 0.24, 0.25, 0.45, 0.5, 0.7, 0.9, 0.99]) {
        const { test } = await splitByTime(la, data, { times, fraction, of });
        const spans = of === 'table' ? [8] : [4, 4];
        const counts = of === 'table' ? [test.columnIndices.length] : [test.rowPointers[1], test.rowPointers[2] - test.rowPointers[1]];
        expect(counts, `${of} ${fraction}`).toEqual(spans.map((count) => Math.floor(fraction * count)));
      }
    }
    // The product is 28.999…, by rounding.
    const wide = sparse(
      1,
      100,
      Array.from({ length: 100 }, (_, j): Entry => [0, j, 1]),
    );
    const { test } = await splitByTime(la, wide, { times: Array.from({ length: 100 }, (_, j) => j), fraction: 0.29 });
    expect(test.columnIndices.length).toBe(29);
  });

  it('refuses times that are none', async () => {
    await expect(splitByTime(la, data, { times: [1, 2], fraction: 0.5 })).rejects.toThrow(
      'splitByTime: expected a time for each of 8 entries, got 2; pass them in the order of the entries',
    );
    await expect(splitByTime(la, data, { times: [1, 2, 3, 4, 5, 6, 7, Number.NaN], fraction: 0.5 })).rejects.toThrow('got NaN for entry 7');
    await expect(splitByTime(la, data, { times: new Float64Array(8), fraction: 1 })).rejects.toThrow(ConfigError);
    await expect(completeRatings(data, { byTime: { times: new Float64Array(8) }, testFraction: 0.5 })).rejects.toThrow(
      /^completeRatings: testFraction .* sets none of 8 entries aside, as none is later/,
    );
    await expect(completeRatings(data, { byTime: { times: [1] } })).rejects.toThrow('expected a time for each of 8 entries');
    await expect(completeRatings(data, { byTime: 3 as never })).rejects.toThrow(/^completeRatings: byTime must be \{ times, of:/);
  });

  it('serves a completion: what is tested is later than what is fitted', async () => {
    const entries = planted({ m: 40, n: 30, singular: [1], bias: 0.5, noise: 0.3, share: 0.5 }).filter(({ known }) => known);
    const matrix = sparse(
      40,
      30,
      entries.map(({ row, column, value }): Entry => [row, column, value]),
    );
    const times = Float64Array.from(matrix.columnIndices, (_, e) => (e * 37) % 101);
    const { test, counts } = await completeRatings(matrix, { rank: 2, byTime: { times } });
    const latest = await splitByTime(la, matrix, { times, fraction: 0.1 });
    expect(counts.test).toBe(latest.test.columnIndices.length);
    expect(test?.columnIndices).toEqual(latest.test.columnIndices);
  });
});

/** Feedback of rows of three tastes, each for a third of the columns, and of popularity. */
function tastes(m: number, n: number): CsrMatrix<HostArray> {
  const random = seededRandom(9);
  const entries: Entry[] = [];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const chance = i % 3 === j % 3 ? 0.35 : 0.03;
      if (random.uniform() < chance) entries.push([i, j, 1 + Math.floor(3 * random.uniform())]);
    }
  }
  return sparse(m, n, entries);
}

describe('completeImplicit', () => {
  const feedback = tastes(120, 60);

  it('ranks what rows take far above popularity, with a ridge of its own choice', async () => {
    const { model, ranking, popularity, tried, regularization, counts, test } = await completeImplicit(feedback, { rank: 3, top: 5 });
    expect(counts.train + counts.validation + counts.test).toBe(feedback.columnIndices.length);
    expect(test?.columnIndices.length).toBe(counts.test);
    expect(tried.map((one) => one.regularization)).toContain(regularization);
    expect(ranking?.ndcg).toBeGreaterThan(1.7 * (popularity?.ndcg ?? 1));
    expect(ranking?.recall).toBeGreaterThan(1.7 * (popularity?.recall ?? 1));
    const seen = feedback.columnIndices.slice(feedback.rowPointers[4], feedback.rowPointers[5]);
    const list = recommend(model, 4, { top: 5, seen });
    expect(list.every(({ column }) => column % 3 === 1)).toBe(true);
    expect(list.every(({ column }) => !seen.includes(column))).toBe(true);
  });

  it('takes the ridge that it is given, and refuses what it cannot complete', async () => {
    const given = await completeImplicit(feedback, { rank: 2, regularization: 4, testFraction: 0, validationFraction: 0 });
    expect([given.regularization, given.tried, given.test, given.ranking]).toEqual([4, [], undefined, undefined]);
    const twice = sparse(3, 3, [
      [0, 0, 1],
      [0, 0, 2],
      [1, 2, 1],
    ]);
    await expect(completeImplicit(twice)).rejects.toThrow('completeImplicit: expected one entry per place, got 1 more; pass mergeRepeated');
    const row = sparse(1, 5, [
      [0, 0, 1],
      [0, 1, 1],
      [0, 2, 1],
    ]);
    await expect(completeImplicit(row)).rejects.toThrow('completeImplicit: a 1×5 matrix has nothing to predict a missing entry from');
    await expect(completeImplicit(feedback, { rank: 61 })).rejects.toThrow('rank 61 exceeds that of a 120×60 table; pass rank 60 or less');
  });

  it('measures popularity by the number of entries of each column', () => {
    const counted = popularityModel(
      sparse(2, 3, [
        [0, 1, 5],
        [1, 1, 1],
        [1, 2, 1],
      ]),
    );
    expect(recommend(counted, 0).map(({ column, score }) => [column, score])).toEqual([
      [1, 2],
      [2, 1],
      [0, 0],
    ]);
  });
});

it.each([-1000, -560, 560, 1000])(
  'factorizeRatings scales with ratings of size 2^%d, whose squares leave the range of numbers',
  async (exponent) => {
    const root = 2 ** (exponent / 2);
    const random = seededRandom(3);
    const entries = Array.from({ length: 12 * 9 }, (_, place): Entry => [Math.floor(place / 9), place % 9, 1 + 4 * random.uniform()]);
    const table = sparse(
      12,
      9,
      entries.filter(() => random.uniform() < 0.7),
    );
    const scaled = { ...table, values: la.scale(root, la.scale(root, table.values)) };
    const start = la.randomNormal([9, 2], random);
    for (const options of [{}, { entryRegularization: 0.1 }, { biases: false }]) {
      for (const own of [false, true]) {
        const settings = { rank: 2, regularization: 0.5, ...options };
        const once = await factorizeRatings(table, { ...settings, ...(own && { start }) });
        const costs: number[] = [];
        const onSweep = ({ cost }: { readonly cost: number }) => costs.push(cost) < 0;
        const far = await factorizeRatings(scaled, { ...settings, onSweep, ...(own && { start: la.scale(root, start) }) });
        expect([far.converged, far.stopReason]).toEqual([once.converged, once.stopReason]);
        expect(costs).toEqual(far.sweeps.map(({ cost }) => cost));
        const inUnits = (values: Float64Array): Float64Array => values.map((value) => value / root / root);
        expect(inUnits(predictRow(far.model, 1))).toBeAllClose(predictRow(once.model, 1), 1e-10);
        const newcomer = { columns: [0, 3], values: [5, 2] };
        const folded = foldInRow(far.model, { columns: [0, 3], values: [5, 2].map((value) => value * root * root) });
        expect(inUnits(predictRow(far.model, folded))).toBeAllClose(predictRow(once.model, foldInRow(once.model, newcomer)), 1e-10);
      }
    }
  },
);
