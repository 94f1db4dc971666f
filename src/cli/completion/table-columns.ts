import { FormatError } from '../../core/errors.js';
import type { TripletFields } from '../../io/index.js';
import { isMissing } from '../../io/text/delimited-fields.js';
import { isNumber, type SampleLine } from './sniff-format.js';

/** Result of {@link tableColumns}. */
export interface TableColumns {
  readonly fields: TripletFields;
  readonly decimal: '.' | ',';
  /** Decisions that the user should know of. */
  readonly notices: readonly string[];
}

/** Properties of a table that the user has given. */
export interface GivenColumns {
  readonly fields?: TripletFields | undefined;
  readonly header: boolean | 'auto';
  readonly decimal?: '.' | ',' | undefined;
  /** True if entries may have no value. */
  readonly implicit?: boolean;
  /** The column of times, `'auto'` to find it; absent if times are not to be read. */
  readonly time?: number | string | undefined;
}

/** Names of columns that hold the value, that hold a time, or that number the lines; without punctuation. */
const valueNames = new Set(['rating', 'ratings', 'score', 'scores', 'star', 'stars', 'value', 'values', 'count', 'counts']);
const timeNames = new Set(['time', 'times', 'timestamp', 'timestamps', 'ts', 'date', 'datetime', 'unixtime', 'createdat', 'ratedat']);
const indexNames = new Set(['', 'unnamed0', 'index', 'idx', 'id', 'row', 'rowid', 'rownumber', 'n', 'no', 'nr']);
/** Names of a nameless column: pandas writes an empty name, and reads it as Unnamed: 0. */
const unnamed = new Set(['', 'unnamed0']);
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** Number of rows that must agree before a column counts as something other than labels. */
const enoughRows = 3;

/**
 * Chooses the columns of row, column and value, and the decimal mark, from the first lines.
 *
 * A nameless first column is the index that pandas and R write, and is skipped. If other columns may be misread (one
 * that numbers the lines, or a timestamp in place of the value), the user is asked to name the columns.
 *
 * @throws FormatError naming the columns to pass.
 */
export function tableColumns(file: string, sample: readonly SampleLine[], given: GivenColumns): TableColumns {
  const width = sample.at(-1)?.fields.length ?? 0;
  const header = headerOf(sample, given);
  const rows = header === undefined ? sample : sample.slice(1);
  const notices: string[] = [];
  const first = given.fields === undefined ? firstColumn(rows, header?.fields, width, notices) : 0;
  const valueless = given.fields === undefined && given.implicit === true && width === 2;
  const whole: TripletFields = { row: first, column: first + 1, ...(valueless ? {} : { value: first + 2 }) };
  const fields = withTime(file, given.fields ?? whole, { header, rows, width }, given.time);
  if (fields.value === undefined && given.header === 'auto' && typeof fields.row === 'number') {
    throw new FormatError(
      `complete: ${file}: expected values by which a header is told from entries, got columns of rows and columns alone; pass --header yes if the first line names the columns, or --header no`,
    );
  }
  if (given.fields === undefined && !valueless) {
    if (header !== undefined && header.fields.length === width) checkNames(file, header, rows, first);
    else checkNumbers(file, rows, first, width);
  }
  const { value } = fields;
  const at = typeof value === 'number' ? value : value === undefined ? -1 : (header?.fields.indexOf(value) ?? -1);
  const decimal = given.decimal ?? decimalOf(file, rows, at);
  if (decimal === ',' && given.decimal === undefined) notices.push('values are written with a decimal comma');
  return { fields, decimal, notices };
}

/** Returns true for an entry that a header does not have: a number with either decimal mark, or a missing value. */
function isValue(text: string): boolean {
  const bytes = Buffer.from(text);
  return isMissing(bytes, 0, bytes.length) || isNumber(text);
}

function headerOf([first]: readonly SampleLine[], { header, fields }: GivenColumns): SampleLine | undefined {
  if (first === undefined || header === false) return undefined;
  const value = fields === undefined ? 2 : fields.value;
  if (header === true || Object.values({ ...fields }).some((field) => typeof field === 'string')) return first;
  if (typeof value !== 'number') return undefined;
  const text = first.fields[value];
  return text !== undefined && isValue(text) ? undefined : first;
}

/** Returns true if a column is 0, 1, 2, … or 1, 2, 3, …. */
function countsLines(rows: readonly SampleLine[], column: number): boolean {
  const start = Number(rows[0]?.fields[column]);
  return (start === 0 || start === 1) && rows.every(({ fields }, index) => fields[column] === String(start + index));
}

/** Returns the first column to read: 1 after an index, else 0. */
function firstColumn(rows: readonly SampleLine[], header: readonly string[] | undefined, width: number, notices: string[]): 0 | 1 {
  if (header === undefined || width < 4) return 0;
  const named = header.length === width;
  const isIndex = named ? unnamed.has(plain(header[0])) : header.length === width - 1 && countsLines(rows, 0);
  if (!isIndex) return 0;
  notices.push(
    `column 1 has no name${countsLines(rows, 0) ? ' and numbers the lines' : ''}; it was skipped as an index (--columns 1,2,3 reads it)`,
  );
  return 1;
}

