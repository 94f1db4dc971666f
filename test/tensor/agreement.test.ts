/**
 * Float32 on a device agrees with float64 on the host: each operation of the contract, and fifty steps of descent on
 * each manifold.
 */

import type { Tensor } from '@tensorflow/tfjs-core';
import { abs, eye, geometricMean, inverseSqrtSpd, outerSum, polar, solveLyapunov, solveSylvester, sqrtSpd, square, trace } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  constantStep,
  csrMatrix,
  forEachLeaf,
  gradientDescent,
  type HostArray,
  hostAlgebra,
  type LinearAlgebra,
  mapTree,
  maxIterations,
  minimize,
  type Problem,
  seededRandom,
} from '../../src/index.js';
import type { SpecimenFactory } from '../laws/specimen-kinds.js';
import { combine, numbersOf, specimens } from '../laws/specimens.js';
import { runsOn, tensorEngines, withoutLeaks } from '../support/engines.js';
import { batches, definite, gaussian, sizes, wellConditioned } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

const host = hostAlgebra();

/** Matrices of one batch; each engine gets the same float32 numbers. */
interface Operands<M> {
  readonly x: M;
  readonly y: M;
  /** [.., n, r] */
  readonly factor: M;
  /** Positive, [.., m] and [.., n]. */
  readonly rows: M;
  readonly columns: M;
  /** One number a member. */
  readonly each: M;
  /** Symmetric positive definite n×n, κ ≤ 10. */
  readonly p: M;
  readonly q: M;
  /** Tall and wide, κ ≤ 3. */
  readonly tall: M;
  readonly wide: M;
  readonly lower: M;
}

interface Drawn {
  readonly size: { readonly m: number; readonly n: number; readonly r: number; readonly seed: number };
  readonly batch: readonly number[];
}

function operands<M>(la: LinearAlgebra<M>, { size: { m, n, r, seed }, batch }: Drawn): Operands<M> {
  const count = batch.reduce((product, length) => product * length, 1);
  const build = (offset: number, shape: readonly number[], make: (seed: number) => Float64Array): M => {
    const values = Array.from({ length: count }, (_, index) => [...make(seed + 100 * offset + 7 * index)]).flat();
    return la.fromArray(values.map(Math.fround), [...batch, ...shape]);
  };
  const [long, short] = [Math.max(m, n), Math.min(m, n)];
  const transposed = (values: Float64Array): Float64Array => values.map((_, at) => values[(at % long) * short + Math.floor(at / long)]);
  return {
    x: build(1, [m, n], (s) => gaussian(s, m, n).values),
    y: build(2, [m, n], (s) => gaussian(s, m, n).values.map((entry) => 1.5 + Math.tanh(entry))),
    factor: build(3, [n, r], (s) => gaussian(s, n, r).values),
    rows: build(4, [m], (s) => gaussian(s, m, 1).values.map((entry) => 1 + Math.abs(entry))),
    columns: build(5, [n], (s) => gaussian(s, n, 1).values.map((entry) => 1 + Math.abs(entry))),
    each: build(6, [], (s) => gaussian(s, 1, 1).values),
    p: build(7, [n, n], (s) => definite(s, n, 10).values),
    q: build(8, [n, n], (s) => definite(s, n, 10).values),
    tall: build(9, [long, short], (s) => wellConditioned(s, long, short).values),
    wide: build(10, [short, long], (s) => transposed(wellConditioned(s, long, short).values)),
    lower: build(11, [n, n], (s) => gaussian(s, n, n).values.map((entry, at) => (at % (n + 1) === 0 ? 3 + Math.abs(entry) : entry / n))),
  };
}

type Compute = <M>(la: LinearAlgebra<M>, o: Operands<M>) => unknown;

