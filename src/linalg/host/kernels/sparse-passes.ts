/**
 * Several sparse products in one pass over the entries, row by row: the dot products of a row go to a buffer that stays in the first-level cache, and what is
 * made of them is used at once. No array of one number an entry is written, and the rows of the dense operands that a row names are fetched from memory once.
 */
import type { CsrMatrix } from '../../csr-matrix.js';

/** Where the entries are. */
type Pattern = Pick<CsrMatrix<unknown>, 'rows' | 'rowPointers' | 'columnIndices'>;

/** Two dense matrices, row-major, of equally many columns. */
export interface DensePair {
  /** m×k. */
  readonly left: Float64Array;
  /** n×k. */
  readonly right: Float64Array;
  /** k. */
  readonly columns: number;
}

/** What {@link residualPass} adds to: zero before. */
export interface ResidualProducts {
  /** E·right, m×k. */
  readonly product: Float64Array;
  /** Eᵀ·left, n×k. */
  readonly transposeProduct: Float64Array;
}

/** Entries of a row taken together: the rows of the dense operands that they name, some hundred bytes each, stay in the cache meanwhile. */
const segment = 128;

/** The longest row of a pattern: the length of the buffers of a pass. */
function longestRow({ rows, rowPointers }: Pattern): number {
  let longest = 0;
  for (let i = 0; i < rows; i++) longest = Math.max(longest, rowPointers[i + 1] - rowPointers[i]);
  return longest;
}

/**
 * E = (L Rᵀ − Z) on the pattern; E·right and Eᵀ·left with `by`, if given. (2k₁ + 4k₂)·nnz flops.
 *
 * @param values - Z, or none for zeros.
 * @returns ‖E‖².
 */
export function residualPass(
  pattern: Pattern,
  values: Float64Array | undefined,
  factors: DensePair,
  by: DensePair | undefined,
  out: ResidualProducts | undefined,
): number {
  const { rows, rowPointers, columnIndices } = pattern;
  const residual = new Float64Array(segment);
  let squaredNorm = 0;
  for (let i = 0; i < rows; i++) {
    const rowEnd = rowPointers[i + 1];
    for (let start = rowPointers[i]; start < rowEnd; start += segment) {
      const end = Math.min(start + segment, rowEnd);
      if (by !== undefined && out !== undefined) fetchRows(columnIndices, start, end, by, out.transposeProduct, residual);
      rowDots(columnIndices, start, end, factors.columns, factors.left, i, factors.right, residual);
      if (values !== undefined) for (let e = start; e < end; e++) residual[e - start] -= values[e];
      for (let e = 0; e < end - start; e++) squaredNorm += residual[e] * residual[e];
      if (by !== undefined && out !== undefined) rowProducts(columnIndices, start, end, by, i, residual, out);
    }
  }
  return squaredNorm;
}

/** Numbers in a cache line. */
const line = 8;

/**
 * Reads a number of each cache line that the entries are about to need. Nothing else happens in this loop, so that the processor has many of these reads on their way at once; in the
 * loops of arithmetic it sees only a few entries ahead, and would wait for memory at each. More than twice as fast where the operands exceed the second-level cache.
 */
function fetchRows(
  columnIndices: Int32Array,
  start: number,
  end: number,
  by: DensePair,
  transposeProduct: Float64Array,
  sink: Float64Array,
): void {
  const { right, columns: k } = by;
  let sum = 0;
  for (let e = start; e < end; e++) {
    const first = columnIndices[e] * k;
    for (let l = 0; l < k - 1; l += line) sum += right[first + l] + transposeProduct[first + l];
    sum += right[first + k - 1] + transposeProduct[first + k - 1];
  }
  // Written somewhere, or the compiler would see that nobody needs the sum.
  sink[0] = sum;
}

/**
 * The inner products of three sampled matrices: E = (L Rᵀ − Z), S = L₁R₁ᵀ and Q = L₂R₂ᵀ on the pattern.
 *
 * @returns ⟨E,E⟩, ⟨E,S⟩, ⟨S,S⟩, ⟨E,Q⟩, ⟨S,Q⟩, ⟨Q,Q⟩. 2(k + k₁ + k₂)·nnz flops.
 */
