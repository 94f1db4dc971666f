/** How a table of triplets is written. */
import { ConfigError } from '../../core/errors.js';
import { checkChoice, checkKeys, describeValue } from '../../core/options.js';
import { checkEncoding } from '../../core/utf8.js';

/** Which field is what: a position from 0, or the name that the header gives it. */
export interface TripletFields {
  /** The field that names the row. */
  readonly row: number | string;
  /** The field that names the column. */
  readonly column: number | string;
  /** The field that holds the value. */
  readonly value: number | string;
}

/** Options of {@link readTriplets}. */
export interface ReadTripletsOptions {
  /** What stands between fields: one character or more, such as `'\t'` or MovieLens's `'::'`. With `' '` a run of spaces counts once. */
  readonly delimiter?: string;
  /** Whether the first line names the fields. `'auto'`: it does if its value field is neither a number nor missing. */
  readonly header?: boolean | 'auto';
  /** Which fields to read; others are passed over. */
  readonly fields?: TripletFields;
  /**
   * What rows and columns are called. `'labels'`: by any text, numbered in order of first appearance; `'integers'`: by their own number, from `indexBase`.
   */
  readonly ids?: 'labels' | 'integers';
  /** The number of the first row and column, with `ids: 'integers'`. */
  readonly indexBase?: 0 | 1;
  /** The file's encoding, by a label of the WHATWG's standard such as `latin1`. A byte-order mark decides on UTF-16 by itself; anything else is UTF-8 where this is not given. */
  readonly encoding?: string;
  /** What stands between whole and decimal digits. */
  readonly decimal?: '.' | ',';
  /** What to do with lines whose value is empty, NA, N/A, NaN, null or None: refuse them, or pass them over and count them. */
  readonly missing?: 'error' | 'skip';
  /** What messages begin with, for a function or command that reads a file on its user's behalf: its own name. */
  readonly caller?: string;
}

/** The options with their defaults filled in; without `encoding` the file decides. */
export type TripletSettings = Required<Omit<ReadTripletsOptions, 'encoding'>> & Pick<ReadTripletsOptions, 'encoding'>;

/** The defaults of {@link readTriplets}. */
export const readTripletsDefaults: Required<Omit<ReadTripletsOptions, 'encoding'>> = {
  delimiter: ',',
  header: 'auto',
  fields: { row: 0, column: 1, value: 2 },
  ids: 'labels',
  indexBase: 0,
  decimal: '.',
  missing: 'error',
  caller: 'readTriplets',
};

/** @throws ConfigError for options that do not fit, or not together. */
export function tripletSettings(options: ReadTripletsOptions): TripletSettings {
  checkKeys(readTripletsDefaults.caller, options, [...Object.keys(readTripletsDefaults), 'encoding']);
  const settings = { ...readTripletsDefaults, ...options };
  const { delimiter, header, fields, ids, indexBase, encoding, decimal, missing, caller } = settings;
  checkCaller(readTripletsDefaults.caller, caller);
  if (typeof delimiter !== 'string' || delimiter === '' || /["\r\n#]/.test(delimiter)) {
    throw new ConfigError(
      `${caller}: delimiter must be text without quotes, # and line ends, got ${describeValue(delimiter)}; pass, say, ',' or '\\t'`,
    );
  }
  if (![true, false, 'auto'].includes(header)) {
    throw new ConfigError(`${caller}: header must be true, false or 'auto', got ${describeValue(header)}; pass one of these`);
  }
  checkKeys(caller, fields, ['row', 'column', 'value']);
  for (const field of [fields.row, fields.column, fields.value]) {
    if (typeof field === 'string' ? header !== false : Number.isInteger(field) && field >= 0) continue;
    throw new ConfigError(
      `${caller}: a field is a position from 0, or a name of the header, got ${describeValue(field)} with header ${header}; correct fields`,
    );
  }
  checkChoice(caller, 'ids', ids, ['labels', 'integers']);
  if (indexBase !== 0 && indexBase !== 1) {
    throw new ConfigError(`${caller}: indexBase must be 0 or 1, got ${describeValue(indexBase)}; pass one of these`);
  }
  checkChoice(caller, 'decimal', decimal, ['.', ',']);
  checkChoice(caller, 'missing', missing, ['error', 'skip']);
  if (encoding !== undefined) checkEncoding(caller, encoding);
  return settings;
}

/** @throws ConfigError unless the name that messages shall begin with is a text. */
export function checkCaller(own: string, caller: unknown): void {
  if (typeof caller === 'string' && caller !== '') return;
  throw new ConfigError(`${own}: caller must be the name of a function or command, got ${describeValue(caller)}; leave it out`);
}
