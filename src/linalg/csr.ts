/** Building and checking matrices in compressed sparse rows. */
import { NumericalError, ShapeError } from '../core/errors.js';
import { checkPositiveInteger, describeValue } from '../core/options.js';
import type { CsrMatrix } from './csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from './linear-algebra.js';

/** The parts of a matrix in compressed sparse rows. */
export interface CsrParts {
  /** Number of rows m. */
  readonly rows: number;
  /** Number of columns n. */
  readonly columns: number;
  /** m + 1 offsets that do not decrease, from 0 to the number of entries. */
  readonly rowPointers: ArrayLike<number>;
  /** The column of each entry, below n. */
  readonly columnIndices: ArrayLike<number>;
  /** The value of each entry. */
  readonly values: ArrayLike<number>;
}

/** Entries of a sparse matrix in any order. */
export interface CsrTriplets {
  /** Number of rows m. */
  readonly rows: number;
  /** Number of columns n. */
  readonly columns: number;
  /** The row of each entry. */
  readonly rowIndices: ArrayLike<number>;
  /** The column of each entry. */
  readonly columnIndices: ArrayLike<number>;
  /** The value of each entry. */
  readonly values: ArrayLike<number>;
}

/**
 * Index arrays known to be valid, with the shape they were checked for: a matrix with new values on an old pattern is
 * not checked again.
 */
const checkedPatterns = new WeakMap<Int32Array, { readonly rowPointers: Int32Array; readonly rows: number; readonly columns: number }>();

/**
 * Builds a sparse matrix from compressed rows.
 *
 * @param la - the engine that holds the values.
 * @param parts - copied. Columns within a row may come in any order; repeated ones add up.
 * @returns the matrix; O(nnz + m) time and memory, never m·n.
 * @throws ShapeError if lengths, pointers or columns are inconsistent; NumericalError for a value that is not finite.
 */
export function csrMatrix<M>(la: LinearAlgebra<M>, parts: CsrParts): CsrMatrix<M> {
  checkAlgebra('csrMatrix', la);
  const { rows, columns, rowPointers, columnIndices, values } = parts;
  checkPositiveInteger('csrMatrix', 'rows', rows);
  checkPositiveInteger('csrMatrix', 'columns', columns);
  checkIntegers('csrMatrix', 'rowPointers', rowPointers);
  checkIntegers('csrMatrix', 'columnIndices', columnIndices);
  checkValues('csrMatrix', values, columnIndices.length);
  const matrix: CsrMatrix<M> = {
    kind: 'csr',
    rows,
    columns,
    rowPointers: Int32Array.from(rowPointers),
    columnIndices: Int32Array.from(columnIndices),
    values: la.fromArray(values, [values.length]),
  };
  checkCsr('csrMatrix', matrix);
  return matrix;
}

/** A sparse matrix that was built from entries in another order. */
export interface OrderedCsrMatrix<M> extends CsrMatrix<M> {
  /**
   * The numbers of the given entries, in the order of the matrix: `values[k]` is value number `order[k]`. Further data
   * on the entries, such as weights, are brought into the same order with it.
   */
  readonly order: Int32Array;
}

/**
 * Builds a sparse matrix from entries (i, j, value) in any order; entries at the same place stay separate and add up in
 * products.
 *
 * @param la - the engine that holds the values.
 * @returns the matrix, its columns in the order given within each row, with the order of its entries: O(nnz + m) time
 * and memory.
 * @throws ShapeError for an index outside the matrix or lists of unequal length; NumericalError for a value that is not
 * finite.
 */
