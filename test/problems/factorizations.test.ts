/**
 * `biasedFactorization` and `implicitFactorization` beside their definitions on dense matrices, and the fits that solve
 * them.
 */
import {
  biasedFactorization,
  type FactorizationProblem,
  factorizeImplicit,
  factorizeRatings,
  factorSweeps,
  implicitFactorization,
  predictRatings,
} from 'bures/problems';
import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../src/diagnostics/index.js';
import {
  ConfigError,
  type CsrMatrix,
  csrFromTriplets,
  type HostArray,
  hostAlgebra,
  iterate,
  maxIterations,
  minimize,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import { planted } from '../cli/completions.js';

const la = hostAlgebra();

type Entry = readonly [row: number, column: number, value: number];

function sparse(rows: number, columns: number, entries: readonly Entry[]): CsrMatrix<HostArray> {
  const [rowIndices, columnIndices, values] = [0, 1, 2].map((k) => entries.map((entry) => entry[k]));
  return csrFromTriplets(la, { rows, columns, rowIndices, columnIndices, values });
}

const [m, n, rank] = [9, 7, 2];

/** Some 40 % of the places, with an empty row and an empty column, and counts of 1 to 5. */
function someEntries(): readonly Entry[] {
  const random = seededRandom(5);
  const entries: Entry[] = [];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++)
      if (random.uniform() < 0.4 && i !== 2 && j !== 1) entries.push([i, j, 1 + Math.floor(5 * random.uniform())]);
  }
  return entries;
}

const entries = someEntries();
const observed = sparse(m, n, entries);
const mean = entries.reduce((sum, [, , z]) => sum + z, 0) / entries.length;
const [lambda, biasLambda, alpha] = [0.7, 1.3, 2.5];

/** ½ Σ c (p − x)² + ½ ridges, of unknowns of rows and columns with k numbers each, over all places. */
type DenseCost = (rows: Float64Array, columns: Float64Array) => number;

const dot = (rows: Float64Array, i: number, columns: Float64Array, j: number, k: number): number =>
  Array.from({ length: rank }, (_, p) => rows[i * k + p] * columns[j * k + p]).reduce((sum, x) => sum + x, 0);

const biasedCost: DenseCost = (rows, columns) => {
  const k = rank + 1;
  const fit = entries.reduce(
    (sum, [i, j, z]) => sum + (z - mean - rows[i * k + rank] - columns[j * k + rank] - dot(rows, i, columns, j, k)) ** 2,
    0,
  );
  const ridge = (unknowns: Float64Array): number =>
    unknowns.reduce((sum, x, place) => sum + (place % k === rank ? biasLambda : lambda) * x * x, 0);
  return 0.5 * (fit + ridge(rows) + ridge(columns));
};

const implicitCost: DenseCost = (rows, columns) => {
  let fit = 0;
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const strength = entries.find(([row, column]) => row === i && column === j)?.[2] ?? 0;
      fit += (1 + alpha * strength) * ((strength > 0 ? 1 : 0) - dot(rows, i, columns, j, rank)) ** 2;
    }
  }
  const ridge = (unknowns: Float64Array): number => lambda * unknowns.reduce((sum, x) => sum + x * x, 0);
  return 0.5 * (fit + ridge(rows) + ridge(columns));
};

const problems: readonly (readonly [string, FactorizationProblem, DenseCost])[] = [
  ['biasedFactorization', biasedFactorization({ observed, rank, regularization: lambda, biasRegularization: biasLambda }), biasedCost],
  ['implicitFactorization', implicitFactorization({ observed, rank, regularization: lambda, alpha }), implicitCost],
];

