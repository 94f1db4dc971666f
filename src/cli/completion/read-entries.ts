/** The entries to complete a matrix from, out of a file. */

import { FormatError } from '../../core/errors.js';
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';
import { readMatrixMarket, readTriplets, type TripletFields } from '../../problems/index.js';
import { UsageError } from '../usage-error.js';
import { mergeRepeated } from './merge-repeated.js';
import { sniffFormat } from './sniff-format.js';

/** How a table is laid out, as the flags say. */
export interface TableFlags {
  readonly columns?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly header?: string | undefined;
}

/** Entries, one a place, and what rows and columns are called. */
export interface Entries {
  readonly matrix: CsrMatrix<HostArray>;
  /** One a row, in order. Of a Matrix Market file the numbers, from 1. */
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  /** Entries that were at the place of another; the mean took their place. */
  readonly repeated: number;
  readonly least: number;
  readonly greatest: number;
}

/** Words for delimiters that a shell makes hard to type. */
const delimiterWords: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t', space: ' ', comma: ',' };

/**
 * Reads a Matrix Market file, or a table of row, column and value.
 *
 * @throws UsageError for flags that make no sense; ConfigError if the file cannot be read; FormatError naming file and line, and for data with nothing to fit.
 */
export async function readEntries(file: string, flags: TableFlags): Promise<Entries> {
  const fields = fieldsOf(flags.columns);
  const positions = [fields.row, fields.column, fields.value].map((field) => (typeof field === 'number' ? field + 1 : 0));
  const { delimiter } = flags;
  const given = delimiter !== undefined && Object.hasOwn(delimiterWords, delimiter) ? delimiterWords[delimiter] : delimiter;
  const format = await sniffFormat(file, Math.max(3, ...positions), given);
  const read = format.kind === 'table' ? await readTable(file, format.delimiter, fields, flags.header) : await readSparse(file);
  const { matrix, repeated } = mergeRepeated(read.matrix);
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of hostAlgebra().peek(matrix.values)) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  if (least === greatest) {
    throw new FormatError(`${file}: every value is ${least}, so that there is nothing to fit; check --columns`);
  }
  return { matrix, rowLabels: read.rowLabels, columnLabels: read.columnLabels, repeated, least, greatest };
}

type Labelled = Pick<Entries, 'matrix' | 'rowLabels' | 'columnLabels'>;

async function readTable(file: string, delimiter: string, fields: TripletFields, header: string | undefined): Promise<Labelled> {
  const named = header === 'yes' ? true : header === 'no' ? false : 'auto';
  const { matrix, rowLabels = [], columnLabels = [] } = await readTriplets(hostAlgebra(), file, { delimiter, fields, header: named });
  return { matrix, rowLabels, columnLabels };
}

async function readSparse(file: string): Promise<Labelled> {
  const matrix = await readMatrixMarket(hostAlgebra(), file);
  if (!('kind' in matrix)) {
    throw new FormatError(`${file}: expected a coordinate file, got an array, of which every entry is known; store the known entries only`);
  }
  if (matrix.columnIndices.length === 0) throw new FormatError(`${file}: expected entries, got none; check the path`);
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1));
  return { matrix, rowLabels: numbers(matrix.rows), columnLabels: numbers(matrix.columns) };
}

/** `1,2,3` or `userId,movieId,rating`. */
function fieldsOf(columns: string | undefined): TripletFields {
  if (columns === undefined) return { row: 0, column: 1, value: 2 };
  const fields = columns.split(',').map((word) => word.trim());
  if (fields.length !== 3 || fields.includes('') || new Set(fields).size < 3 || fields.includes('0')) {
    throw new UsageError(
      `bures complete: --columns must be three different columns (row, column, value), by number from 1 or by name, got '${columns}'; write, say, --columns userId,movieId,rating`,
    );
  }
  const [row, column, value] = fields.map((word) => (/^\d+$/.test(word) ? Number(word) - 1 : word));
  return { row, column, value };
}