export function csrFromTriplets<M>(la: LinearAlgebra<M>, triplets: CsrTriplets): OrderedCsrMatrix<M> {
  checkAlgebra('csrFromTriplets', la);
  const { rows, columns, rowIndices, columnIndices, values } = triplets;
  checkPositiveInteger('csrFromTriplets', 'rows', rows);
  checkPositiveInteger('csrFromTriplets', 'columns', columns);
  const count = columnIndices.length;
  if (rowIndices.length !== count) {
    throw new ShapeError(
      `csrFromTriplets: expected as many row indices as column indices, got ${rowIndices.length} and ${count}; give every entry both`,
    );
  }
  checkIntegers('csrFromTriplets', 'rowIndices', rowIndices, rows);
  checkIntegers('csrFromTriplets', 'columnIndices', columnIndices, columns);
  checkValues('csrFromTriplets', values, count);
  const rowPointers = new Int32Array(rows + 1);
  for (let e = 0; e < count; e++) rowPointers[rowIndices[e] + 1]++;
  for (let i = 0; i < rows; i++) rowPointers[i + 1] += rowPointers[i];
  const next = rowPointers.slice(0, rows);
  const sortedColumns = new Int32Array(count);
  const sortedValues = new Float64Array(count);
  const order = new Int32Array(count);
  for (let e = 0; e < count; e++) {
    const place = next[rowIndices[e]]++;
    sortedColumns[place] = columnIndices[e];
    sortedValues[place] = values[e];
    order[place] = e;
  }
  const matrix: OrderedCsrMatrix<M> = {
    kind: 'csr',
    rows,
    columns,
    rowPointers,
    columnIndices: sortedColumns,
    values: la.fromArray(sortedValues, [count]),
    order,
  };
  checkCsr('csrFromTriplets', matrix);
  return matrix;
}

/**
 * Requires consistent index arrays. A pattern that has passed is remembered by its arrays, which must not be modified
 * afterwards.
 *
 * @throws ShapeError naming the first fault. O(nnz + m), or O(1) for a pattern seen before.
 */
export function checkCsr(caller: string, matrix: CsrMatrix<unknown>): void {
  if (matrix?.kind !== 'csr' || !(matrix.rowPointers instanceof Int32Array) || !(matrix.columnIndices instanceof Int32Array)) {
    throw new ShapeError(
      `${caller}: expected a sparse matrix of kind 'csr', got ${describeValue(matrix)}; build one with csrMatrix or csrFromTriplets`,
    );
  }
  const { rows, columns, rowPointers, columnIndices } = matrix;
  const known = checkedPatterns.get(columnIndices);
  if (known !== undefined && known.rowPointers === rowPointers && known.rows === rows && known.columns === columns) return;
  if (rowPointers.length !== rows + 1 || rowPointers[0] !== 0 || rowPointers[rows] !== columnIndices.length) {
    throw new ShapeError(
      `${caller}: expected ${rows + 1} row pointers from 0 to ${columnIndices.length}, got ${rowPointers.length} from ${rowPointers[0]} to ${rowPointers.at(-1)}; ` +
        'give one offset a row and the number of entries at the end',
    );
  }
  for (let i = 0; i < rows; i++) {
    if (rowPointers[i] <= rowPointers[i + 1]) continue;
    throw new ShapeError(
      `${caller}: row pointers decrease from ${rowPointers[i]} to ${rowPointers[i + 1]} at row ${i}; they are running totals of entries a row`,
    );
  }
  for (let e = 0; e < columnIndices.length; e++) {
    if (columnIndices[e] >= 0 && columnIndices[e] < columns) continue;
    throw new ShapeError(`${caller}: column index ${columnIndices[e]} of entry ${e} is outside 0 … ${columns - 1}; indices start at 0`);
  }
  checkedPatterns.set(columnIndices, { rowPointers, rows, columns });
}

/** The largest index an Int32Array holds, plus one. */
const INDEX_LIMIT = 2 ** 31;

function checkIntegers(caller: string, name: string, indices: ArrayLike<number>, limit = INDEX_LIMIT): void {
  for (let e = 0; e < indices.length; e++) {
    if (Number.isInteger(indices[e]) && indices[e] >= 0 && indices[e] < limit) continue;
    throw new ShapeError(
      `${caller}: ${name} must be integers from 0 to ${limit - 1}, got ${describeValue(indices[e])} at place ${e}; indices start at 0`,
    );
  }
}

function checkValues(caller: string, values: ArrayLike<number>, count: number): void {
  if (values.length !== count) {
    throw new ShapeError(
      `${caller}: expected one value for each of the ${count} column indices, got ${values.length}; give every entry both`,
    );
  }
  for (let e = 0; e < count; e++) {
    if (Number.isFinite(values[e])) continue;
    throw new NumericalError(`${caller}: value ${describeValue(values[e])} of entry ${e} is not finite; leave missing entries out instead`);
  }
}
