import { describe, expect, it } from 'vitest';
import { csrFromTriplets, hostAlgebra, ShapeError, type SparsePasses } from '../../src/index.js';
import type { HostArray } from '../../src/linalg/host/host-array.js';
import { gaussian } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

const la = hostAlgebra({ blas: 'off' });
const passes = la.sparsePasses as SparsePasses<HostArray>;
const [m, n, count] = [11, 8, 40];
const data = csrFromTriplets(la, {
  rows: m,
  columns: n,
  rowIndices: Array.from({ length: count }, (_, e) => (e * e) % (m - 1)),
  columnIndices: Array.from({ length: count }, (_, e) => (e * 3) % (n - 1)),
  values: gaussian(1, count, 1).values,
});
const array = (seed: number, rows: number, columns: number) => la.fromArray(gaussian(seed, rows, columns).values, [rows, columns]);
const factors = (seed: number, k: number) => ({ left: array(seed, m, k), right: array(seed + 1, n, k) });
const sampled = ({ left, right }: ReturnType<typeof factors>) => la.sampledMatmul(data, left, la.transpose(right));

describe.each([1, 2, 3, 5, 8, 9, 14])('sparse passes of inner size %i', (k) => {
  it.each([1, 4, 7])('give what the separate products give, by %i columns', (columns) => {
    const [x, by] = [factors(2, k), factors(5, columns)];
    const residual = la.subtract(sampled(x), data.values);
    for (const [found, values] of [
      [passes.residual(data, x, by), residual],
      [passes.sampled(data, x, by), sampled(x)],
    ] as const) {
      expect(found.squaredNorm).toBeAllClose(la.inner(values, values), tolerance(la, 100, 100));
      expect(found.product).toBeAllClose(la.sparseMatmul({ ...data, values }, by.right), tolerance(la, 100, 100));
      expect(found.transposeProduct).toBeAllClose(
        la.sparseMatmul({ ...data, values }, by.left, { transpose: true }),
        tolerance(la, 100, 100),
      );
    }
  });

  it('give all inner products of a curve', () => {
    const [x, first, second] = [factors(2, k), factors(7, 2 * k), factors(9, 3)];
    const [e, s, q] = [la.subtract(sampled(x), data.values), sampled(first), sampled(second)];
    const expected = { ee: [e, e], es: [e, s], ss: [s, s], eq: [e, q], sq: [s, q], qq: [q, q] } as const;
    const found = passes.curve(data, x, first, second);
    for (const [name, [a, b]] of Object.entries(expected)) {
      expect(found[name as keyof typeof expected]).toBeAllClose(la.inner(a, b), tolerance(la, 1000, 1000));
    }
  });
});

describe('sparse passes', () => {
  it.each([7, 8, 11, 19])('of inner size %i read a right factor that both pairs share once, in rows of hundreds of entries', (k) => {
    const [rows, columns] = [3, 400];
    const pattern = csrFromTriplets(la, {
      rows,
      columns,
      rowIndices: Array.from({ length: 450 }, (_, e) => (e < 350 ? 0 : 2)),
      columnIndices: Array.from({ length: 450 }, (_, e) => (e * 7) % columns),
      values: gaussian(1, 450, 1).values,
    });
    const normal = (seed: number, length: number) => la.fromArray(gaussian(seed, length, k).values, [length, k]);
    const [right, left, other] = [normal(2, columns), normal(3, rows), normal(4, rows)];
    const values = la.subtract(la.sampledMatmul(pattern, left, la.transpose(right)), pattern.values);
    const found = passes.residual(pattern, { left, right }, { left: other, right });
    const residual = { ...pattern, values };
    expect(found.squaredNorm).toBeAllClose(la.inner(values, values), tolerance(la, 1000, 1000));
    expect(found.product).toBeAllClose(la.sparseMatmul(residual, right), tolerance(la, 1000, 100));
    expect(found.transposeProduct).toBeAllClose(la.sparseMatmul(residual, other, { transpose: true }), tolerance(la, 100, 100));
  });

  it('refuse factors that do not fit', () => {
    const x = factors(2, 3);
    expect(() => passes.residual(data, { ...x, right: la.transpose(x.right) }, x)).toThrow(ShapeError);
    expect(() => passes.sampled(data, x, { ...x, left: array(1, m, 2) })).toThrow(/inner index last: transpose it/);
  });
});