function checkNames(file: string, header: SampleLine, rows: readonly SampleLine[], first: 0 | 1): void {
  const names = header.fields;
  const value = plain(names[first + 2] ?? '');
  const rated = names.filter((name) => valueNames.has(plain(name)));
  const others = names.filter((name) => ![valueNames, timeNames, indexNames].some((known) => known.has(plain(name))));
  const [row = 'ROW', column = 'COLUMN'] = others;
  const proposal = `--columns ${row},${column},${rated[0] ?? 'VALUE'}`;
  const complain = (expected: string, got: string): never => {
    throw new FormatError(
      `complete: ${file}:${header.line}: expected ${expected}, got ${got}; pass ${proposal}, or --columns 1,2,3 if that is right`,
    );
  };
  if (timeNames.has(value)) complain('the value in column 3', `one named '${names[first + 2]}'`);
  if (!valueNames.has(value) && rated.length > 0) {
    complain(`the value in column ${first + 3}`, `one named '${names[first + 2]}' beside '${rated[0]}'`);
  }
  if (first === 0 && names.length >= 4 && indexNames.has(plain(names[0])) && rows.length >= enoughRows && countsLines(rows, 0)) {
    complain('the row in column 1', `one named '${names[0]}' that numbers the lines`);
  }
}

/** What is known of a table: its header, first rows, and number of columns. */
interface TableHead {
  readonly header: SampleLine | undefined;
  readonly rows: readonly SampleLine[];
  readonly width: number;
}

/**
 * Adds the column of times, if it is asked for: the one that is named so, or that holds timestamps.
 *
 * @throws FormatError naming the flag, if there is none, or more than one.
 */
function withTime(
  file: string,
  fields: TripletFields,
  { header, rows, width }: TableHead,
  asked: number | string | undefined,
): TripletFields {
  if (asked === undefined) return fields;
  if (asked !== 'auto') return { ...fields, time: asked };
  const names = header?.fields ?? [];
  const used = Object.values(fields).map((field: number | string) => (typeof field === 'number' ? field : names.indexOf(field)));
  const free = Array.from({ length: width }, (_, column) => column).filter((column) => !used.includes(column));
  const named = free.filter((column) => names.length === width && timeNames.has(plain(names[column])));
  const found = named.length > 0 ? named : free.filter((column) => rows.length > 0 && holdsTimes(rows, column));
  if (found.length === 1) return { ...fields, time: found[0] };
  const what = found.length === 0 ? 'none' : `${found.map((column) => column + 1).join(' and ')}`;
  throw new FormatError(
    `complete: ${file}: expected one column of times to split by, got ${what}${names.length > 0 ? ` among ${names.join(', ').slice(0, 200)}` : ''}; name it with --time, by number from 1 or by name, or split at random`,
  );
}

/** Seconds since 1970 for the years 1990 to 2100, and the same in milliseconds. */
const timestamps = [
  [631_152_000, 4_102_444_800],
  [631_152_000_000, 4_102_444_800_000],
] as const;

function checkNumbers(file: string, rows: readonly SampleLine[], first: 0 | 1, width: number): void {
  if (width < 4 || rows.length < enoughRows) return;
  const complain = (expected: string, got: string, columns: string): never => {
    throw new FormatError(
      `complete: ${file}:${rows[0].line}: expected ${expected}, got ${got}; pass --columns ${columns}, or --columns 1,2,3 if that is right`,
    );
  };
  if (first === 0 && countsLines(rows, 0)) complain('the row in column 1', 'a column that numbers the lines', '2,3,4');
  if (holdsTimes(rows, first + 2))
    complain(`the value in column ${first + 3}`, 'a column of timestamps', [1, 2, 4].map((column) => column + first).join(','));
}

/** Returns true if a column holds timestamps. */
function holdsTimes(rows: readonly SampleLine[], column: number): boolean {
  return rows.every(({ fields }) =>
    timestamps.some(([from, to]) => /^\d+$/.test(fields[column] ?? '') && +fields[column] >= from && +fields[column] < to),
  );
}

/** Returns a comma if values contain one and no value contains a point. */
function decimalOf(file: string, rows: readonly SampleLine[], column: number): '.' | ',' {
  const values = rows.map(({ fields, line }) => ({ text: fields[column] ?? '', line }));
  const withComma = values.filter(({ text }) => /^[+-]?\d*,\d+$/.test(text));
  if (withComma.length === 0 || values.some(({ text }) => /^[+-]?\d*\.\d*$/.test(text))) return '.';
  if (withComma.every(({ text }) => /^[+-]?[1-9]\d{0,2},\d{3}$/.test(text))) {
    throw new FormatError(
      `complete: ${file}:${withComma[0].line}: expected a number, got '${withComma[0].text}', whose comma may be decimal or between thousands; pass --decimal comma, or write thousands without marks`,
    );
  }
  return ',';
}
