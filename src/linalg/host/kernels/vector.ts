/** Operations on contiguous runs of numbers, which the dense kernels are made of. */

/**
 * Computes Σ x_{p+i} y_{q+i} over `length` numbers. It takes four sums, since the additions of a single one would wait
 * for each other; the rounding errors of one also grow faster.
 */
export function dot(length: number, x: Float64Array, p: number, y: Float64Array, q: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += x[p + i] * y[q + i];
    s1 += x[p + i + 1] * y[q + i + 1];
    s2 += x[p + i + 2] * y[q + i + 2];
    s3 += x[p + i + 3] * y[q + i + 3];
  }
  for (; i < length; i++) s0 += x[p + i] * y[q + i];
  return s0 + s1 + (s2 + s3);
}

/** y_{q+i} ← y_{q+i} + factor · x_{p+i} over `length` numbers. */
export function addMultiple(length: number, factor: number, x: Float64Array, p: number, y: Float64Array, q: number): void {
  let i = 0;
  for (; i + 3 < length; i += 4) {
    y[q + i] += factor * x[p + i];
    y[q + i + 1] += factor * x[p + i + 1];
    y[q + i + 2] += factor * x[p + i + 2];
    y[q + i + 3] += factor * x[p + i + 3];
  }
  for (; i < length; i++) y[q + i] += factor * x[p + i];
}
