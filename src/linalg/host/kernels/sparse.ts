/** Loops over compressed sparse rows. */
import type { CsrMatrix } from '../../csr-matrix.js';

type Pattern = Pick<CsrMatrix<unknown>, 'rows' | 'rowPointers' | 'columnIndices'>;

/** out (m×k) = S X for X n×k. 2·nnz·k flops; each entry reads a row of X. */
export function sparseProduct(s: Pattern, values: Float64Array, k: number, x: Float64Array, out: Float64Array): void {
  const { rows, rowPointers, columnIndices } = s;
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    const to = i * k;
    const end = rowPointers[i + 1];
    for (let e = rowPointers[i]; e < end; e++) {
      const value = values[e];
      const from = columnIndices[e] * k;
      for (let j = 0; j < k; j++) out[to + j] += value * x[from + j];
    }
  }
}

/** out (n×k) = Sᵀ X for X m×k: row i of X is scattered to the rows of out that row i of S names. 2·nnz·k flops. */
export function sparseTransposeProduct(s: Pattern, values: Float64Array, k: number, x: Float64Array, out: Float64Array): void {
  const { rows, rowPointers, columnIndices } = s;
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    const from = i * k;
    const end = rowPointers[i + 1];
    for (let e = rowPointers[i]; e < end; e++) {
      const value = values[e];
      const to = columnIndices[e] * k;
      for (let j = 0; j < k; j++) out[to + j] += value * x[from + j];
    }
  }
}

/** out_e = Σ_l A_il B_lj at each place e = (i, j) of the pattern; A is m×k and B is given transposed, n×k. 2·nnz·k flops. */
export function sampledProduct(pattern: Pattern, k: number, a: Float64Array, bTransposed: Float64Array, out: Float64Array): void {
  const { rows, rowPointers, columnIndices } = pattern;
  for (let i = 0; i < rows; i++) {
    const left = i * k;
    const end = rowPointers[i + 1];
    for (let e = rowPointers[i]; e < end; e++) {
      const right = columnIndices[e] * k;
      let even = 0;
      let odd = 0;
      let l = 0;
      for (; l + 1 < k; l += 2) {
        even += a[left + l] * bTransposed[right + l];
        odd += a[left + l + 1] * bTransposed[right + l + 1];
      }
      if (l < k) even += a[left + l] * bTransposed[right + l];
      out[e] = even + odd;
    }
  }
}
