import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../src/core/errors.js';
import { csrFromTriplets } from '../../src/linalg/csr.js';
import { hostEngines } from '../support/engines.js';
import { batches, gaussian, type Sizes, sizes } from '../support/matrices.js';
import { dense, members, multiply, transposed } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

const count = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

describe.each(hostEngines)('products of %s', (_name, la) => {
  it('matmul agrees with the triple loop for every transposition, layout and batch', () => {
    fc.assert(
      fc.property(
        sizes(14),
        batches,
        layouts,
        layouts,
        fc.boolean(),
        fc.boolean(),
        ({ m, n, r, seed }, batch, layoutA, layoutB, transposeA, transposeB) => {
          const a = gaussian(seed, count(batch) * m, r).values;
          const b = gaussian(seed + 1, count(batch) * r, n).values;
          const [as, bs] = [members(a, m, r), members(b, r, n)];
          const storedA = as.flatMap((one) => Array.from((transposeA ? transposed(one) : one).values));
          const storedB = bs.flatMap((one) => Array.from((transposeB ? transposed(one) : one).values));
          const product = la.matmul(
            arrange(layoutA, storedA, [...batch, ...(transposeA ? [r, m] : [m, r])]),
            arrange(layoutB, storedB, [...batch, ...(transposeB ? [n, r] : [r, n])]),
            { transposeA, transposeB },
          );
          expect(la.shape(product)).toEqual([...batch, m, n]);
          expect(product).toBeAllClose(
            as.flatMap((one, index) => Array.from(multiply(one, bs[index]).values)),
            tolerance(la, 4 * r, 20),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('matmul of larger matrices, whose sides are no multiples of a block', () => {
    for (const [m, k, n] of [
      [67, 301, 43],
      [130, 5, 261],
      [3, 530, 1],
    ]) {
      const [a, b] = [gaussian(m, m, k), gaussian(n, k, n)];
      const product = la.matmul(la.fromArray(a.values, [m, k]), la.fromArray(b.values, [k, n]));
      expect(product).toBeAllClose(multiply(a, b).values, tolerance(la, 8 * Math.sqrt(k), 8 * Math.sqrt(k)));
    }
  });

  it('a product over nothing is zero', () => {
    expect(la.matmul(la.full([2, 0], 1), la.full([0, 3], 1))).toBeAllClose(la.full([2, 3], 0), 0);
    expect(la.shape(la.matmul(la.full([0, 4], 1), la.full([4, 3], 1)))).toEqual([0, 3]);
    expect(la.shape(la.matmul(la.full([0, 2, 4], 1), la.full([0, 4, 3], 1)))).toEqual([0, 2, 3]);
  });

  it('matmul names both shapes and the remedy', () => {
    expect(() => la.matmul(la.full([2, 3], 1), la.full([4, 5], 1))).toThrow(ShapeError);
    expect(() => la.matmul(la.full([2, 3], 1), la.full([4, 5], 1))).toThrow(
      'matmul: expected as many columns of A as rows of B, got 2×3 and 4×5; check the factors, or set transposeA / transposeB',
    );
    expect(() => la.matmul(la.full([7, 2, 3], 1), la.full([3, 5], 1))).toThrow(/matmul: expected equal batch axes/);
    expect(() => la.matmul(la.full([3], 1), la.full([3, 5], 1))).toThrow(/matmul: expected a matrix/);
  });

  const sparseCases = fc.record({ size: sizes(11), layout: layouts, density: fc.constantFrom(0, 0.2, 0.7) });

  /** Entries at random places, some of them twice; and the same as a dense matrix. */
  function sparsePair({ m, n, seed }: Sizes, density: number) {
    const places = gaussian(seed + 5, 2, Math.round(density * m * n)).values;
    const nnz = places.length / 2;
    const pick = (x: number, length: number): number => Math.floor(Math.abs(x) * 1000) % length;
    const rowIndices = Array.from({ length: nnz }, (_, e) => pick(places[e], m));
    const columnIndices = Array.from({ length: nnz }, (_, e) => pick(places[nnz + e], n));
    const values = gaussian(seed + 6, nnz, 1).values;
    const sparse = csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices, values });
    const full = dense(m, n, (i, j) =>
      values.reduce((sum, value, e) => sum + (rowIndices[e] === i && columnIndices[e] === j ? value : 0), 0),
    );
    return { sparse, full };
  }

  it('sparseMatmul agrees with the dense product, transposed and batched too', () => {
    fc.assert(
      fc.property(sparseCases, batches, ({ size, layout, density }, batch) => {
        const { m, n, r, seed } = size;
        const { sparse, full } = sparsePair(size, density);
        const x = gaussian(seed, count(batch) * n, r).values;
        const y = gaussian(seed + 1, count(batch) * m, r).values;
        const bound = tolerance(la, 4 * m * n, 20);
        const product = la.sparseMatmul(sparse, arrange(layout, x, [...batch, n, r]));
        expect(la.shape(product)).toEqual([...batch, m, r]);
        expect(product).toBeAllClose(
          members(x, n, r).flatMap((one) => Array.from(multiply(full, one).values)),
          bound,
        );
        expect(la.sparseMatmul(sparse, arrange(layout, y, [...batch, m, r]), { transpose: true })).toBeAllClose(
          members(y, m, r).flatMap((one) => Array.from(multiply(transposed(full), one).values)),
          bound,
        );
      }),
    );
  });

  it('sampledMatmul gives the entries of the product at the places of the pattern', () => {
    fc.assert(
      fc.property(sparseCases, ({ size, layout, density }) => {
        const { m, n, r, seed } = size;
        const { sparse } = sparsePair(size, density);
        const [a, b] = [gaussian(seed, m, r), gaussian(seed + 1, r, n)];
        const product = multiply(a, b).values;
        const sampled = la.sampledMatmul(sparse, arrange(layout, a.values, [m, r]), arrange(layout, b.values, [r, n]));
        const expected: number[] = [];
        for (let i = 0; i < m; i++) {
          for (let e = sparse.rowPointers[i]; e < sparse.rowPointers[i + 1]; e++) expected.push(product[i * n + sparse.columnIndices[e]]);
        }
        expect(sampled).toBeAllClose(expected, tolerance(la, 4 * r, 20));
      }),
    );
  });

  it('sparse products name the shapes', () => {
    const { sparse } = sparsePair({ m: 4, n: 6, r: 2, seed: 1 }, 0.5);
    expect(() => la.sparseMatmul(sparse, la.full([4, 2], 1))).toThrow(ShapeError);
    expect(() => la.sparseMatmul(sparse, la.full([4, 2], 1))).toThrow(/sparseMatmul: .* got 4×6 and 4×2; .*transpose/);
    expect(() => la.sampledMatmul(sparse, la.full([4, 2], 1), la.full([3, 6], 1))).toThrow(/sampledMatmul: .* 4×2 and 3×6/);
    const short = { ...sparse, values: la.full([1], 1) };
    expect(() => la.sparseMatmul(short, la.full([6, 2], 1))).toThrow(/sparseMatmul: expected one value for each column index/);
    const outside = { ...sparse, columnIndices: sparse.columnIndices.map((column) => column + 3) };
    expect(() => la.sparseMatmul(outside, la.full([6, 2], 1))).toThrow(/sparseMatmul: column index \d of entry \d+ is outside 0 … 5/);
  });
});
