/**
 * The loops over the entries of one row that make up the sparse passes, unrolled by columns: an array access costs a
 * check, and a loop over few columns costs more than its sums.
 */

/** Some entries of a row, one after another. */
export interface RowEntries {
  readonly columnIndices: Int32Array;
  /** The row's number. */
  readonly row: number;
  /** The first of the entries, and the one after the last. */
  readonly start: number;
  readonly end: number;
}

/** Two dense matrices, row-major, of equally many columns. */
export interface DensePair {
  /** m×k. */
  readonly left: Float64Array;
  /** n×k. */
  readonly right: Float64Array;
  /** k. */
  readonly columns: number;
}

/** Arrays that {@link residualPass} adds to; zero before. */
export interface ResidualProducts {
  /** E·right, m×k. */
  readonly product: Float64Array;
  /** Eᵀ·left, n×k. */
  readonly transposeProduct: Float64Array;
}

/** Number of columns that {@link rowResidual} takes. */
export const fusedColumns = 8;

/**
 * Handles the first eight columns at once: completes the residuals, to which the other columns have been added, and
 * adds their part of E·right and Eᵀ·left. A row of `right` is read once for both products, as reading takes most of the
 * time.
 *
 * @param a - the left factor of the matrix that is sampled; its right factor is that of `by`.
 * @returns the entries' part of ‖E‖².
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one loop over eight sums, written out because arrays are not kept in registers.
export function rowResidual(
  { columnIndices, row, start, end }: RowEntries,
  a: Float64Array,
  { left, right, columns: k }: DensePair,
  residual: Float64Array,
  { product, transposeProduct }: ResidualProducts,
): number {
  const own = row * k;
  const a0 = a[own + 0];
  const a1 = a[own + 1];
  const a2 = a[own + 2];
  const a3 = a[own + 3];
  const a4 = a[own + 4];
  const a5 = a[own + 5];
  const a6 = a[own + 6];
  const a7 = a[own + 7];
  const u0 = left[own + 0];
  const u1 = left[own + 1];
  const u2 = left[own + 2];
  const u3 = left[own + 3];
  const u4 = left[own + 4];
  const u5 = left[own + 5];
  const u6 = left[own + 6];
  const u7 = left[own + 7];
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let s4 = 0;
  let s5 = 0;
  let s6 = 0;
  let s7 = 0;
  let squares = 0;
  for (let e = 0; e < end - start; e++) {
    const other = columnIndices[start + e] * k;
    const v0 = right[other + 0];
    const v1 = right[other + 1];
    const v2 = right[other + 2];
    const v3 = right[other + 3];
    const v4 = right[other + 4];
    const v5 = right[other + 5];
    const v6 = right[other + 6];
    const v7 = right[other + 7];
    const value = residual[e] + (a0 * v0 + a1 * v1 + (a2 * v2 + a3 * v3)) + (a4 * v4 + a5 * v5 + (a6 * v6 + a7 * v7));
    residual[e] = value;
    squares += value * value;
    s0 += value * v0;
    s1 += value * v1;
    s2 += value * v2;
    s3 += value * v3;
    s4 += value * v4;
    s5 += value * v5;
    s6 += value * v6;
    s7 += value * v7;
    transposeProduct[other + 0] += value * u0;
    transposeProduct[other + 1] += value * u1;
    transposeProduct[other + 2] += value * u2;
    transposeProduct[other + 3] += value * u3;
    transposeProduct[other + 4] += value * u4;
    transposeProduct[other + 5] += value * u5;
    transposeProduct[other + 6] += value * u6;
    transposeProduct[other + 7] += value * u7;
  }
  product[own + 0] += s0;
  product[own + 1] += s1;
  product[own + 2] += s2;
  product[own + 3] += s3;
  product[own + 4] += s4;
  product[own + 5] += s5;
  product[own + 6] += s6;
  product[own + 7] += s7;
  return squares;
}

/** Numbers in a cache line. */
const line = 8;

/**
 * Reads a number of each cache line that the entries are about to need: the first and the last, and those between.
 * These loops do nothing else, so the processor has many of these reads under way at once; in the loops of arithmetic
 * it sees only a few entries ahead, and would wait for memory at each. This is more than twice as fast if the operands
 * exceed the second-level cache.
 */
