import { csrMatrix } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';

/** A matrix with at most one entry per place, and the number of repeated entries. */
export interface MergedEntries {
  /** The matrix with one entry per place. */
  readonly matrix: CsrMatrix<HostArray>;
  /** Number of entries beyond the first of their place. */
  readonly repeated: number;
}

/**
 * Replaces entries that share a place by their mean: otherwise one of them could be fitted and another used for
 * testing.
 *
 * It takes O(nnz + n) time and memory, and returns the same matrix if nothing is repeated.
 */
export function mergeRepeated(matrix: CsrMatrix<HostArray>): MergedEntries {
  const la = hostAlgebra();
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const values = la.peek(matrix.values);
  const mergedPointers = new Int32Array(rows + 1);
  const mergedColumns = new Int32Array(columnIndices.length);
  const means = new Float64Array(columnIndices.length);
  const counts = new Int32Array(columnIndices.length);
  // Place of the current row's entry in each column; a place before the row's start belongs to an earlier row.
  const places = new Int32Array(columns).fill(-1);
  let next = 0;
  for (let i = 0; i < rows; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const column = columnIndices[e];
      if (places[column] < mergedPointers[i]) {
        places[column] = next;
        mergedColumns[next++] = column;
      }
      const place = places[column];
      const change = values[e] - means[place];
      const count = ++counts[place];
      // A running mean, since a sum or a difference of the values may overflow.
      means[place] += Number.isFinite(change) ? change / count : values[e] / count - means[place] / count;
    }
    mergedPointers[i + 1] = next;
  }
  const repeated = columnIndices.length - next;
  if (repeated === 0) return { matrix, repeated };
  const merged = {
    rows,
    columns,
    rowPointers: mergedPointers,
    columnIndices: mergedColumns.subarray(0, next),
    values: means.subarray(0, next),
  };
  return { matrix: csrMatrix(la, merged), repeated };
}
