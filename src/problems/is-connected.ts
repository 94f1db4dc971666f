import type { CsrMatrix } from '../linalg/csr-matrix.js';

/**
 * Returns true if the known entries join all rows and columns that have any: row i with column j for each entry (i, j).
 * Otherwise a matrix has parts that know nothing of each other, and its entries leave open how these belong together.
 */
export function isConnected({ rows, columns, rowPointers, columnIndices }: CsrMatrix<unknown>): boolean {
  /** The next node on the way to the one that stands for its part; columns come after the rows. */
  const parent = Int32Array.from({ length: rows + columns }, (_, node) => node);
  const standFor = (node: number): number => {
    let at = node;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]];
      at = parent[at];
    }
    return at;
  };
  for (let row = 0; row < rows; row++) {
    for (let e = rowPointers[row]; e < rowPointers[row + 1]; e++) parent[standFor(rows + columnIndices[e])] = standFor(row);
  }
  const first = columnIndices.length > 0 ? standFor(rows + columnIndices[0]) : 0;
  return columnIndices.every((column) => standFor(rows + column) === first);
}