const elementwise: Readonly<Record<string, Compute>> = {
  add: (la, { x, y }) => la.add(x, y),
  subtract: (la, { x, y }) => la.subtract(x, y),
  scale: (la, { x }) => la.scale(-0.7, x),
  axpy: (la, { x, y }) => la.axpy(-0.7, x, y),
  multiply: (la, { x, y }) => la.multiply(x, y),
  divide: (la, { x, y }) => la.divide(x, y),
  sqrt: (la, { y }) => la.sqrt(y),
  square: (la, { x }) => square(la, x),
  abs: (la, { x }) => abs(la, x),
  sign: (la, { x }) => la.sign(x),
  exp: (la, { x }) => la.exp(x),
  log: (la, { y }) => la.log(y),
  sin: (la, { x }) => la.sin(x),
  cos: (la, { x }) => la.cos(x),
  atan: (la, { x }) => la.atan(x),
  maximum: (la, { x, y }) => [la.maximum(x, y), la.maximum(x, 0.25)],
  greater: (la, { x, y }) => [la.greater(x, y), la.greater(x, 0.25)],
  where: (la, { x, y }) => la.where(la.greater(x, 0), x, y),
};

const structural: Readonly<Record<string, Compute>> = {
  scaleRows: (la, { rows, x }) => la.scaleRows(rows, x),
  scaleColumns: (la, { columns, x }) => la.scaleColumns(x, columns),
  scaleEach: (la, { each, x, rows }) => [la.scaleEach(each, x), la.scaleEach(each, rows)],
  outerSum: (la, { rows, columns }) => outerSum(la, rows, columns),
  diag: (la, { p }) => la.diag(p),
  diagMatrix: (la, { columns }) => la.diagMatrix(columns),
  transpose: (la, { x }) => la.transpose(x),
  concat: (la, { x, y, factor }) => [la.concat([x, y, x], 'rows'), la.concat([x, y], 'columns'), la.concat([factor], 'columns')],
  slice: (la, { x }) => [la.slice(x, { rows: [1, 2] }), la.slice(x, { columns: [1, 2] }), la.slice(x, {})],
  reshape: (la, { x }) => la.reshape(x, [la.shape(x).reduce((product, length) => product * length, 1)]),
  'full and eye': (la) => [la.full([2, 3], 0.5), la.full([], 2), eye(la, 3), eye(la, 2, [3])],
  randomNormal: (la) => la.randomNormal([2, 3], seededRandom(5)),
};

const reductions: Readonly<Record<string, Compute>> = {
  sum: (la, { x }) => [la.sum(x, 'rows'), la.sum(x, 'columns')],
  sumVector: (la, { rows }) => la.sumVector(rows),
  trace: (la, { p }) => trace(la, p),
  innerEach: (la, { x, y }) => la.innerEach(x, y),
  normEach: (la, { x }) => la.normEach(x),
  inner: (la, { x, y }) => la.inner(x, y),
  norm: (la, { x }) => la.norm(x),
  total: (la, { x }) => la.total(x),
  maxAbs: (la, { x }) => la.maxAbs(x),
};

const products: Readonly<Record<string, Compute>> = {
  matmul: (la, { x, y, factor }) => [
    la.matmul(x, factor),
    la.matmul(x, y, { transposeB: true }),
    la.matmul(x, y, { transposeA: true }),
    la.matmul(factor, x, { transposeA: true, transposeB: true }),
  ],
  'sparseMatmul and sampledMatmul': (la, { x, factor }) => {
    const [m, n] = la.shape(x).slice(-2);
    const r = la.shape(factor).at(-1) as number;
    const sparse = csrMatrix(la, {
      rows: m,
      columns: n,
      rowPointers: Array.from({ length: m + 1 }, (_, i) => Math.min(i, 2)),
      columnIndices: Array.from({ length: Math.min(m, 2) }, (_, i) => n - 1 - i),
      values: [0.5, -2].slice(0, m),
    });
    const [left, right] = [la.full([m, r], 0.5), la.full([r, n], 0.25)];
    return [la.sparseMatmul(sparse, factor), la.sparseMatmul(sparse, x, { transpose: true }), la.sampledMatmul(sparse, left, right)];
  },
};

