/** Known entries of a matrix, in the layout that the sweeps of a variational completion read. */
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';

/** Entries by row or, transposed, by column. */
export interface EntriesByRow {
  /** Number of rows. */
  readonly count: number;
  /** Offsets at which the entries of each row begin, followed by the end of the last row: count + 1 numbers. */
  readonly pointers: Int32Array;
  /** Column of each entry. */
  readonly indices: Int32Array;
  /** Value of each entry. */
  readonly values: Float64Array;
}

/** Entries of a matrix in both orders. */
export interface TwoWayEntries {
  /** Matrix to which the entries belong. */
  readonly matrix: CsrMatrix<HostArray>;
  /** The entries row by row. */
  readonly byRow: EntriesByRow;
  /** The entries column by column. */
  readonly byColumn: EntriesByRow;
  /** Variance below which values cannot be told apart from rounding. */
  readonly rounding: number;
}

/** Returns the entries in both orders, in O(nnz + m + n) time. */
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
