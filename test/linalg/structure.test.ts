import { outerSum } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '../../src/core/errors.js';
import { hostEngines } from '../support/engines.js';
import { batches, gaussian, sizes } from '../support/matrices.js';
import { arrange, layouts } from '../support/views.js';

const cases = fc.record({ size: sizes(7), batch: batches, layout: layouts });
const count = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** Row-major values of a batch of matrices from a formula in (member, row, column). */
function batched(batch: readonly number[], m: number, n: number, entry: (b: number, i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: count(batch) * m * n }, (_, at) => entry(Math.floor(at / (m * n)), Math.floor(at / n) % m, at % n));
}

describe.each(hostEngines)('structure operations of %s', (_name, la) => {
  it('scaleRows, scaleColumns, scaleEach and outerSum', () => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, seed }, batch, layout }) => {
        const size = count(batch);
        const x = gaussian(seed, size * m, n).values;
        const s = gaussian(seed + 1, size, m).values;
        const t = gaussian(seed + 2, size, n).values;
        const c = gaussian(seed + 3, size, 1).values;
        const at = (b: number, i: number, j: number): number => x[(b * m + i) * n + j];
        const view = arrange(layout, x, [...batch, m, n]);
        const [rows, columns] = [arrange(layout, s, [...batch, m]), arrange(layout, t, [...batch, n])];
        expect(la.scaleRows(rows, view)).toBeAllClose(
          batched(batch, m, n, (b, i, j) => s[b * m + i] * at(b, i, j)),
          0,
        );
        expect(la.scaleColumns(view, columns)).toBeAllClose(
          batched(batch, m, n, (b, i, j) => t[b * n + j] * at(b, i, j)),
          0,
        );
        expect(la.scaleEach(arrange(layout, c, batch), view)).toBeAllClose(
          batched(batch, m, n, (b, i, j) => c[b] * at(b, i, j)),
          0,
        );
        const sums = outerSum(la, rows, columns);
        expect(la.shape(sums)).toEqual([...batch, m, n]);
        expect(sums).toBeAllClose(
          batched(batch, m, n, (b, i, j) => s[b * m + i] + t[b * n + j]),
          0,
        );
      }),
    );
  });

  it('diag, diagMatrix and transpose', () => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, seed }, batch, layout }) => {
        const size = count(batch);
        const square = gaussian(seed, size * n, n).values;
        const diagonal = la.diag(arrange(layout, square, [...batch, n, n]));
        expect(la.shape(diagonal)).toEqual([...batch, n]);
        expect(diagonal).toBeAllClose(
          Float64Array.from({ length: size * n }, (_, i) => square[i * n + (i % n)]),
          0,
        );
        const d = gaussian(seed + 1, size, n).values;
        const spread = la.diagMatrix(arrange(layout, d, [...batch, n]));
        expect(spread).toBeAllClose(
          batched(batch, n, n, (b, i, j) => (i === j ? d[b * n + i] : 0)),
          0,
        );
        const x = gaussian(seed + 2, size * m, n).values;
        const swapped = la.transpose(arrange(layout, x, [...batch, m, n]));
        expect(la.shape(swapped)).toEqual([...batch, n, m]);
        expect(swapped).toBeAllClose(
          batched(batch, n, m, (b, i, j) => x[(b * m + j) * n + i]),
          0,
        );
      }),
    );
  });

  it('transpose of matrices larger than a tile', () => {
    const [m, n] = [70, 41];
    const x = gaussian(3, m, n).values;
    expect(la.transpose(la.transpose(la.fromArray(x, [m, n])))).toBeAllClose(x, 0);
    expect(la.add(la.fromArray(x, [m, n]), arrange('transposed', x, [m, n]))).toBeAllClose(
      x.map((entry) => 2 * entry),
      0,
    );
  });

  it('what concat joins, slice takes apart', () => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, r, seed }, batch, layout }) => {
        const size = count(batch);
        const left = arrange(layout, gaussian(seed, size * m, n).values, [...batch, m, n]);
        const right = arrange(layout, gaussian(seed + 1, size * m, r).values, [...batch, m, r]);
        const beside = la.concat([left, right, left], 'columns');
        expect(la.shape(beside)).toEqual([...batch, m, n + r + n]);
        expect(la.slice(beside, { columns: [0, n] })).toBeAllClose(left, 0);
        expect(la.slice(beside, { columns: [n, n + r] })).toBeAllClose(right, 0);
        expect(la.slice(beside, { columns: [n + r, n + r + n] })).toBeAllClose(left, 0);
        const above = la.concat([la.transpose(left), la.transpose(right)], 'rows');
        expect(la.transpose(above)).toBeAllClose(la.slice(beside, { columns: [0, n + r] }), 0);
        const block = la.slice(left, { rows: [1, m], columns: [1, n] });
        const values = la.toArray(left);
        expect(block).toBeAllClose(
          batched(batch, m - 1, n - 1, (b, i, j) => values[(b * m + i + 1) * n + j + 1]),
          0,
        );
      }),
    );
  });

  it('reshape keeps the row-major order, and copies', () => {
    const x = arrange('transposed', [1, 2, 3, 4, 5, 6], [2, 3]);
    const reshaped = la.reshape(x, [3, 1, 2]);
    expect(la.shape(reshaped)).toEqual([3, 1, 2]);
    expect(reshaped).toBeAllClose(Float64Array.of(1, 2, 3, 4, 5, 6), 0);
    const contiguous = la.full([2, 3], 1);
    la.reshape(contiguous, [6]).data.fill(9);
    la.transpose(contiguous).data.fill(9);
    la.slice(contiguous, {}).data.fill(9);
    expect(contiguous).toBeAllClose(new Float64Array(6).fill(1), 0);
  });

  it('empty slices and matrices without columns are allowed', () => {
    const x = la.full([2, 5, 3], 1);
    expect(la.shape(la.slice(x, { rows: [2, 2] }))).toEqual([2, 0, 3]);
    expect(la.shape(la.transpose(la.full([4, 0], 1)))).toEqual([0, 4]);
    expect(la.shape(la.scaleColumns(la.full([4, 0], 1), la.full([0], 1)))).toEqual([4, 0]);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'scaleRows',
      () => la.scaleRows(la.full([3], 1), la.full([2, 3], 1)),
      /scaleRows: .*as long as the matrix has rows, got \[3\] and 2×3/,
    ],
    ['scaleColumns', () => la.scaleColumns(la.full([2, 3], 1), la.full([2], 1)), /scaleColumns: .*has columns/],
    ['scaleEach', () => la.scaleEach(la.full([3], 1), la.full([2, 3, 4], 1)), /scaleEach: .*\[3\] and \[2, 3, 4\]/],
    ['outerSum', () => outerSum(la, la.full([2, 3], 1), la.full([4], 1)), /outerSum: expected equal batch axes/],
    ['diag', () => la.diag(la.full([2, 3], 1)), /diag: expected a square matrix .* got 2×3/],
    ['diagMatrix', () => la.diagMatrix(la.full([], 1)), /diagMatrix: expected a vector/],
    ['transpose', () => la.transpose(la.full([3], 1)), /transpose: expected a matrix .* got shape \[3\]/],
    [
      'concat',
      () => la.concat([la.full([2, 3], 1), la.full([4, 5], 1)], 'rows'),
      /concat: expected matrices with equal columns, got 2×3 and 4×5/,
    ],
    ['concat', () => la.concat([], 'rows'), /concat: expected at least one matrix/],
    ['slice', () => la.slice(la.full([2, 3], 1), { rows: [0, 4] }), /slice: rows must be \[first, end\) with 0 ≤ first ≤ end ≤ 2/],
    ['slice', () => la.slice(la.full([2, 3], 1), { columns: [2, 1] }), /slice: columns/],
    ['reshape', () => la.reshape(la.full([2, 3], 1), [4, 2]), /reshape: expected a shape with as many entries, got 2×3 and 4×2/],
  ])('%s names itself, the shapes and the remedy', (_operation, misuse, message) => {
    expect(misuse).toThrow(ShapeError);
    expect(misuse).toThrow(message);
  });

  it('concat refuses an unknown direction', () => {
    expect(() => la.concat([la.full([2, 3], 1)], 'depth' as 'rows')).toThrow(ConfigError);
  });
});
