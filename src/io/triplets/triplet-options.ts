/** Options of tables of triplets. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions, describeValue, option } from '../../core/options.js';
import type { Files } from '../files/files.js';
import { filesOption } from '../files/files-option.js';
import { checkEncoding } from '../text/utf8.js';

/** Fields by their position from 0, or by the name that the header gives them. */
export interface TripletFields {
  /** The field that names the row. */
  readonly row: number | string;
  /** The field that names the column. */
  readonly column: number | string;
  /** The field that holds the value; absent if there is none, and each entry then has the value 1. */
  readonly value?: number | string;
  /**
   * The field that holds the time, a number or a date of ISO 8601 such as 2024-05-31T12:00:00Z; absent if times are not
   * to be read.
   */
  readonly time?: number | string;
}

/** Options of {@link readTriplets}. */
export interface ReadTripletsOptions {
  /**
   * Text between fields: one character or more, such as `'\t'` or MovieLens's `'::'`. With `' '` a run of spaces counts
   * once. Default: `','`.
   */
  readonly delimiter?: string;
  /**
   * True if the first line names the fields; `'auto'`: if its value is neither a number nor missing. Default: `'auto'`.
   */
  readonly header?: boolean | 'auto';
  /**
   * Fields to read; others are skipped. Without a value, a header is recognized only if fields are given by name.
   * Default: the first three, as row, column and value.
   */
  readonly fields?: TripletFields;
  /**
   * Names of rows and columns. `'labels'`: any text, numbered in order of first appearance; `'integers'`: their own
   * number, from `indexBase`. Default: `'labels'`.
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
   * Treatment of lines whose value is empty, NA, N/A, NaN, null or None. `'error'`: refuse them; `'skip'`: skip and
   * count them. Default: `'error'`.
   */
  readonly missing?: 'error' | 'skip';
  /** Where the file lies. Default: {@link nodeFiles}, the files of this machine. */
  readonly files?: Files;
  /** Name that messages begin with: the function or command that the user called. Default: `'readTriplets'`. */
  readonly caller?: string;
}

const tripletFields = declareOptions<TripletFields>()({
  row: option({}),
  column: option({}),
  value: option({ optional: true }),
  time: option({ optional: true }),
});

const readTripletsOptions = declareOptions<ReadTripletsOptions>()({
  delimiter: option({ default: ',' }, (caller, name, value) => {
    if (typeof value === 'string' && value !== '' && !/["\r\n#]/.test(value)) return;
    throw new ConfigError(
      `${caller}: ${name} must be text without quotes, # and line ends, got ${describeValue(value)}; pass, say, ',' or '\\t'`,
    );
  }),
  header: option({ default: 'auto' }, (caller, name, value) => {
    if (value === true || value === false || value === 'auto') return;
    throw new ConfigError(`${caller}: ${name} must be true, false or 'auto', got ${describeValue(value)}; pass one of these`);
  }),
  fields: option({ default: { row: 0, column: 1, value: 2 } }),
  ids: choice(['labels', 'integers'], { default: 'labels' }),
  indexBase: option({ default: 0 }, (caller, name, value) => {
    if (value === 0 || value === 1) return;
    throw new ConfigError(`${caller}: ${name} must be 0 or 1, got ${describeValue(value)}; pass one of these`);
  }),
  decimal: choice(['.', ','], { default: '.' }),
  missing: choice(['error', 'skip'], { default: 'error' }),
  files: filesOption,
  caller: option({ default: 'readTriplets' }, callerOption.check),
  encoding: option({ optional: true }, (caller, _name, value) => checkEncoding(caller, value as string)),
});

/** The options with their defaults filled in; without `encoding` the file decides. */
export type TripletSettings = Required<Omit<ReadTripletsOptions, 'encoding'>> & Pick<ReadTripletsOptions, 'encoding'>;

/** The defaults of {@link readTriplets}. */
export const readTripletsDefaults: Required<Omit<ReadTripletsOptions, 'encoding'>> = readTripletsOptions.defaults;

/** @throws ConfigError for options that do not fit, or not together. */
export function tripletSettings(options: ReadTripletsOptions): TripletSettings {
  const settings = readTripletsOptions.read(givenCaller(readTripletsDefaults.caller, options), options);
  const { header, caller } = settings;
  const fields = tripletFields.read(caller, settings.fields);
  for (const field of Object.values(fields)) {
    if (typeof field === 'string' ? header !== false : Number.isInteger(field) && field >= 0) continue;
    throw new ConfigError(
      `${caller}: a field is a position from 0, or a name of the header, got ${describeValue(field)} with header ${header}; correct fields`,
    );
  }
  return settings;
}