export function curvePass(
  pattern: Pattern,
  values: Float64Array,
  point: DensePair,
  first: DensePair,
  second: DensePair,
): readonly [number, number, number, number, number, number] {
  const { rows, rowPointers, columnIndices } = pattern;
  const longest = longestRow(pattern);
  const [e, s, q] = [new Float64Array(longest), new Float64Array(longest), new Float64Array(longest)];
  let ee = 0;
  let es = 0;
  let ss = 0;
  let eq = 0;
  let sq = 0;
  let qq = 0;
  for (let i = 0; i < rows; i++) {
    const start = rowPointers[i];
    const end = rowPointers[i + 1];
    rowDots(columnIndices, start, end, point.columns, point.left, i, point.right, e);
    rowDots(columnIndices, start, end, first.columns, first.left, i, first.right, s);
    rowDots(columnIndices, start, end, second.columns, second.left, i, second.right, q);
    for (let place = 0; place < end - start; place++) {
      const residual = e[place] - values[start + place];
      ee += residual * residual;
      es += residual * s[place];
      ss += s[place] * s[place];
      eq += residual * q[place];
      sq += s[place] * q[place];
      qq += q[place] * q[place];
    }
  }
  return [ee, es, ss, eq, sq, qq];
}

/** out_e = Σ_l a_il b_jl for the entries (i, j) of row i. */
function rowDots(
  columnIndices: Int32Array,
  start: number,
  end: number,
  k: number,
  a: Float64Array,
  i: number,
  b: Float64Array,
  out: Float64Array,
): void {
  const count = end - start;
  const row = i * k;
  let l = 0;
  if (k >= 8) {
    const a0 = a[row];
    const a1 = a[row + 1];
    const a2 = a[row + 2];
    const a3 = a[row + 3];
    const a4 = a[row + 4];
    const a5 = a[row + 5];
    const a6 = a[row + 6];
    const a7 = a[row + 7];
    for (let e = 0; e < count; e++) {
      const right = columnIndices[start + e] * k;
      const low = a0 * b[right] + a1 * b[right + 1] + (a2 * b[right + 2] + a3 * b[right + 3]);
      out[e] = low + (a4 * b[right + 4] + a5 * b[right + 5] + (a6 * b[right + 6] + a7 * b[right + 7]));
    }
    l = 8;
  } else {
    out.fill(0, 0, count);
  }
  for (; l + 3 < k; l += 4) {
    const a0 = a[row + l];
    const a1 = a[row + l + 1];
    const a2 = a[row + l + 2];
    const a3 = a[row + l + 3];
    for (let e = 0; e < count; e++) {
      const right = columnIndices[start + e] * k + l;
      out[e] += a0 * b[right] + a1 * b[right + 1] + (a2 * b[right + 2] + a3 * b[right + 3]);
    }
  }
  for (; l + 1 < k; l += 2) {
    const a0 = a[i * k + l];
    const a1 = a[i * k + l + 1];
    for (let e = 0; e < count; e++) {
      const right = columnIndices[start + e] * k + l;
      out[e] += a0 * b[right] + a1 * b[right + 1];
    }
  }
  for (; l < k; l++) {
    const factor = a[i * k + l];
    for (let e = 0; e < count; e++) out[e] += factor * b[columnIndices[start + e] * k + l];
  }
}

/** Row i of E·right, and what row i adds to Eᵀ·left. */
function rowProducts(
  columnIndices: Int32Array,
  start: number,
  end: number,
  { left, right, columns: k }: DensePair,
  i: number,
  residual: Float64Array,
  { product, transposeProduct }: ResidualProducts,
): void {
  const count = end - start;
  let l = 0;
  for (; l + 3 < k; l += 4) {
    const own = i * k + l;
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
    const own = i * k + l;
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
    const own = left[i * k + l];
    let sum = 0;
    for (let e = 0; e < count; e++) {
      const other = columnIndices[start + e] * k + l;
      sum += residual[e] * right[other];
      transposeProduct[other] += residual[e] * own;
    }
    product[i * k + l] += sum;
  }
}
