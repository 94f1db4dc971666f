/**
 * Each operation's adjoint beside central differences of the operation, and its second derivatives beside differences
 * of the first.
 */
import { abs, eye, geometricMean, inverseSqrtSpd, outerSum, polar, solveLyapunov, solveSylvester, sqrtSpd, square, trace } from 'bures';
import { describe, expect, it } from 'vitest';
import { autodiff, autodiffVector, type DifferentiableAlgebra } from '../../src/autodiff/index.js';
import {
  csrFromTriplets,
  type HostArray,
  hostAlgebra,
  NotImplementedError,
  NumericalError,
  ShapeError,
  seededRandom,
} from '../../src/index.js';

const la = hostAlgebra({ blas: 'off' });
type Ops = DifferentiableAlgebra<HostArray>;
type Point = Readonly<Record<string, HostArray>>;

const normal = (seed: number, ...shape: number[]): HostArray => la.randomNormal(shape, seededRandom(seed));
/** Entries between one and about three: away from zeros, kinks and poles. */
const positive = (seed: number, ...shape: number[]): HostArray => la.add(la.full(shape, 1), abs(la, normal(seed, ...shape)));
/** X Xᵀ + 2I. */
const definite = (ops: Ops, x: HostArray): HostArray => {
  const shape = ops.shape(x);
  return ops.add(ops.matmul(x, x, { transposeB: true }), ops.scale(2, eye(ops, shape.at(-1) as number, shape.slice(0, -2))));
};
/** A smooth number of any array, with a different weight and power at each entry. */
const blend = (ops: Ops, y: HostArray): HostArray => {
  const weights = normal(99, ...ops.shape(y));
  return ops.add(ops.inner(y, weights), ops.scale(0.3, ops.inner(square(ops, y), weights)));
};
/** The same of several arrays. */
const blendAll = (ops: Ops, parts: readonly HostArray[]): HostArray =>
  parts.map((part) => blend(ops, part)).reduce((sum, term) => ops.add(sum, term));

const [m, n, k] = [5, 3, 2];
const pattern = csrFromTriplets(la, {
  rows: m,
  columns: n,
  rowIndices: [0, 1, 1, 3, 4, 4],
  columnIndices: [2, 0, 2, 1, 0, 2],
  values: [1, 2, -1, 0.5, 3, 1],
});

