/** The entries to complete a matrix from, out of a file. */

import { checkRoom } from '../../core/allocate.js';
import { FormatError } from '../../core/errors.js';
import { checkEncoding } from '../../core/utf8.js';
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';
import { readMatrixMarket, readMatrixMarketSizes, readTriplets, type TableReading, type TripletFields } from '../../problems/index.js';
import { UsageError } from '../usage-error.js';
import { mergeRepeated } from './merge-repeated.js';
import { type EntryFormat, type SampleLine, sniffFormat } from './sniff-format.js';
import { tableColumns } from './table-columns.js';

/** How a table is laid out, as the flags say. */
export interface TableFlags {
  readonly columns?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly header?: string | undefined;
  readonly encoding?: string | undefined;
  readonly decimal?: string | undefined;
}

/** A column of a table that was taken: its number from 1, and its name where there is a header. */
interface ColumnTaken {
  readonly number: number;
  readonly name?: string;
}

/** Where row, column and value of an entry were found. */
interface ColumnsTaken {
  readonly row: ColumnTaken;
  readonly column: ColumnTaken;
  readonly value: ColumnTaken;
}

/** How a file was read, as data. */
export type Reading =
  | { readonly format: 'matrix-market' }
  | {
      readonly format: 'table';
      readonly encoding: string;
      readonly delimiter: string;
      readonly header: boolean;
      readonly decimal: '.' | ',';
      readonly columns: ColumnsTaken;
      /** Lines passed over before the first row, and lines without a value. */
      readonly remarks: number;
      readonly missing: number;
    };

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
  /** How the file was understood, a line each. */
  readonly understood: readonly string[];
  /** The same as data. */
  readonly reading: Reading;
}

/** Words for delimiters that a shell makes hard to type. */
const delimiterWords: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t', space: ' ', comma: ',' };

/**
 * Reads a Matrix Market file, or a table of row, column and value.
 *
 * @throws UsageError for flags that make no sense; ConfigError if the file cannot be read; FormatError naming file and line, and for data with nothing to fit; BackendError if they do not fit into memory.
 */
export async function readEntries(file: string, flags: TableFlags): Promise<Entries> {
  const fields = fieldsOf(flags.columns);
  const { delimiter, encoding } = flags;
  if (encoding !== undefined) checkEncodingFlag(encoding);
  const given = delimiter !== undefined && Object.hasOwn(delimiterWords, delimiter) ? delimiterWords[delimiter] : delimiter;
  const positions = Object.values(fields ?? {}).map((field) => (typeof field === 'number' ? field + 1 : 0));
  const format = await sniffFormat(file, Math.max(3, ...positions), { delimiter: given, encoding });
  const read = format.kind === 'table' ? await readTable(file, format, fields, flags) : await readSparse(file);
  const { matrix, repeated } = mergeRepeated(read.matrix);
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of hostAlgebra().peek(matrix.values)) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  if (least === greatest) {
    throw new FormatError(`complete: ${file}: every value is ${least}, so that there is nothing to fit; check --columns`);
  }
  return { ...read, matrix, repeated, least, greatest };
}

type Labelled = Pick<Entries, 'matrix' | 'rowLabels' | 'columnLabels' | 'understood' | 'reading'>;

async function readTable(
  file: string,
  { delimiter, sample }: Extract<EntryFormat, { readonly kind: 'table' }>,
  given: TripletFields | undefined,
  flags: TableFlags,
): Promise<Labelled> {
  const header = flags.header === 'yes' ? true : flags.header === 'no' ? false : 'auto';
  const decimal = flags.decimal === 'comma' ? ',' : flags.decimal === 'point' ? '.' : undefined;
  const columns = tableColumns(file, sample, { fields: given, header, decimal });
  const { fields } = columns;
  const { encoding } = flags;
  const options = {
    delimiter,
    fields,
    header,
    decimal: columns.decimal,
    missing: 'skip',
    caller: 'complete',
    ...(encoding === undefined ? {} : { encoding }),
  } as const;
  const { matrix, rowLabels = [], columnLabels = [], table } = await readTriplets(hostAlgebra(), file, options);
  const taken = columnsTaken(fields, table.header, sample);
  const understood = [`${file}: ${tableText(delimiter, fields, taken, table)}`, ...columns.notices];
  if (table.remarks > 0)
    understood.push(
      `${lines(table.remarks)} before the first row ${table.remarks === 1 ? 'begins' : 'begin'} with #: passed over as remarks`,
    );
  if (table.missing > 0)
    understood.push(`${lines(table.missing)} without a value (empty, NA, NaN, null): passed over, as entries that are not known`);
  const reading: Reading = {
    format: 'table',
    encoding: table.encoding,
    delimiter,
    header: table.header !== undefined,
    decimal: columns.decimal,
    columns: taken,
    remarks: table.remarks,
    missing: table.missing,
  };
  return { matrix, rowLabels, columnLabels, understood, reading };
}

