/** Reads the known entries of a matrix from a file. */

import { counted } from '../../core/counted.js';
import { ConfigError, FormatError } from '../../core/errors.js';
import { hostAlgebra } from '../../index.js';
import { readTriplets, type TableReading, type TripletFields } from '../../io/index.js';
import { checkEncoding } from '../../io/text/utf8.js';
import { mergeRepeated } from '../../problems/index.js';
import { UsageError } from '../command.js';
import type { ColumnsTaken, ColumnTaken, Entries, Labelled, Reading } from './entries.js';
import { readSparse } from './read-sparse.js';
import { type EntryFormat, type SampleLine, sniffFormat } from './sniff-format.js';
import { tableColumns } from './table-columns.js';

/** Layout of a table, as given by the flags. */
export interface TableFlags {
  readonly columns?: string | undefined;
  readonly delimiter?: string | undefined;
  readonly header?: string | undefined;
  readonly encoding?: string | undefined;
  readonly decimal?: string | undefined;
  /** Feedback of entries: with `'implicit'` they may have no value, and repeated ones add up. */
  readonly feedback?: 'explicit' | 'implicit' | undefined;
  /** Column of times, `'auto'` to find it; absent if times are not to be read. */
  readonly time?: string | undefined;
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
  const implicit = flags.feedback === 'implicit';
  const fields = fieldsOf(flags.columns, implicit);
  const { delimiter, encoding } = flags;
  if (encoding !== undefined) checkEncodingFlag(encoding);
  const given = delimiter !== undefined && Object.hasOwn(delimiterWords, delimiter) ? delimiterWords[delimiter] : delimiter;
  const positions = Object.values({ ...fields }).map((field) => (typeof field === 'number' ? field + 1 : 0));
  const format = await sniffFormat(file, Math.max(implicit ? 2 : 3, ...positions), { delimiter: given, encoding });
  if (format.kind === 'matrix-market' && flags.time !== undefined) {
    throw new ConfigError(`complete: ${file}: expected a table with a column of times, got a Matrix Market file; split it at random`);
  }
  const read = format.kind === 'table' ? await readTable(file, format, fields, flags) : await readSparse(file);
  const { matrix, repeated, times } = onePerPlace(read, implicit);
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of hostAlgebra().peek(matrix.values)) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  if (least === greatest && !implicit) {
    throw new FormatError(
      `complete: ${file}: every value is ${least}, so there is nothing to fit; check --columns, or pass --feedback implicit if the entries themselves are what is known`,
    );
  }
  if (implicit && !(least > 0)) {
    throw new FormatError(
      `complete: ${file}: expected strengths of feedback above 0, got ${least}; leave out entries without feedback, or fit values that tell of dislike with --feedback explicit`,
    );
  }
  return { ...read, matrix, repeated, ...(times === undefined ? {} : { times }), least, greatest };
}

/** Merges entries of one place: ratings to their mean, implicit feedback to its sum, times to the latest. */
function onePerPlace({ matrix: all, times: given }: Labelled, sum: boolean): Pick<Entries, 'matrix' | 'times' | 'repeated'> {
  const { matrix, repeated, places } = mergeRepeated(all);
  if (places === undefined) return { matrix, repeated, ...(given === undefined ? {} : { times: given }) };
  const la = hostAlgebra();
  const latest = given && new Float64Array(matrix.columnIndices.length).fill(Number.NEGATIVE_INFINITY);
  const sums = new Float64Array(matrix.columnIndices.length);
  la.peek(all.values).forEach((value, e) => {
    const place = places[e];
    sums[place] += value;
    if (given !== undefined && latest !== undefined) latest[place] = Math.max(latest[place], given[e]);
  });
  const merged = sum ? { ...matrix, values: la.fromArray(sums, [sums.length]) } : matrix;
  return { matrix: merged, repeated, ...(latest === undefined ? {} : { times: latest }) };
}

async function readTable(
  file: string,
  { delimiter, sample }: Extract<EntryFormat, { readonly kind: 'table' }>,
  given: TripletFields | undefined,
  flags: TableFlags,
): Promise<Labelled> {
  const header = flags.header === 'yes' ? true : flags.header === 'no' ? false : 'auto';
  const decimal = flags.decimal === 'comma' ? ',' : flags.decimal === 'point' ? '.' : undefined;
  const time = flags.time !== undefined && /^[1-9]\d*$/.test(flags.time) ? Number(flags.time) - 1 : flags.time;
  const columns = tableColumns(file, sample, { fields: given, header, decimal, implicit: flags.feedback === 'implicit', time });
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
  const { table, rowLabels = [], columnLabels = [], ...entries } = await readTriplets(hostAlgebra(), file, options);
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
  return { ...entries, rowLabels, columnLabels, understood, reading };
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
  return {
    row: taken(fields.row),
    column: taken(fields.column),
    ...(fields.value === undefined ? {} : { value: taken(fields.value) }),
    ...(fields.time === undefined ? {} : { time: taken(fields.time) }),
  };
}

/** Describes encoding, delimiter and columns. Columns requested by name are called by it. */
function tableText(delimiter: string, fields: TripletFields, taken: ColumnsTaken, { encoding, header }: TableReading): string {
  const called = (what: keyof ColumnsTaken): string => {
    const { number, name } = taken[what] ?? {};
    const field = fields[what];
    if (typeof field === 'string') return shown(field);
    if (number === undefined) return 'none';
    return `column ${number}${name === undefined ? '' : ` (${shown(name)})`}`;
  };
  const between = delimiter === ' ' ? 'spaces' : JSON.stringify(delimiter);
  const names = header === undefined ? 'no header' : `header ${shown(header.join(', '))}`;
  return `${encoding} text, fields between ${between}, ${names}; row: ${called('row')}, column: ${called('column')}, value: ${called('value')}${taken.time === undefined ? '' : `, time: ${called('time')}`}`;
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

/** Parses `1,2,3` or `userId,movieId,rating`; of implicit feedback the value may be left out. */
function fieldsOf(columns: string | undefined, implicit: boolean): TripletFields | undefined {
  if (columns === undefined) return undefined;
  const fields = columns.split(',').map((word) => word.trim());
  const isFew = implicit && fields.length === 2;
  if (!(fields.length === 3 || isFew) || fields.includes('') || new Set(fields).size < fields.length || fields.includes('0')) {
    throw new UsageError(
      `bures complete: --columns must be three different columns (row, column, value), by number from 1 or by name, got '${columns}'; write, say, --columns userId,movieId,rating`,
    );
  }
  const [row, column, value] = fields.map((word) => (/^\d+$/.test(word) ? Number(word) - 1 : word));
  return { row, column, ...(isFew ? {} : { value }) };
}
