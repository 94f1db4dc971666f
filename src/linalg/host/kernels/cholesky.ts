import { dot } from './vector.js';

/**
 * Computes the lower Cholesky factor, A = L Lᵀ, row by row so that every inner product runs along memory. n³/3 flops.
 *
 * @param a - n×n symmetric, lower triangle read.
 * @param l - n×n, overwritten; its upper triangle is zero. Incomplete if the result is not 0.
 * @returns 0, or the 1-based order of the first leading minor that is not positive.
 */
export function cholesky(n: number, a: Float64Array, l: Float64Array): number {
  l.fill(0);
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j < i; j++) {
      const other = j * n;
      l[row + j] = (a[row + j] - dot(j, l, row, l, other)) / l[other + j];
    }
    const pivot = a[row + i] - dot(i, l, row, l, row);
    if (!(pivot > 0) || !Number.isFinite(pivot)) return i + 1;
    l[row + i] = Math.sqrt(pivot);
  }
  return 0;
}
