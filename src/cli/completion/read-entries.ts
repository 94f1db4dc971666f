/** Reads the known entries of a matrix from a file. */

import { checkRoom } from '../../core/allocate.js';
import { counted } from '../../core/counted.js';
import { FormatError } from '../../core/errors.js';
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';
import { readMatrixMarket, readMatrixMarketSizes, readTriplets, type TableReading, type TripletFields } from '../../io/index.js';
import { checkEncoding } from '../../io/text/utf8.js';
import { mergeRepeated } from '../../problems/index.js';
import { UsageError } from '../command.js';
import { type EntryFormat, type SampleLine, sniffFormat } from './sniff-format.js';
import { tableColumns } from './table-columns.js';

/** Layout of a table, as given by the flags. */
export interface TableFlags {
  readonly columns?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly header?: string | undefined;
  readonly encoding?: string | undefined;
  readonly decimal?: string | undefined;
}

/** A column of a table that is used: its number, from 1, and its name if there is a header. */
interface ColumnTaken {
  readonly number: number;
  readonly name?: string;
}

/** The columns that hold row, column and value of an entry. */
interface ColumnsTaken {
  readonly row: ColumnTaken;
  readonly column: ColumnTaken;
  readonly value: ColumnTaken;
}

/** A description of how a file was read, as data. */
export type Reading =
  | { readonly format: 'matrix-market' }
  | {
      readonly format: 'table';
      readonly encoding: string;
      readonly delimiter: string;
      readonly header: boolean;
      readonly decimal: '.' | ',';
      readonly columns: ColumnsTaken;
      /** Number of lines skipped before the first row, and of lines without a value. */
      readonly remarks: number;
      readonly missing: number;
    };

/** Entries, one per place, with the labels of rows and columns. */
export interface Entries {
  readonly matrix: CsrMatrix<HostArray>;
  /** Labels of the rows, in order. For a Matrix Market file they are the numbers, from 1. */
  readonly rowLabels: readonly string[];
  readonly columnLabels: readonly string[];
  /** Number of entries at the place of an earlier one; their mean was taken. */
  readonly repeated: number;
  readonly least: number;
  readonly greatest: number;
  /** A description of how the file was understood, line by line. */
  readonly understood: readonly string[];
  /** The same description as data. */
  readonly reading: Reading;
}

/** Words for delimiters that are hard to type in a shell. */
const delimiterWords: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t', space: ' ', comma: ',' };

/**
 * Reads a Matrix Market file, or a table of row, column and value.
 *
 * @throws UsageError for invalid flags; ConfigError if the file cannot be read; FormatError naming file and line, and
 * for data with nothing to fit; BackendError if the entries do not fit into memory.
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
    throw new FormatError(`complete: ${file}: every value is ${least}, so there is nothing to fit; check --columns`);
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
      `${counted(table.remarks, 'line')} before the first row ${table.remarks === 1 ? 'begins with # and was' : 'begin with # and were'} skipped as remarks`,
    );
  if (table.missing > 0)
    understood.push(
      `${counted(table.missing, 'line')} without a value (empty, NA, NaN, null) ${table.missing === 1 ? 'was' : 'were'} skipped as entries that are not known`,
    );
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

/** Returns numbers and names of the columns. If a header lacks one name, as R writes it, the first column has none. */
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

/** Describes encoding, delimiter and columns. Columns requested by name are called by it. */
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

/**
 * Limits on rows or columns: a file may have this many in any case, and otherwise this many times the number of
 * entries.
 */
const [fewLabels, labelsAnEntry] = [1e6, 100];
/** Memory per row or column before fitting, in bytes: its name, offsets, bias, counts and places in work arrays. */
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
      `complete: ${file}:${line}: expected at most ${labelsAnEntry} rows and columns an entry, got ${counted(rows, 'row')} and ${counted(columns, 'column')} for ${counted(entries, 'entry', 'entries')}, of which nearly all would be empty; ` +
        'number only the rows and columns that have entries, or write a table of row, column and value',
    );
  }
  checkRoom({
    where: `complete: ${file}`,
    bytes: bytesPerLabel * (rows + columns) + 40 * entries,
    what: `${counted(rows, 'row')}, ${counted(columns, 'column')} and ${counted(entries, 'entry', 'entries')}`,
    remedy: 'number only the rows and columns that have entries, or take a part of them',
  });
  const matrix = await readMatrixMarket(hostAlgebra(), file, { caller: 'complete' });
  if (!('kind' in matrix)) throw new FormatError(`complete: ${file}: the file changed while it was read; read it again`);
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index + 1));
  const understood = [`${file}: Matrix Market, ${counted(entries, 'entry', 'entries')} stored`];
  return {
    matrix,
    rowLabels: numbers(matrix.rows),
    columnLabels: numbers(matrix.columns),
    understood,
    reading: { format: 'matrix-market' },
  };
}

/** Parses `1,2,3` or `userId,movieId,rating`. */
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
