/** The known entries of a matrix, as the sweeps of a variational completion read them. */
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';

/** The entries by row (or, transposed, by column). */
export interface EntriesByRow {
  /** Number of rows. */
  readonly count: number;
  /** Where the entries of each row begin, and after the last where they end: count + 1 numbers. */
  readonly pointers: Int32Array;
  /** Columns of the entries. */
  readonly indices: Int32Array;
  /** Values of the entries. */
  readonly values: Float64Array;
}

/** The entries of a matrix in both orders. */
export interface TwoWayEntries {
  /** The matrix that they are of. */
  readonly matrix: CsrMatrix<HostArray>;
  /** The entries row by row. */
  readonly byRow: EntriesByRow;
  /** The entries column by column. */
  readonly byColumn: EntriesByRow;
  /** Variance of the values below which nothing is told apart from rounding. */
  readonly rounding: number;
}

/** The entries in both orders: O(nnz + m + n). */
export function twoWayEntries(matrix: CsrMatrix<HostArray>): TwoWayEntries {
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const source = hostAlgebra().peek(matrix.values);
  const pointers = new Int32Array(columns + 1);
  for (const column of columnIndices) pointers[column + 1]++;
  for (let j = 0; j < columns; j++) pointers[j + 1] += pointers[j];
  const next = pointers.slice(0, columns);
  const [indices, values] = [new Int32Array(source.length), new Float64Array(source.length)];
  for (let i = 0; i < rows; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const place = next[columnIndices[e]]++;
      indices[place] = i;
      values[place] = source[e];
    }
  }
  let squares = 0;
  for (const value of source) squares += value * value;
  return {
    matrix,
    byRow: { count: rows, pointers: rowPointers, indices: columnIndices, values: source },
    byColumn: { count: columns, pointers, indices, values },
    rounding: (1e-15 * squares) / Math.max(1, source.length) + Number.MIN_VALUE,
  };
}
