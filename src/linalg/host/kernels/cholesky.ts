/**
 * Lower Cholesky factor, A = L Lᵀ, row by row so that every inner product runs along memory. n³/3 flops.
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
      let rest = a[row + j];
      for (let k = 0; k < j; k++) rest -= l[row + k] * l[other + k];
      l[row + j] = rest / l[other + j];
    }
    let pivot = a[row + i];
    for (let k = 0; k < i; k++) pivot -= l[row + k] * l[row + k];
    if (!(pivot > 0) || !Number.isFinite(pivot)) return i + 1;
    l[row + i] = Math.sqrt(pivot);
  }
  return 0;
}
