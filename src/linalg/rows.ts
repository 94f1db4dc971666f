/** Matrices as lists of rows, for small ones that a person writes or reads. */
import { ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/**
 * Joins the rows of a matrix.
 *
 * @throws ShapeError for what is no list of rows of numbers of one length, naming the row.
 */
export function joinRows(rows: readonly ArrayLike<number>[]): { readonly values: Float64Array; readonly shape: readonly number[] } {
  const fail = (problem: string): never => {
    throw new ShapeError(
      `fromRows: expected rows of numbers, of one length, ${problem}; write [[1, 2], [3, 4]], or pass other shapes to fromArray`,
    );
  };
  if (!Array.isArray(rows) || rows.length === 0) return fail(`got ${describeValue(rows)}`);
  const isRow = (row: unknown): row is ArrayLike<number> => Array.isArray(row) || (ArrayBuffer.isView(row) && 'length' in row);
  const wrong = rows.findIndex((row) => !isRow(row));
  if (wrong >= 0) return fail(`got ${describeValue(rows[wrong])} for row ${wrong}`);
  const [{ length: n }] = rows;
  const values = new Float64Array(rows.length * n);
  for (const [i, row] of rows.entries()) {
    if (row.length !== n) fail(`got ${row.length} in row ${i} and ${n} in row 0`);
    for (let j = 0; j < n; j++) {
      if (typeof row[j] !== 'number') fail(`got ${describeValue(row[j])} at [${i}, ${j}]`);
      values[i * n + j] = row[j];
    }
  }
  return { values, shape: [rows.length, n] };
}

/** Divides the values of a matrix into its rows. @throws ShapeError for an array of other axes. */
export function splitRows(values: Float64Array, shape: readonly number[]): number[][] {
  if (shape.length !== 2)
    throw new ShapeError(`toRows: expected a matrix, got an array of shape [${shape}]; take toArray, or reshape it to two axes first`);
  const [m, n] = shape;
  return Array.from({ length: m }, (_, i) => Array.from(values.subarray(i * n, (i + 1) * n)));
}