/** Computations with the points to differentiate them at; the name says the operation. */
const cases: Readonly<Record<string, readonly [Point, (ops: Ops, x: Point) => HostArray]>> = {
  add: [{ x: normal(1, m, n), y: normal(2, m, n) }, (ops, { x, y }) => blend(ops, ops.add(x, y))],
  subtract: [{ x: normal(1, m, n), y: normal(2, m, n) }, (ops, { x, y }) => blend(ops, ops.subtract(x, y))],
  'the same operand twice': [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.subtract(ops.multiply(x, x), x))],
  scale: [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.scale(-1.5, x))],
  axpy: [{ x: normal(1, m, n), y: normal(2, m, n) }, (ops, { x, y }) => blend(ops, ops.axpy(0.7, x, y))],
  multiply: [{ x: normal(1, 2, m, n), y: normal(2, 2, m, n) }, (ops, { x, y }) => blend(ops, ops.multiply(x, y))],
  divide: [{ x: normal(1, m, n), y: positive(2, m, n) }, (ops, { x, y }) => blend(ops, ops.divide(x, y))],
  sqrt: [{ x: positive(1, m, n) }, (ops, { x }) => blend(ops, ops.sqrt(x))],
  square: [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, square(ops, x))],
  abs: [
    { x: positive(1, m, n), y: la.scale(-1, positive(2, m, n)) },
    (ops, { x, y }) => blend(ops, ops.multiply(abs(ops, x), abs(ops, y))),
  ],
  sign: [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.multiply(ops.sign(x), x))],
  exp: [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.exp(x))],
  log: [{ x: positive(1, m, n) }, (ops, { x }) => blend(ops, ops.log(x))],
  'sin and cos': [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.multiply(ops.sin(x), ops.cos(ops.scale(0.5, x))))],
  atan: [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.atan(x))],
  maximum: [{ x: normal(1, m, n), y: normal(2, m, n) }, (ops, { x, y }) => blend(ops, ops.add(ops.maximum(x, y), ops.maximum(x, 0.2)))],
  'where and greater': [
    { x: normal(1, m, n), y: normal(2, m, n) },
    (ops, { x, y }) => blend(ops, ops.where(ops.greater(x, y), square(ops, x), y)),
  ],
  scaleRows: [{ d: normal(1, 2, m), x: normal(2, 2, m, n) }, (ops, { d, x }) => blend(ops, ops.scaleRows(d, x))],
  scaleColumns: [{ d: normal(1, 2, n), x: normal(2, 2, m, n) }, (ops, { d, x }) => blend(ops, ops.scaleColumns(x, d))],
  scaleEach: [{ c: normal(1, 2), x: normal(2, 2, m, n) }, (ops, { c, x }) => blend(ops, ops.scaleEach(c, x))],
  outerSum: [{ s: normal(1, 2, m), t: normal(2, 2, n) }, (ops, { s, t }) => blend(ops, outerSum(ops, s, t))],
  'diag and diagMatrix': [{ x: normal(1, 2, n, n) }, (ops, { x }) => blend(ops, ops.matmul(ops.diagMatrix(ops.diag(x)), x))],
  transpose: [{ x: normal(1, 2, m, n) }, (ops, { x }) => blend(ops, ops.transpose(x))],
  concat: [
    { x: normal(1, m, n), y: normal(2, m, k), z: normal(3, 1, n + k) },
    (ops, { x, y, z }) =>
      blend(ops, ops.concat([ops.concat([x, y, x], 'columns'), ops.concat([z, ops.slice(z, { columns: [0, n] })], 'columns')], 'rows')),
  ],
  slice: [
    { x: normal(1, 2, m, n) },
    (ops, { x }) => blendAll(ops, [ops.slice(x, { rows: [1, 4], columns: [2, 3] }), ops.slice(x, { rows: [0, 2] })]),
  ],
  reshape: [{ x: normal(1, m, n) }, (ops, { x }) => blend(ops, ops.reshape(x, [n, m]))],
  sum: [{ x: normal(1, 2, m, n) }, (ops, { x }) => blendAll(ops, [ops.sum(x, 'rows'), ops.sum(x, 'columns')])],
  sumVector: [{ x: normal(1, 2, m) }, (ops, { x }) => blend(ops, ops.sumVector(x))],
  trace: [{ x: normal(1, 2, n, n) }, (ops, { x }) => blend(ops, trace(ops, x))],
  innerEach: [{ x: normal(1, 2, m, n), y: normal(2, 2, m, n) }, (ops, { x, y }) => blend(ops, ops.innerEach(x, y))],
  normEach: [{ x: normal(1, 2, m, n) }, (ops, { x }) => blend(ops, ops.normEach(x))],
  'inner, norm and total': [
    { x: normal(1, 2, m, n), y: normal(2, 2, m, n) },
    (ops, { x, y }) => ops.multiply(ops.inner(x, y), ops.add(ops.norm(ops.subtract(x, y)), square(ops, ops.total(x)))),
  ],
  ...Object.fromEntries(
    [false, true].flatMap((transposeA) =>
      [false, true].map((transposeB) => [
        `matmul ${transposeA ? 'Aᵀ' : 'A'}${transposeB ? 'Bᵀ' : 'B'}`,
        [
          { a: transposeA ? normal(1, 2, k, m) : normal(1, 2, m, k), b: transposeB ? normal(2, 2, n, k) : normal(2, 2, k, n) },
          (ops: Ops, { a, b }: Point) => blend(ops, ops.matmul(a, b, { transposeA, transposeB })),
        ],
      ]),
    ),
  ),
  ...Object.fromEntries(
    [false, true].map((transpose) => [
      `sparseMatmul${transpose ? ' transposed' : ''}`,
      [
        { values: normal(1, 6), x: normal(2, transpose ? m : n, k) },
        (ops: Ops, { values, x }: Point) => blend(ops, ops.sparseMatmul({ ...pattern, values }, x, { transpose })),
      ],
    ]),
  ),
  sampledMatmul: [{ a: normal(1, m, k), b: normal(2, k, n) }, (ops, { a, b }) => blend(ops, ops.sampledMatmul(pattern, a, b))],
  'qr, tall': [
    { x: normal(1, 2, m, n) },
    (ops, { x }) => {
      const { Q, R } = ops.qr(x);
      return blendAll(ops, [Q, R]);
    },
  ],
  'qr, square': [
    { x: normal(1, n, n) },
    (ops, { x }) => {
      const { Q, R } = ops.qr(x);
      return blendAll(ops, [Q, R]);
    },
  ],
  ...Object.fromEntries(
    [
      [m, n],
      [n, m],
      [n, n],
    ].map((shape) => [
      `svd ${shape.join('×')}`,
      [
        { x: normal(4, ...shape) },
        (ops: Ops, { x }: Point) => {
          const { U, S, V } = ops.svd(x);
          // Projectors on leading subspaces: the vectors' signs cancel.
          const lead = (q: HostArray) => ops.slice(q, { columns: [0, 2] });
          const projector = (q: HostArray) => ops.matmul(lead(q), ops.transpose(lead(q)));
          return blendAll(ops, [S, projector(U), projector(V), ops.matmul(lead(U), ops.transpose(lead(V)))]);
        },
      ],
    ]),
  ),
  eigh: [
    { x: normal(1, n, n) },
    (ops, { x }) => {
      const { values, vectors } = ops.eigh(ops.add(x, ops.transpose(x)));
      const last = ops.slice(vectors, { columns: [n - 1, n] });
      return blendAll(ops, [values, ops.matmul(last, ops.transpose(last))]);
    },
  ],
  cholesky: [{ x: normal(1, 2, n, n) }, (ops, { x }) => blend(ops, ops.cholesky(definite(ops, x)))],
  ...Object.fromEntries(
    [true, false].flatMap((lower) =>
      [true, false].flatMap((transpose) =>
        (['left', 'right'] as const).map((side) => [
          `solveTriangular ${JSON.stringify({ lower, transpose, side })}`,
          [
            { t: la.add(la.scale(3, eye(la, n)), normal(1, n, n)), b: side === 'left' ? normal(2, n, k) : normal(2, k, n) },
            (ops: Ops, { t, b }: Point) => blend(ops, ops.solveTriangular(t, b, { lower, transpose, side })),
          ],
        ]),
      ),
    ),
  ),
  sqrtSpd: [{ x: normal(1, n, n) }, (ops, { x }) => blend(ops, sqrtSpd(ops, definite(ops, x)))],
  inverseSqrtSpd: [{ x: normal(1, n, n) }, (ops, { x }) => blend(ops, inverseSqrtSpd(ops, definite(ops, x)))],
  geometricMean: [
    { x: normal(1, n, n), y: normal(2, n, n) },
    (ops, { x, y }) => blend(ops, geometricMean(ops, definite(ops, x), definite(ops, y))),
  ],
  ...Object.fromEntries(
    [
      ['tall', normal(4, 2, m, n)],
      ['square', normal(4, n, n)],
      // Q and P are smooth there, though the singular vectors are not.
      ['with equal singular values', la.scale(2, la.qr(normal(4, m, n)).Q)],
      ['square, with equal singular values', la.qr(normal(4, n, n)).Q],
    ].map(([name, x]) => [
      `polar, ${name}`,
      [
        { x },
        (ops: Ops, at: Point) => {
          const { Q, P } = polar(ops, at.x);
          return blendAll(ops, [Q, P]);
        },
      ],
    ]),
  ),
  solveSylvester: [
    { x: normal(1, n, n), y: normal(2, k, k), c: normal(3, n, k) },
    (ops, { x, y, c }) => blend(ops, solveSylvester(ops, definite(ops, x), definite(ops, y), c)),
  ],
  solveLyapunov: [{ x: normal(1, n, n), c: normal(3, n, n) }, (ops, { x, c }) => blend(ops, solveLyapunov(ops, definite(ops, x), c))],
};

