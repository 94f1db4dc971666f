/**
 * Loops over compressed sparse rows. The dense side is taken four columns at a time: the part that belongs to a row of
 * S then stays in registers while its entries go by, and those entries, read once for every four columns, come from the
 * first-level cache.
 */
import type { CsrMatrix } from '../../csr-matrix.js';

/** Places of the entries. */
type Pattern = Pick<CsrMatrix<unknown>, 'rows' | 'rowPointers' | 'columnIndices'>;

/** out (m×k) = S X for X n×k. 2·nnz·k flops. */
export function sparseProduct(s: Pattern, values: Float64Array, k: number, x: Float64Array, out: Float64Array): void {
  const { rows, rowPointers, columnIndices } = s;
  for (let i = 0; i < rows; i++) {
    const start = rowPointers[i];
    const end = rowPointers[i + 1];
    let j = 0;
    for (; j + 3 < k; j += 4) {
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let e = start; e < end; e++) {
        const value = values[e];
        const from = columnIndices[e] * k + j;
        s0 += value * x[from];
        s1 += value * x[from + 1];
        s2 += value * x[from + 2];
        s3 += value * x[from + 3];
      }
      const to = i * k + j;
      out[to] = s0;
      out[to + 1] = s1;
      out[to + 2] = s2;
      out[to + 3] = s3;
    }
    for (; j < k; j++) {
      let sum = 0;
      for (let e = start; e < end; e++) sum += values[e] * x[columnIndices[e] * k + j];
      out[i * k + j] = sum;
    }
  }
}

/** out (n×k) = Sᵀ X for X m×k: row i of X is scattered to the rows of out that row i of S names. 2·nnz·k flops. */
export function sparseTransposeProduct(s: Pattern, values: Float64Array, k: number, x: Float64Array, out: Float64Array): void {
  const { rows, rowPointers, columnIndices } = s;
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    const start = rowPointers[i];
    const end = rowPointers[i + 1];
    let j = 0;
    for (; j + 3 < k; j += 4) {
      const from = i * k + j;
      const x0 = x[from];
      const x1 = x[from + 1];
      const x2 = x[from + 2];
      const x3 = x[from + 3];
      for (let e = start; e < end; e++) {
        const value = values[e];
        const to = columnIndices[e] * k + j;
        out[to] += value * x0;
        out[to + 1] += value * x1;
        out[to + 2] += value * x2;
        out[to + 3] += value * x3;
      }
    }
    for (; j < k; j++) {
      const factor = x[i * k + j];
      for (let e = start; e < end; e++) out[columnIndices[e] * k + j] += values[e] * factor;
    }
  }
}

/**
 * out_e = Σ_l A_il B_lj at each place e = (i, j) of the pattern; A is m×k and B is given transposed, n×k. 2·nnz·k
 * flops.
 */
export function sampledProduct(pattern: Pattern, k: number, a: Float64Array, bTransposed: Float64Array, out: Float64Array): void {
  const { rows, rowPointers, columnIndices } = pattern;
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    const start = rowPointers[i];
    const end = rowPointers[i + 1];
    let l = 0;
    for (; l + 3 < k; l += 4) {
      const left = i * k + l;
      const a0 = a[left];
      const a1 = a[left + 1];
      const a2 = a[left + 2];
      const a3 = a[left + 3];
      for (let e = start; e < end; e++) {
        const right = columnIndices[e] * k + l;
        out[e] += a0 * bTransposed[right] + a1 * bTransposed[right + 1] + (a2 * bTransposed[right + 2] + a3 * bTransposed[right + 3]);
      }
    }
    for (; l + 1 < k; l += 2) {
      const a0 = a[i * k + l];
      const a1 = a[i * k + l + 1];
      for (let e = start; e < end; e++) {
        const right = columnIndices[e] * k + l;
        out[e] += a0 * bTransposed[right] + a1 * bTransposed[right + 1];
      }
    }
    for (; l < k; l++) {
      const factor = a[i * k + l];
      for (let e = start; e < end; e++) out[e] += factor * bTransposed[columnIndices[e] * k + l];
    }
  }
}