describe.each(problems)('%s', (_name, problem, dense) => {
  const x = la.randomNormal(problem.unknowns, seededRandom(3));

  it('has the cost of its definition, which no other rows make less', async () => {
    const { cost, rows, columns, columnsCost } = await problem.solve(x);
    const [left, right] = [la.toArray(rows), la.toArray(x)];
    expect(cost).toBeCloseTo(dense(left, right), 10);
    expect(columnsCost).toBeCloseTo(dense(left, la.toArray(columns)), 10);
    expect(columnsCost).toBeLessThan(cost);
    const random = seededRandom(8);
    for (let k = 0; k < 5; k++) {
      const shaken = (unknowns: Float64Array): Float64Array => unknowns.map((value) => value + 1e-3 * random.normal());
      expect(dense(shaken(left), right)).toBeGreaterThan(cost);
      expect(dense(left, shaken(la.toArray(columns)))).toBeGreaterThan(columnsCost);
    }
  });

  it('has the gradient of that cost', async () => {
    expect((await checkGradient(problem, { x, u: la.randomNormal(problem.unknowns, seededRandom(4)) })).verdict).toMatch(/: correct/);
  });

  it('is solved by alternation, each sweep lower than the one before without momentum, and to the same cost with it', async () => {
    const plain = await costsOf(problem, x, 2000, 0);
    for (let k = 1; k < plain.length; k++) expect(plain[k]).toBeLessThanOrEqual(plain[k - 1] * (1 + 1e-14));
    const least = plain[2000];
    expect((await costsOf(problem, x, 2000))[2000]).toBeLessThan(least * (1 + 1e-9));
    expect(() => factorSweeps(problem, 1)).toThrow('factorSweeps: momentum must be a finite number at least 0 and below 1, got 1');
    // What a general solver finds is no lower.
    const other = await minimize(problem, { initial: x, stop: maxIterations(3000) });
    expect(other.cost).toBeGreaterThan((1 - 1e-6) * least);
    expect(other.gradientNorm).toBeLessThan(1e-2);
  });
});

/** Costs of a number of sweeps from a start. */
async function costsOf(problem: FactorizationProblem, initial: HostArray, sweeps: number, momentum?: number): Promise<number[]> {
  const costs: number[] = [];
  for await (const { cost, iteration } of iterate(problem, { solver: factorSweeps(problem, momentum), initial })) {
    costs.push(cost);
    if (iteration === sweeps) break;
  }
  return costs;
}

describe('factorizeRatings', () => {
  const noise = 0.3;
  const truth = planted({ m: 130, n: 80, singular: [1, 0.7], bias: 0.5, noise, share: 0.4 });
  const ratings = sparse(
    130,
    80,
    truth.filter(({ known }) => known).map(({ row, column, value }): Entry => [row, column, value]),
  );

  it('recovers a planted model below its noise, where nothing was known', async () => {
    const { model, sweeps, converged, stopReason } = await factorizeRatings(ratings, {
      rank: 2,
      regularization: 0.3,
      biasRegularization: 1,
    });
    expect(converged, stopReason).toBe(true);
    expect(sweeps.map(({ sweep }) => sweep)).toEqual(sweeps.map((_, k) => k + 1));
    const hidden = truth.filter(({ known }) => !known);
    const found = predictRatings(
      { ...model, rowFit: model.rowFit },
      hidden.map(({ row }) => row),
      hidden.map(({ column }) => column),
    );
    const squares = hidden.reduce((sum, { clean }, e) => sum + (found[e] - clean) ** 2, 0);
    expect(Math.sqrt(squares / hidden.length)).toBeLessThan(noise);
  });

  it('takes fewer sweeps with momentum where the ridge is small', async () => {
    const problem = biasedFactorization({ observed: ratings, rank: 4, regularization: 0.1 });
    const start = la.randomNormal(problem.unknowns, seededRandom(3));
    const plain = await costsOf(problem, start, 400, 0);
    const sweepsTo = (costs: readonly number[]): number => costs.findIndex((cost) => cost < plain[400] * (1 + 1e-3));
    expect(sweepsTo(await costsOf(problem, start, 400))).toBeLessThan(0.7 * sweepsTo(plain));
  });

  it('is the same in other units of the values', async () => {
    const scaled = { ...ratings, values: la.scale(1e6, ratings.values) };
    const [one, other] = [await factorizeRatings(ratings, { rank: 3 }), await factorizeRatings(scaled, { rank: 3 })];
    const [first, second] = [one.model, other.model].map((model) => predictRatings(model, [0, 5, 7], [3, 2, 1]));
    expect(second).toBeAllClose(
      first.map((value) => 1e6 * value),
      1e-3,
    );
  });

  it.each([
    ['a single rating', sparse(3, 2, [[1, 1, 4]]), 4],
    [
      'ratings that are all the same',
      sparse(3, 2, [
        [0, 1, 4],
        [2, 0, 4],
      ]),
      4,
    ],
  ])('has a model of %s', async (_what, few, value) => {
    const { model } = await factorizeRatings(few, { rank: 2 });
    expect(predictRatings(model, [0, 1, 2, -1], [0, 1, 1, -1])).toBeAllClose([value, value, value, value], 1e-12);
  });

  it('stops when it is told to, and on an abort', async () => {
    const stopped = await factorizeRatings(ratings, { onSweep: ({ sweep }) => sweep === 2 });
    expect([stopped.sweeps.length, stopped.converged, stopped.stopReason]).toEqual([2, true, 'onSweep returned true after sweep 2']);
    const controller = new AbortController();
    const aborted = await factorizeRatings(ratings, {
      signal: controller.signal,
      onSweep() {
        controller.abort();
        return undefined;
      },
    });
    expect([aborted.converged, aborted.stopReason]).toEqual([false, 'aborted after sweep 1']);
    const limited = await factorizeRatings(ratings, { maxSweeps: 3, tolerance: 0 });
    expect([limited.sweeps.length, limited.converged, limited.stopReason]).toEqual([3, false, '3 sweeps']);
  });

  it('refuses what tells nothing, and a start of another table', async () => {
    await expect(factorizeRatings(sparse(3, 2, []))).rejects.toThrow(ConfigError);
    await expect(factorizeRatings(sparse(3, 2, []))).rejects.toThrow('factorizeRatings: expected entries to fit, got none; pass');
    const start = la.full([5, 2], 1);
    await expect(factorizeRatings(ratings, { rank: 2, start })).rejects.toThrow(ShapeError);
    await expect(factorizeRatings(ratings, { rank: 2, start })).rejects.toThrow('expected a start of shape [80, 2]');
  });
});

