/** Compressed sparse rows: the type alone, so that the engine's contract and the ambient forms can both name it. */

/** A sparse matrix in compressed rows, or a pattern of places together with a value at each. */
export interface CsrMatrix<M> {
  /** Tag that tells this form of an ambient matrix from the others. */
  readonly kind: 'csr';
  /** Number of rows m. */
  readonly rows: number;
  /** Number of columns n. */
  readonly columns: number;
  /** m + 1 offsets: row i holds the entries `rowPointers[i] ≤ e < rowPointers[i + 1]`. */
  readonly rowPointers: Int32Array;
  /** The column of each entry. */
  readonly columnIndices: Int32Array;
  /** The value of each entry: an engine vector of length nnz. */
  readonly values: M;
}
