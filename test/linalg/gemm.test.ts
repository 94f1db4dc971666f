/** The TypeScript matrix product at the edges of its tiles and blocks. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.js';
import { gemm } from '../../src/linalg/host/kernels/gemm.js';
import type { MatrixView } from '../../src/linalg/host/kernels.js';

/** Integers, whose sums of products are exact in float64 in any order. */
function integers(seed: number, length: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length }, () => Math.floor(random.uniform() * 200) - 100);
}

function view(rows: number, columns: number, form: 'rows' | 'columns' | 'gaps', seed: number): MatrixView {
  if (form === 'gaps')
    return { data: integers(seed, 2 * rows * (columns + 1) + 3), offset: 3, rowStride: 2 * (columns + 1), columnStride: 2 };
  const [rowStride, columnStride] = form === 'rows' ? [columns, 1] : [1, rows];
  return { data: integers(seed, rows * columns), offset: 0, rowStride, columnStride };
}

function entry({ data, offset, rowStride, columnStride }: MatrixView, i: number, j: number): number {
  return data[offset + i * rowStride + j * columnStride];
}

function expectProduct(m: number, n: number, k: number, a: MatrixView, b: MatrixView): void {
  const c = new Float64Array(m * n + 2).fill(Number.NaN);
  gemm(m, n, k, a, b, c, 1);
  expect([c[0], c[m * n + 1]]).toEqual([Number.NaN, Number.NaN]);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += entry(a, i, p) * entry(b, p, j);
      if (c[1 + i * n + j] !== sum) expect.fail(`entry (${i}, ${j}) of ${m}×${k} times ${k}×${n}: ${c[1 + i * n + j]}, expected ${sum}`);
    }
  }
}

const forms = fc.constantFrom('rows', 'columns', 'gaps');

describe('gemm', () => {
  it('is exact on integers of every small shape and stride', () => {
    const size = fc.integer({ min: 0, max: 45 });
    fc.assert(
      fc.property(size, size, size, forms, forms, fc.nat(), (m, n, k, formA, formB, seed) => {
        expectProduct(m, n, k, view(m, k, formA, seed), view(k, n, formB, seed + 1));
      }),
    );
  });

  it.each([
    [512, 128, 256],
    [513, 129, 257],
    [515, 5, 30],
    [5, 131, 515],
    [30, 260, 770],
    [3, 300, 300],
    [300, 3, 300],
  ])('is exact past the blocks: %i×%i, depth %i', (m, n, k) => {
    expectProduct(m, n, k, view(m, k, 'rows', 1), view(k, n, 'columns', 2));
    expectProduct(m, n, k, view(m, k, 'columns', 3), view(k, n, 'rows', 4));
  });

  it('carries NaN, infinity and exact zeros as IEEE arithmetic does, packed or not', () => {
    for (const size of [3, 30]) {
      const a = view(size, size, 'rows', 1);
      const b = view(size, size, 'rows', 2);
      a.data.fill(0, size, 2 * size);
      a.data[0] = Number.POSITIVE_INFINITY;
      b.data.fill(1, 0, size);
      b.data[2] = 0;
      const c = new Float64Array(size * size);
      gemm(size, size, size, a, b, c, 0);
      expect(c[0]).toBe(Number.POSITIVE_INFINITY);
      expect(c[2]).toBeNaN();
      expect(c.subarray(size, 2 * size).every((zero) => zero === 0)).toBe(true);
      expect(c.subarray(2 * size).every(Number.isFinite)).toBe(true);
    }
  });
});
