/** Options of tables of triplets. */
import { ConfigError } from '../../core/errors.js';
import { checkChoice, checkKeys, describeValue } from '../../core/options.js';
import { checkEncoding } from '../text/utf8.js';

/** Fields by their position from 0, or by the name that the header gives them. */
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
  /**
   * Text between fields: one character or more, such as `'\t'` or MovieLens's `'::'`. With `' '` a run of spaces counts
   * once. Default: `','`.
   */
  readonly delimiter?: string;
  /** True if the first line names the fields; `'auto'` (default): if its value is neither a number nor missing. */
  readonly header?: boolean | 'auto';
  /** Fields to read; others are skipped. Default: the first three, as row, column and value. */
  readonly fields?: TripletFields;
  /**
   * Names of rows and columns. `'labels'` (default): any text, numbered in order of first appearance; `'integers'`:
   * their own number, from `indexBase`.
   */
  readonly ids?: 'labels' | 'integers';
  /** Number of the first row and column, with `ids: 'integers'`. Default: 0. */
  readonly indexBase?: 0 | 1;
  /**
   * Encoding of the file, by a label of the WHATWG's standard such as `latin1`. Default: UTF-16 if a byte-order mark
   * says so, else UTF-8.
   */
  readonly encoding?: string;
  /** Character between whole and decimal digits. Default: `'.'`. */
  readonly decimal?: '.' | ',';
  /**
   * Treatment of lines whose value is empty, NA, N/A, NaN, null or None. `'error'` (default): refuse them; `'skip'`:
   * skip and count them.
   */
  readonly missing?: 'error' | 'skip';
  /** Name that messages begin with: the function or command that the user called. Default: `'readTriplets'`. */
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

/** @throws ConfigError unless the name that messages begin with is a nonempty text. */
export function checkCaller(own: string, caller: unknown): void {
  if (typeof caller === 'string' && caller !== '') return;
  throw new ConfigError(`${own}: caller must be the name of a function or command, got ${describeValue(caller)}; leave it out`);
}
