import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericalError, ShapeError } from '../../src/core/errors.js';
import { csrFromTriplets, csrMatrix } from '../../src/linalg/csr.js';
import { hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import { gaussian, sizes } from '../support/matrices.js';

const la = hostAlgebra({ blas: 'off' });
const parts = { rows: 3, columns: 5, rowPointers: [0, 2, 2, 3], columnIndices: [4, 0, 1], values: [1, 2, 3] };
const triplets = { rows: 3, columns: 5, rowIndices: [2, 0, 0], columnIndices: [1, 4, 0], values: [3, 1, 2] };

describe('sparse matrices', () => {
  it('csrMatrix copies its parts', () => {
    const values = Float64Array.of(1, 2, 3);
    const matrix = csrMatrix(la, { ...parts, values });
    values.fill(0);
    expect(matrix).toMatchObject({ kind: 'csr', rows: 3, columns: 5 });
    expect(matrix.values).toBeAllClose([1, 2, 3], 0);
    expect([...matrix.rowPointers]).toEqual([0, 2, 2, 3]);
  });

  it('csrFromTriplets sorts entries into rows and keeps their order within each', () => {
    const matrix = csrFromTriplets(la, triplets);
    expect([...matrix.rowPointers]).toEqual([0, 2, 2, 3]);
    expect([...matrix.columnIndices]).toEqual([4, 0, 1]);
    expect(matrix.values).toBeAllClose([1, 2, 3], 0);
  });

  it('csrFromTriplets tells the order of its entries', () => {
    const values = [5, 6, 7, 8, 9];
    const matrix = csrFromTriplets(la, { rows: 3, columns: 4, rowIndices: [2, 0, 2, 1, 0], columnIndices: [3, 1, 0, 2, 1], values });
    expect([...matrix.order]).toEqual([1, 4, 3, 0, 2]);
    expect([...la.toArray(matrix.values)]).toEqual([...matrix.order].map((e) => values[e]));
  });

  it('triplets read off compressed rows give the same matrix back', () => {
    fc.assert(
      fc.property(sizes(9), ({ m, n, r, seed }) => {
        const rowIndices = Array.from({ length: m * r }, (_, e) => (e * 7 + seed) % m);
        const columnIndices = Array.from({ length: m * r }, (_, e) => (e * 5 + seed) % n);
        const first = csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices, values: gaussian(seed, m, r).values });
        const rows = Array.from(first.columnIndices, (_, e) => first.rowPointers.findIndex((pointer) => pointer > e) - 1);
        const again = csrFromTriplets(la, {
          rows: m,
          columns: n,
          rowIndices: rows,
          columnIndices: first.columnIndices,
          values: la.toArray(first.values),
        });
        expect(again.rowPointers).toEqual(first.rowPointers);
        expect(again.columnIndices).toEqual(first.columnIndices);
        expect(again.values).toBeAllClose(first.values, 0);
      }),
    );
  });

  it('takes memory for its entries, not for its shape', () => {
    const side = 2 ** 30;
    const matrix = csrFromTriplets(la, { rows: 3, columns: side, rowIndices: [1], columnIndices: [side - 1], values: [7] });
    expect([...matrix.rowPointers]).toEqual([0, 0, 1, 1]);
    expect([...matrix.columnIndices]).toEqual([side - 1]);
  });

  it('a matrix without entries is allowed', () => {
    const empty = csrFromTriplets(la, { rows: 3, columns: 5, rowIndices: [], columnIndices: [], values: [] });
    expect(la.sparseMatmul(empty, la.full([5, 2], 1))).toBeAllClose(new Float64Array(6), 0);
  });

  it.each<[string, object, RegExp]>([
    ['pointers that decrease', { rowPointers: [0, 2, 1, 3] }, /row pointers decrease from 2 to 1 at row 1/],
    ['too few pointers', { rowPointers: [0, 2, 3] }, /expected 4 row pointers from 0 to 3, got 3 from 0 to 3/],
    ['pointers that end elsewhere', { rowPointers: [0, 1, 1, 2] }, /expected 4 row pointers from 0 to 3/],
    ['a column outside', { columnIndices: [4, 0, 5] }, /column index 5 of entry 2 is outside 0 … 4/],
    ['a column that is no integer', { columnIndices: [4, 0.5, 1] }, /columnIndices must be integers/],
    ['a negative column', { columnIndices: [4, -1, 1] }, /columnIndices must be integers .* got -1 at place 1/],
    ['too few values', { values: [1, 2] }, /expected one value for each of the 3 column indices, got 2/],
    ['no rows', { rows: 0 }, /rows must be a positive integer/],
  ])('csrMatrix refuses %s', (_fault, change, message) => {
    expect(() => csrMatrix(la, { ...parts, ...change })).toThrow(ShapeError);
    expect(() => csrMatrix(la, { ...parts, ...change })).toThrow(message);
  });

  it.each<[string, object, RegExp]>([
    ['a row outside', { rowIndices: [2, 0, 3] }, /csrFromTriplets: rowIndices must be integers from 0 to 2, got 3 at place 2/],
    ['a column outside', { columnIndices: [1, 4, 5] }, /csrFromTriplets: columnIndices must be integers from 0 to 4, got 5/],
    ['lists of unequal length', { rowIndices: [2, 0] }, /as many row indices as column indices, got 2 and 3/],
  ])('csrFromTriplets refuses %s', (_fault, change, message) => {
    expect(() => csrFromTriplets(la, { ...triplets, ...change })).toThrow(ShapeError);
    expect(() => csrFromTriplets(la, { ...triplets, ...change })).toThrow(message);
  });

  it('both refuse a value that is not finite', () => {
    const values = [1, Number.NaN, 3];
    expect(() => csrMatrix(la, { ...parts, values })).toThrow(NumericalError);
    expect(() => csrFromTriplets(la, { ...triplets, values })).toThrow(/csrFromTriplets: value NaN of entry 1 is not finite/);
  });
});