/** ⟨x, y⟩ over all arrays of two points. */
const pairing = (x: Point, y: Point): number => Object.keys(x).reduce((sum, key) => sum + la.inner(x[key], y[key]), 0);
const shifted = (x: Point, t: number, u: Point): Point =>
  Object.fromEntries(Object.entries(x).map(([key, leaf]) => [key, la.axpy(t, u[key], leaf)]));

describe.each(Object.entries(cases))('%s', (_name, [point, compute]) => {
  const cost = autodiff<HostArray, Point>(la, compute);
  const u = Object.fromEntries(Object.entries(point).map(([key, leaf], i) => [key, normal(50 + i, ...leaf.shape)]));
  const v = Object.fromEntries(Object.entries(point).map(([key, leaf], i) => [key, normal(70 + i, ...leaf.shape)]));
  const step = 1e-5;

  it('has the derivative that central differences show', async () => {
    const { gradient, cost: value } = await cost.costAndGradient(point);
    expect(value).toBeAllClose([(await cost.cost(point)) as number], 1e-12 * Math.abs(value));
    const difference = ((await cost.cost(shifted(point, step, u))) - (await cost.cost(shifted(point, -step, u)))) / (2 * step);
    expect(pairing(gradient, u)).toBeAllClose([difference], 1e-6 * Math.max(1, Math.abs(difference)));
  });

  it('has the second derivative that central differences of the first show, and a symmetric one', () => {
    const along = cost.hessianProduct(point, u);
    const difference =
      (pairing(cost.gradient.at(shifted(point, step, u)), v) - pairing(cost.gradient.at(shifted(point, -step, u)), v)) / (2 * step);
    expect(pairing(along, v)).toBeAllClose([difference], 1e-5 * Math.max(1, Math.abs(difference)));
    expect(pairing(cost.hessianProduct(point, v), u)).toBeAllClose([pairing(along, v)], 1e-9 * Math.max(1, Math.abs(difference)));
  });
});