/** Up to signs and order of vectors, which need not agree: what is compared is determined by the data. */
const factorizations: Readonly<Record<string, Compute>> = {
  qr: (la, { tall, wide }) => [la.qr(tall).Q, la.qr(tall).R, la.matmul(la.qr(wide).Q, la.qr(wide).R)],
  svd: (la, { tall, wide }) =>
    [la.svd(tall), la.svd(wide), la.svd(tall, { accuracy: 'relative' })].flatMap(({ U, S, V }) => [
      S,
      la.matmul(la.scaleColumns(U, S), V, { transposeB: true }),
      la.matmul(U, U, { transposeA: true }),
      la.matmul(V, V, { transposeA: true }),
    ]),
  eigh: (la, { p }) => {
    const { values, vectors } = la.eigh(p);
    return [
      values,
      la.matmul(la.scaleColumns(vectors, values), vectors, { transposeB: true }),
      la.matmul(vectors, vectors, { transposeA: true }),
    ];
  },
  cholesky: (la, { p }) => la.cholesky(p),
  solveTriangular: (la, { lower, factor, x }) => [
    la.solveTriangular(lower, factor),
    la.solveTriangular(lower, factor, { transpose: true }),
    la.solveTriangular(lower, x, { side: 'right' }),
    la.solveTriangular(la.transpose(lower), x, { side: 'right', lower: false, transpose: true }),
  ],
  solveSylvester: (la, { p, q }) => solveSylvester(la, p, q, la.matmul(p, q)),
  solveLyapunov: (la, { p, q }) => solveLyapunov(la, p, q),
  sqrtSpd: (la, { p }) => sqrtSpd(la, p),
  inverseSqrtSpd: (la, { p }) => inverseSqrtSpd(la, p),
  polar: (la, { tall }) => [polar(la, tall).Q, polar(la, tall).P],
  geometricMean: (la, { p, q }) => geometricMean(la, p, q),
};

async function flatten<M>(la: LinearAlgebra<M>, results: unknown): Promise<Float64Array> {
  const numbers: number[] = [];
  for (const result of Array.isArray(results) ? results : [results]) {
    const settled = await result;
    if (typeof settled === 'number') numbers.push(settled);
    else numbers.push(...la.shape(settled as M), ...(await la.toArray(settled as M)));
  }
  return Float64Array.from(numbers);
}

describe.each(tensorEngines)('%s and the host agree', (_name, la) => {
  const operations = { ...elementwise, ...structural, ...reductions, ...products, ...factorizations };
  it.each(Object.entries(operations))('in %s', async (_operation, compute) => {
    await fc.assert(
      fc.asyncProperty(sizes(9), batches, async (size, batch) =>
        withoutLeaks(la as unknown as LinearAlgebra<unknown>, async () => {
          const expected = await flatten<HostArray>(host, compute(host, operands(host, { size, batch })));
          const received = await flatten<Tensor>(la, compute(la, operands<Tensor>(la, { size, batch })));
          const scale = Math.max(
            1,
            expected.reduce((bound, value) => Math.max(bound, Math.abs(value)), 0),
          );
          expect(received).toBeAllClose(expected, tolerance(la, 20 * (size.m + size.n), 10 * scale));
        }),
      ),
      { numRuns: runsOn(la, 12) },
    );
  });

  it('reads into memory of the caller, of either precision', async () => {
    const values = [1, 2.5, -3, 4, 0, 6e-3].map(Math.fround);
    const x = la.fromArray(values, [3, 2]);
    const [wide, narrow] = [new Float64Array(6), new Float32Array(6)];
    await la.readInto(x, wide);
    await la.readInto(x, narrow);
    expect([...wide]).toEqual(values);
    expect([...narrow]).toEqual(values);
    expect(() => la.readInto(x, new Float32Array(5))).toThrow('has 6 entries, but the target holds 5');
    la.dispose(x);
    expect(() => la.readInto(x, narrow)).toThrow('disposed of');
  });

  it('copies what it is given', async () => {
    const values = Float32Array.of(1, 2, 3);
    const x = la.fromArray(values, [3]);
    values[0] = 9;
    expect([...(await la.toArray(x))]).toEqual([1, 2, 3]);
    la.dispose(x);
  });

  it('covers the contract', () => {
    const elsewhere = [
      'name',
      'epsilon',
      'report',
      'isArray',
      'shape',
      'fromArray',
      // In test/linalg/rows.test.ts.
      'fromRows',
      'toRows',
      'toArray',
      'readInto',
      'peek',
      'dtype',
      'readsSynchronously',
      'full',
      // In test/tensor/wasm/kernels.test.ts.
      'adamStep',
      'tidy',
      'openScope',
      'keep',
      'dispose',
    ];
    const covered = Object.keys(operations).flatMap((name) => name.split(' and '));
    expect(Object.keys(la).filter((name) => ![...elsewhere, ...covered].includes(name))).toEqual([]);
  });
});

