/** Entries that are given more than once. */
import { type CsrMatrix, csrMatrix, type HostArray, hostAlgebra } from '../../index.js';

/** A matrix with one entry a place, and how many were more. */
export interface MergedEntries {
  readonly matrix: CsrMatrix<HostArray>;
  /** Entries beyond the first of their place. */
  readonly repeated: number;
}

/**
 * Puts the mean in place of entries that share a place: left apart, one of them could be fitted and another be judged by.
 *
 * O(nnz + n) time and memory; the same matrix where nothing is repeated.
 */
export function mergeRepeated(matrix: CsrMatrix<HostArray>): MergedEntries {
  const la = hostAlgebra();
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const values = la.peek(matrix.values);
  const mergedPointers = new Int32Array(rows + 1);
  const mergedColumns = new Int32Array(columnIndices.length);
  const means = new Float64Array(columnIndices.length);
  const counts = new Int32Array(columnIndices.length);
  // Where the current row has its entry of each column; what lies before the row is of an earlier one.
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
      // A mean that moves, since a sum of the values may be larger than any number, and so may their difference.
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