/** Numbers and names of the columns. A header that lacks one name, as R writes it, has none for the first. */
function columnsTaken(fields: TripletFields, header: readonly string[] | undefined, sample: readonly SampleLine[]): ColumnsTaken {
  const last = sample.at(-1)?.fields ?? [];
  const unnamed = header !== undefined && header.length === last.length - 1 && last.at(-1) !== '';
  const names = unnamed ? ['', ...header] : (header ?? []);
  const taken = (field: number | string): ColumnTaken => {
    const place = typeof field === 'number' ? field : names.indexOf(field);
    return { number: place + 1, ...(names[place] ? { name: names[place] } : {}) };
  };
  return { row: taken(fields.row), column: taken(fields.column), value: taken(fields.value) };
}

const lines = (count: number): string => (count === 1 ? '1 line' : `${count} lines`);

/** Encoding, delimiter and columns in words: those that were asked for by name are called by it. */
function tableText(delimiter: string, fields: TripletFields, taken: ColumnsTaken, { encoding, header }: TableReading): string {
  const called = (what: keyof ColumnsTaken): string => {
    const { number, name } = taken[what];
    if (typeof fields[what] === 'string') return shown(fields[what]);
    return `column ${number}${name === undefined ? '' : ` (${shown(name)})`}`;
  };
  const between = delimiter === ' ' ? 'spaces' : JSON.stringify(delimiter);
  const names = header === undefined ? 'no header' : `header ${shown(header.join(', '))}`;
  return `${encoding} text, fields between ${between}, ${names}; row: ${called('row')}, column: ${called('column')}, value: ${called('value')}`;
}

function shown(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)} …`;
}

function checkEncodingFlag(label: string): void {
  try {
    checkEncoding('complete', label);
  } catch (cause) {
    throw new UsageError((cause as Error).message.replace(/^complete: encoding/, 'bures complete: --encoding'), { cause });
  }
}

/** Rows or columns up to which a file may have as many without entries as it likes, and how many times its entries there may be beyond that. */
const [fewLabels, labelsAnEntry] = [1e6, 100];
/** Memory that a row or column takes before anything is fitted: its name, offsets, bias, counts and places in work arrays. */
const bytesPerLabel = 128;

async function readSparse(file: string): Promise<Labelled> {
  const { format, rows, columns, entries, line } = await readMatrixMarketSizes(file, { caller: 'complete' });
  if (format === 'array') {
    throw new FormatError(
      `complete: ${file}: expected a coordinate file, got an array, of which every entry is known; store the known entries only`,
    );
  }
  if (entries === 0) throw new FormatError(`complete: ${file}: expected entries, got none; check the path`);
  if (Math.max(rows, columns) > Math.max(fewLabels, labelsAnEntry * entries)) {
    throw new FormatError(
      `complete: ${file}:${line}: expected at most ${labelsAnEntry} rows and columns an entry, got ${rows} rows and ${columns} columns for ${entries} entries, of which nearly all would be empty; ` +
        'number only the rows and columns that have entries, or write a table of row, column and value',
    );
  }
  checkRoom({
    where: `complete: ${file}`,
    bytes: bytesPerLabel * (rows + columns) + 40 * entries,
    what: `${rows} rows, ${columns} columns and ${entries} entries`,
    remedy: 'number only the rows and columns that have entries, or take a part of them',
  });
  const matrix = await readMatrixMarket(hostAlgebra(), file, { caller: 'complete' });
  if (!('kind' in matrix)) throw new FormatError(`complete: ${file}: the file changed while it was read; read it again`);
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1));
  const understood = [`${file}: Matrix Market, ${entries} entries stored`];
  return {
    matrix,
    rowLabels: numbers(matrix.rows),
    columnLabels: numbers(matrix.columns),
    understood,
    reading: { format: 'matrix-market' },
  };
}

/** `1,2,3` or `userId,movieId,rating`. */
function fieldsOf(columns: string | undefined): TripletFields | undefined {
  if (columns === undefined) return undefined;
  const fields = columns.split(',').map((word) => word.trim());
  if (fields.length !== 3 || fields.includes('') || new Set(fields).size < 3 || fields.includes('0')) {
    throw new UsageError(
      `bures complete: --columns must be three different columns (row, column, value), by number from 1 or by name, got '${columns}'; write, say, --columns userId,movieId,rating`,
    );
  }
  const [row, column, value] = fields.map((word) => (/^\d+$/.test(word) ? Number(word) - 1 : word));
  return { row, column, value };
}