describe('factorizeImplicit', () => {
  it('makes the step of Hu, Koren and Volinsky, by the sums over all columns', async () => {
    const start = la.randomNormal([n, rank], seededRandom(6));
    const { model } = await factorizeImplicit(observed, { rank, alpha, regularization: lambda, start, maxSweeps: 1 });
    const factors = la.toRows(start);
    for (let i = 0; i < m; i++) {
      const normal = [
        [lambda, 0],
        [0, lambda],
      ];
      const right = [0, 0];
      for (let j = 0; j < n; j++) {
        const strength = entries.find(([row, column]) => row === i && column === j)?.[2] ?? 0;
        const confidence = 1 + alpha * strength;
        for (const p of [0, 1]) {
          for (const q of [0, 1]) normal[p][q] += confidence * factors[j][p] * factors[j][q];
          if (strength > 0) right[p] += confidence * factors[j][p];
        }
      }
      const determinant = normal[0][0] * normal[1][1] - normal[0][1] * normal[1][0];
      const expected = [
        (normal[1][1] * right[0] - normal[0][1] * right[1]) / determinant,
        (normal[0][0] * right[1] - normal[1][0] * right[0]) / determinant,
      ];
      expect(la.toRows(model.left)[i]).toBeAllClose(expected, 1e-10);
    }
    // A row without feedback has no preference.
    expect(la.toRows(model.left)[2]).toEqual([0, 0]);
    expect(model.range).toBeUndefined();
  });

  it.each([
    [[0, 0, 0], 'got 0 at entry 0'],
    [[0, 0, -1], 'got -1 at entry 0'],
  ] as const)('refuses the entry %o', async (entry, message) => {
    const wrong = sparse(2, 2, [entry, [1, 1, 3]]);
    await expect(factorizeImplicit(wrong)).rejects.toThrow(ConfigError);
    await expect(factorizeImplicit(wrong)).rejects.toThrow(`factorizeImplicit: expected strengths of feedback above 0, ${message}; leave`);
  });
});