describe('autodiff', () => {
  const x = normal(1, m, n);

  it('gives zero by what a cost does not use, and by a constant cost', () => {
    const cost = autodiff(la, (ops, { a }: Point) => ops.total(a));
    expect(cost.gradient.at({ a: x, b: x }).b).toBeAllClose(new Float64Array(m * n), 0);
    const constant = autodiff<HostArray, HostArray>(la, (ops) => ops.total(x));
    expect(constant.gradient.at(x)).toBeAllClose(new Float64Array(m * n), 0);
  });

  it('takes the norm of zero to have derivative zero', () => {
    expect(autodiff<HostArray, HostArray>(la, (ops, y) => ops.norm(y)).gradient.at(la.full([m, n], 0))).toBeAllClose(
      new Float64Array(m * n),
      0,
    );
  });

  it('takes one array in two places as two coordinates', () => {
    const cost = autodiff(la, (ops, { a, b }: Point) => ops.inner(a, square(ops, b)));
    const { a, b } = cost.gradient.at({ a: x, b: x });
    expect(a).toBeAllClose(square(la, x), 1e-12);
    expect(b).toBeAllClose(la.scale(2, square(la, x)), 1e-12);
  });

  it('refuses costs that are no single number, and says what has no derivative', () => {
    expect(() => autodiff<HostArray, HostArray>(la, (_ops, y) => y).gradient.at(x)).toThrow(ShapeError);
    expect(() => autodiff<HostArray, HostArray>(la, () => 3 as never).gradient.at(x)).toThrow(/a number has left the tape: use ops.inner/);
    expect(() => autodiff<HostArray, HostArray>(la, (ops, y) => ops.total(ops.qr(ops.transpose(y)).R)).gradient.at(x)).toThrow(
      NotImplementedError,
    );
    expect(() => autodiff(la, 3 as never)).toThrow(/cost must be a function/);
  });
});

