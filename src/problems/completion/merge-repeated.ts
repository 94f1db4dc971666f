import { checkCsr, csrMatrix } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';

/** A matrix with at most one entry per place, and the number of repeated entries. */
export interface MergedEntries {
  /** The matrix with one entry per place. */
  readonly matrix: CsrMatrix<HostArray>;
  /** Number of entries beyond the first of their place. */
  readonly repeated: number;
  /**
   * The merged entry of each given one, to merge further data on the entries; absent if nothing is repeated, where each
   * is its own.
   */
  readonly places?: Int32Array;
}

/** Returns the number of entries beyond the first of their place, in O(nnz + n) time. */
export function countRepeated({ rows, columns, rowPointers, columnIndices }: CsrMatrix<HostArray>): number {
  // The last row in which each column was met.
  const met = new Int32Array(columns).fill(-1);
  let repeated = 0;
  for (let i = 0; i < rows; i++) {
    for (let e = rowPointers[i]; e < rowPointers[i + 1]; e++) {
      const column = columnIndices[e];
      if (met[column] === i) repeated++;
      met[column] = i;
    }
  }
  return repeated;
}

/**
 * Replaces entries that share a place by their mean: otherwise one of them could be fitted and another used for
 * testing.
 *
 * It takes O(nnz + n) time and memory, and returns the same matrix if nothing is repeated.
 */
export function mergeRepeated(matrix: CsrMatrix<HostArray>): MergedEntries {
  checkCsr('mergeRepeated', matrix);
  const repeated = countRepeated(matrix);
  if (repeated === 0) return { matrix, repeated };
  const la = hostAlgebra();
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const values = la.peek(matrix.values);
  const mergedPointers = new Int32Array(rows + 1);
  const size = columnIndices.length - repeated;
  const mergedColumns = new Int32Array(size);
  const means = new Float64Array(size);
  const counts = new Int32Array(size);
  const mergedPlaces = new Int32Array(columnIndices.length);
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
      mergedPlaces[e] = place;
      const change = values[e] - means[place];
      const count = ++counts[place];
      // A running mean, since a sum or a difference of the values may overflow.
      means[place] += Number.isFinite(change) ? change / count : values[e] / count - means[place] / count;
    }
    mergedPointers[i + 1] = next;
  }
  const merged = { rows, columns, rowPointers: mergedPointers, columnIndices: mergedColumns, values: means };
  return { matrix: csrMatrix(la, merged), repeated, places: mergedPlaces };
}