export function fetchRows(
  { columnIndices, start, end }: RowEntries,
  { right, columns: k }: DensePair,
  transposeProduct: Float64Array,
  sink: Float64Array,
): void {
  let sum = 0;
  for (let e = start; e < end; e++) {
    const first = columnIndices[e] * k;
    const last = first + k - 1;
    sum += right[first] + transposeProduct[first] + (right[last] + transposeProduct[last]);
  }
  for (let l = line; l < k - 2; l += line) {
    for (let e = start; e < end; e++) {
      const place = columnIndices[e] * k + l;
      sum += right[place] + transposeProduct[place];
    }
  }
  // Stored, or the compiler would see that nobody needs the sum.
  sink[0] = sum;
}

/** Adds Σ_l a_il b_jl over the columns l from `first` on to out_e, for the entries e = (i, j). */
export function rowDots(
  { columnIndices, row, start, end }: RowEntries,
  { left: a, right: b, columns: k }: DensePair,
  out: Float64Array,
  first = 0,
): void {
  const count = end - start;
  const own = row * k;
  let l = first;
  for (; l + 7 < k; l += 8) {
    const a0 = a[own + l];
    const a1 = a[own + l + 1];
    const a2 = a[own + l + 2];
    const a3 = a[own + l + 3];
    const a4 = a[own + l + 4];
    const a5 = a[own + l + 5];
    const a6 = a[own + l + 6];
    const a7 = a[own + l + 7];
    for (let e = 0; e < count; e++) {
      const right = columnIndices[start + e] * k + l;
      const low = a0 * b[right] + a1 * b[right + 1] + (a2 * b[right + 2] + a3 * b[right + 3]);
      out[e] += low + (a4 * b[right + 4] + a5 * b[right + 5] + (a6 * b[right + 6] + a7 * b[right + 7]));
    }
  }
  for (; l + 3 < k; l += 4) {
    const a0 = a[own + l];
    const a1 = a[own + l + 1];
    const a2 = a[own + l + 2];
    const a3 = a[own + l + 3];
    for (let e = 0; e < count; e++) {
      const right = columnIndices[start + e] * k + l;
      out[e] += a0 * b[right] + a1 * b[right + 1] + (a2 * b[right + 2] + a3 * b[right + 3]);
    }
  }
  for (; l + 1 < k; l += 2) {
    const a0 = a[own + l];
    const a1 = a[own + l + 1];
    for (let e = 0; e < count; e++) {
      const right = columnIndices[start + e] * k + l;
      out[e] += a0 * b[right] + a1 * b[right + 1];
    }
  }
  for (; l < k; l++) {
    const factor = a[own + l];
    for (let e = 0; e < count; e++) out[e] += factor * b[columnIndices[start + e] * k + l];
  }
}

/** Adds row i's part of E·right and Eᵀ·left, in the columns from `first` on. */
export function rowProducts(
  { columnIndices, row, start, end }: RowEntries,
  { left, right, columns: k }: DensePair,
  residual: Float64Array,
  { product, transposeProduct }: ResidualProducts,
  first = 0,
): void {
  const count = end - start;
  let l = first;
  for (; l + 3 < k; l += 4) {
    const own = row * k + l;
    const u0 = left[own];
    const u1 = left[own + 1];
    const u2 = left[own + 2];
    const u3 = left[own + 3];
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let e = 0; e < count; e++) {
      const value = residual[e];
      const other = columnIndices[start + e] * k + l;
      s0 += value * right[other];
      s1 += value * right[other + 1];
      s2 += value * right[other + 2];
      s3 += value * right[other + 3];
      transposeProduct[other] += value * u0;
      transposeProduct[other + 1] += value * u1;
      transposeProduct[other + 2] += value * u2;
      transposeProduct[other + 3] += value * u3;
    }
    product[own] += s0;
    product[own + 1] += s1;
    product[own + 2] += s2;
    product[own + 3] += s3;
  }
  for (; l + 1 < k; l += 2) {
    const own = row * k + l;
    const u0 = left[own];
    const u1 = left[own + 1];
    let s0 = 0;
    let s1 = 0;
    for (let e = 0; e < count; e++) {
      const value = residual[e];
      const other = columnIndices[start + e] * k + l;
      s0 += value * right[other];
      s1 += value * right[other + 1];
      transposeProduct[other] += value * u0;
      transposeProduct[other + 1] += value * u1;
    }
    product[own] += s0;
    product[own + 1] += s1;
  }
  for (; l < k; l++) {
    const own = left[row * k + l];
    let sum = 0;
    for (let e = 0; e < count; e++) {
      const other = columnIndices[start + e] * k + l;
      sum += residual[e] * right[other];
      transposeProduct[other] += residual[e] * own;
    }
    product[row * k + l] += sum;
  }
}