/** ½‖X − Z‖², X the gauge-free matrix of a point. */
function distanceTo<M>(
  la: LinearAlgebra<M>,
  make: SpecimenFactory,
  values: Float64Array,
  target: readonly Float64Array[],
  start: readonly Float64Array[],
) {
  const specimen = make(la, { m: 7, n: 5, r: 3, batch: [2] });
  const fill = (tree: unknown, numbers: readonly Float64Array[]): unknown => {
    let at = 0;
    return mapTree(la, (leaf: M) => la.fromArray(numbers[at++], la.shape(leaf)), tree);
  };
  const example = specimen.point(values, seededRandom(1));
  const goal = fill(specimen.matrix(example), target);
  const residual = (x: unknown): unknown => combine(la, 1, specimen.matrix(x), -1, goal);
  const problem: Problem<M, unknown, unknown, unknown, unknown> = {
    manifold: specimen.manifold,
    cost: async (x) => (await numbersOf(la, residual(x))).reduce((sum, d) => sum + 0.5 * d * d, 0),
    gradient: { kind: 'ambient', at: (x) => specimen.egrad(x, residual(x)) },
  };
  return { specimen, problem, initial: fill(example, start) };
}

async function leafNumbers<M>(la: LinearAlgebra<M>, tree: unknown): Promise<Float64Array[]> {
  const leaves: M[] = [];
  forEachLeaf<M>(la, tree, (leaf) => leaves.push(leaf));
  return Promise.all(leaves.map(async (leaf) => la.toArray(leaf)));
}

describe.each(tensorEngines)('fifty steps of descent on %s and on the host end at the same matrix', (_name, la) => {
  it.each(specimens)('%s', async (_specimen, make) => {
    const values = Float64Array.of(1, 0.7, 0.4);
    const model = make(host, { m: 7, n: 5, r: 3, batch: [2] });
    const target = await leafNumbers(host, model.matrix(model.point(values, seededRandom(2))));
    const start = await leafNumbers(host, model.point(values, seededRandom(3)));
    const descend = async <M>(engine: LinearAlgebra<M>, step: number): Promise<{ matrix: Float64Array; costs: number[] }> => {
      const { specimen, problem, initial } = distanceTo(engine, make, values, target, start);
      const solver = gradientDescent({ stepSize: constantStep(step) });
      const { x, iterations, history } = await minimize(problem, { solver, initial, stop: maxIterations(50) });
      expect(iterations).toBe(50);
      return { matrix: await numbersOf(engine, specimen.matrix(x)), costs: history.map(({ cost }) => cost) };
    };
    // Steps at which the cost rises again are beyond stability: there roundings grow without bound.
    let step = 0.1;
    let onHost = await descend(host, step);
    while (onHost.costs.some((cost, k, all) => k > 0 && cost > all[k - 1] + 1e-9 * all[0])) {
      step /= 4;
      onHost = await descend(host, step);
    }
    await withoutLeaks(la as unknown as LinearAlgebra<unknown>, async () => {
      // Errors of each step add up: fifty times those of one.
      expect((await descend<Tensor>(la, step)).matrix).toBeAllClose(onHost.matrix, tolerance(la, 50 * 12, 1 / 0.4));
    });
  });
});