it('derivatives of any kind through eigh at repeated eigenvalues are refused by the name of the function that made them', () => {
  const one = eye(la, 2);
  const [u, w] = [la.fromArray([1, 2, 2, 3], [2, 2]), la.fromArray([1, 2, 2, 5], [2, 2])];
  const logarithm = (ops: Ops, x: HostArray): HostArray => {
    const { values, vectors } = ops.eigh(x);
    return ops.matmul(ops.scaleColumns(vectors, ops.log(values)), vectors, { transposeB: true });
  };
  const cost = autodiff(la, (ops: Ops, x: HostArray) => ops.inner(logarithm(ops, x), w));
  const vector = autodiffVector(la, logarithm);
  const eigenvalues = autodiffVector(la, (ops: Ops, x: HostArray) => ops.eigh(x).values);
  const weights = la.fromArray([1, 2], [2]);
  const refused: [string, () => unknown][] = [
    ['autodiff.gradient', () => cost.gradient.at(one)],
    ['autodiff.hessianProduct', () => cost.hessianProduct(one, u)],
    ['autodiffVector.jvp', () => vector.jvp(one, u)],
    ['autodiffVector.vjp', () => vector.vjp.at(one, w)],
    ['autodiffVector.hessian', () => vector.hessian.at(one, u, w)],
    ['autodiffVector.hessian', () => eigenvalues.hessian.at(one, u, weights)],
  ];
  for (const [name, compute] of refused) {
    expect(compute, name).toThrow(NumericalError);
    expect(compute).toThrow(`${name}: the derivative has entries that are not finite at this point, as through eigh`);
  }
  // Apart from each other they are differentiated, and what is not finite to begin with is left to the caller.
  const apart = la.fromArray([1, 0, 0, 2], [2, 2]);
  expect(eigenvalues.hessian.at(apart, u, weights)).toBeAllClose([0, 2, 2, 0], 1e-14);
  expect(la.toArray(eigenvalues.vjp.at(apart, la.full([2], Number.NaN))).some(Number.isNaN)).toBe(true);
  const indefinite = la.fromArray([1, 0, 0, -2], [2, 2]);
  expect(() => cost.gradient.at(indefinite)).not.toThrow();
});

it('a Hessian product through eigh at repeated eigenvalues is refused, and one through the root is exact', () => {
  const twice = la.scale(4, eye(la, 3));
  const u = la.fromArray([1, 2, 0, 2, -1, 1, 0, 1, 3], [3, 3]);
  const byEigenvalues = autodiff(la, (ops: Ops, x: HostArray) => {
    const { values, vectors } = ops.eigh(x);
    return ops.inner(ops.matmul(ops.scaleColumns(vectors, ops.sqrt(values)), vectors, { transposeB: true }), u);
  });
  expect(() => byEigenvalues.hessianProduct(twice, u)).toThrow(NumericalError);
  expect(() => byEigenvalues.hessianProduct(twice, u)).toThrow(
    /through eigh and svd where values repeat, or norm .*; write the function by sqrtSpd/,
  );
  // tr(X^½) at X = 4I: its second derivative along U is −¼ tr(U²)·4^(−3/2), that is, the product −U/32.
  const byRoot = autodiff(la, (ops: Ops, x: HostArray) => trace(ops, sqrtSpd(ops, x)));
  expect(byRoot.hessianProduct(twice, u)).toBeAllClose(la.toArray(la.scale(-1 / 32, u)), 1e-14);
});

it('norms at zero have the derivative zero, and a Hessian product is refused, where only inner has one', () => {
  const costs: ((ops: Ops, x: HostArray) => HostArray)[] = [
    (ops, x) => ops.norm(x),
    (ops, x) => ops.multiply(ops.norm(x), ops.norm(x)),
    (ops, x) => ops.total(square(ops, ops.normEach(ops.reshape(x, [2, 1, 2])))),
  ];
  // The second of two rows is zero, then both.
  for (const x of [la.fromArray([3, 4, 0, 0], [2, 2]), la.full([2, 2], 0)]) {
    for (const cost of costs) expect(la.toArray(autodiff(la, cost).gradient.at(x)).slice(2)).toEqual(new Float64Array(2));
    expect(() => autodiff(la, costs[2]).hessianProduct(x, la.full([2, 2], 1))).toThrow(
      /norm and normEach of zeros; write .* squares of norms by inner/,
    );
  }
  const [zero, ones] = [la.full([2, 2], 0), la.full([2, 2], 1)];
  for (const cost of costs) expect(() => autodiff(la, cost).hessianProduct(zero, ones)).toThrow(NumericalError);
  expect(autodiff(la, (ops: Ops, x: HostArray) => ops.inner(x, x)).hessianProduct(zero, ones)).toBeAllClose(la.full([2, 2], 2), 0);
  expect(autodiff(la, (ops: Ops, x: HostArray) => ops.norm(x)).gradient.at(la.full([2, 2], Number.NaN))).toBeAllClose(
    la.full([2, 2], Number.NaN),
    0,
  );
});
