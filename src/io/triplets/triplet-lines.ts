/** The lines of a table of triplets: finds the beginning of the data, and the fields of each line. */

import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isMissing, quoteStateAfter, splitFields, unquoted } from '../text/delimited-fields.js';
import { parseNumber } from '../text/parse-number.js';
import { quoted, textOf, type VisitLinesOptions, visitLines } from '../text/split-lines.js';
import type { NamedFile } from '../text/text-encoding.js';
import type { TripletSettings } from './triplet-options.js';
import { timeReader } from './triplet-times.js';

/** Positions of the fields, and the line on which the data begin. */
export interface TripletLayout {
  readonly positions: FieldPositions;
  readonly firstLine: number;
  /** Number of fields that every line must have; 0 for a table without rows. */
  readonly fieldCount: number;
  /** True if the last field is empty on the first row, so that other lines may lack it. */
  readonly lastIsEmpty: boolean;
  /** Names in the header, if there is one. */
  readonly header?: readonly string[];
  /** Number of lines before the first row that begin with #, which are remarks. */
  readonly remarks: number;
  readonly encoding: string;
}

/** Positions of the fields that are read. */
interface FieldPositions {
  readonly row: number;
  readonly column: number;
  readonly value?: number;
  readonly time?: number;
}

/** Handles the fields of row and column, the value, the number of the line, and the time, 0 unless it is read. */
export type TripletVisitor = (bytes: Uint8Array, row: Bounds, column: Bounds, value: number, line: number, time: number) => void;

/** The field `bytes[from … to)`. */
export interface Bounds {
  readonly from: number;
  readonly to: number;
}

/** Returns the options that divide a file of triplets into records: quotes may go over line ends. */
function recordOptions(settings: TripletSettings): VisitLinesOptions {
  const delimiter = new TextEncoder().encode(settings.delimiter);
  return {
    encoding: settings.encoding,
    text: true,
    quotes: (bytes, from, end, inside) => quoteStateAfter(bytes, from, end, delimiter, inside),
  };
}

/**
 * Reads up to the first row.
 *
 * @throws FormatError if the header lacks a field that is asked for, or does not fit the first row.
 */
export async function readLayout(file: NamedFile, settings: TripletSettings): Promise<TripletLayout> {
  const delimiter = new TextEncoder().encode(settings.delimiter);
  let header: { readonly names: readonly string[]; readonly line: number } | undefined;
  let first: { readonly fields: readonly string[]; readonly line: number } | undefined;
  let remarks = 0;
  const visit = (bytes: Uint8Array, start: number, end: number, line: number): boolean => {
    if (isEmpty(bytes, start, end)) return true;
    if (bytes[start] === hash) {
      remarks++;
      return true;
    }
    const fields: string[] = [];
    splitFields(bytes, start, end, delimiter, (from, to) => fields.push(unquoted(textOf(bytes, from, to))));
    if (header === undefined && isHeader(fields, settings)) header = { names: fields, line };
    else first = { fields, line };
    return first === undefined;
  };
  const encoding = await visitLines(file, visit, recordOptions(settings));
  const names = header?.names;
  const positions = positionsOf(file, settings, header);
  if (header !== undefined && first !== undefined) checkHeader(file, settings, header, first);
  return {
    positions,
    firstLine: first?.line ?? Number.POSITIVE_INFINITY,
    fieldCount: first?.fields.length ?? 0,
    lastIsEmpty: first?.fields.at(-1) === '',
    ...(names === undefined ? {} : { header: names }),
    remarks,
    encoding,
  };
}

/** Returns true if the first line names the fields: its value field then holds no value. */
function isHeader(fields: readonly string[], { header, fields: wanted, decimal }: TripletSettings): boolean {
  if (header !== 'auto') return header;
  if (Object.values(wanted).some((field) => typeof field === 'string')) return true;
  if (wanted.value === undefined) return false;
  const text = fields[wanted.value as number];
  if (text === undefined) return true;
  const value = new TextEncoder().encode(text);
  return Number.isNaN(parseNumber(value, 0, value.length, decimal.charCodeAt(0))) && !isMissing(value, 0, value.length);
}

function positionsOf(
  file: NamedFile,
  { fields }: TripletSettings,
  header: { readonly names: readonly string[]; readonly line: number } | undefined,
): FieldPositions {
  const { names, line } = header ?? { names: [], line: 1 };
  const positions: Record<string, number> = {};
  for (const [what, field] of Object.entries<number | string>({ ...fields })) {
    positions[what] = typeof field === 'number' ? field : names.indexOf(field);
    if (typeof field === 'string' && positions[what] < 0) {
      throw new FormatError(
        `${file.where}:${line}: expected a field named ${describeValue(field)}, got ${names.join(', ').slice(0, 200)}; check fields and delimiter`,
      );
    }
    if (typeof field === 'string' && names.indexOf(field) !== names.lastIndexOf(field)) {
      throw new FormatError(
        `${file.where}:${line}: expected one field named ${describeValue(field)}, got several; give their positions instead`,
      );
    }
  }
  return positions as { readonly [what in keyof FieldPositions]: number };
}

/**
 * Checks the header against the first row. Either may end with an extra empty field; where fields are given by
 * position, the row may also begin with one that the header does not name.
 */
function checkHeader(
  file: NamedFile,
  { fields }: TripletSettings,
  header: { readonly names: readonly string[]; readonly line: number },
  first: { readonly fields: readonly string[]; readonly line: number },
): void {
  const [named, found] = [header.names.length, first.fields.length];
  const named1 = header.names.at(-1) === '' ? named - 1 : named;
  const found1 = first.fields.at(-1) === '' ? found - 1 : found;
  if (named1 === found1 || named === found) return;
  const places: readonly (number | string)[] = Object.values(fields);
  const byPosition = places.every((field) => typeof field === 'number' && field > 0);
  if (byPosition && found === named + 1) return;
  throw new FormatError(
    `${file.where}:${first.line}: expected ${named} fields, as the header on line ${header.line} names, got ${found}; ` +
      'correct the line, quote fields that hold a delimiter, or, if the first field is a number of the line, give the positions of row, column and value',
  );
}

/**
 * Visits the rows of a table, from its first line of data on.
 *
 * @returns the number of lines skipped because their value is missing.
 * @throws FormatError naming file and line for a line with more or fewer fields than the first row, a value that is no
 * finite number, or without a row or a column.
 */
export async function eachTriplet(
  file: NamedFile,
  settings: TripletSettings,
  layout: TripletLayout,
  visit: TripletVisitor,
): Promise<number> {
  const { positions, firstLine, fieldCount, lastIsEmpty } = layout;
  const { row: rowField, column: columnField, value: valueField = -1, time: timeField = -1 } = positions;
  const least = Math.max(rowField, columnField, valueField, timeField) + 1;
  const delimiter = new TextEncoder().encode(settings.delimiter);
  const point = settings.decimal.charCodeAt(0);
  const [row, column, value, time, last] = Array.from({ length: 5 }, () => ({ from: 0, to: 0 }));
  const timeOf = timeReader();
  let [found, missing] = [0, 0];
  const note = (from: number, to: number): void => {
    if (found === rowField) place(row, from, to);
    if (found === columnField) place(column, from, to);
    if (found === valueField) place(value, from, to);
    if (found === timeField) place(time, from, to);
    place(last, from, to);
    found++;
  };
  const read = (bytes: Uint8Array, start: number, end: number, line: number): undefined => {
    if (line < firstLine || isEmpty(bytes, start, end)) return;
    found = 0;
    splitFields(bytes, start, end, delimiter, note);
    const broken = (expected: string): FormatError =>
      new FormatError(
        `${file.where}:${line}: expected ${expected}, got ${quoted(bytes, start, end)}; correct the line, or check delimiter and fields`,
      );
    if (found < least) throw broken(`at least ${least} fields`);
    const oneMore = found === fieldCount + 1 && last.from === last.to;
    if (found !== fieldCount && !oneMore && !(found === fieldCount - 1 && lastIsEmpty)) {
      throw broken(`${fieldCount} fields, as on line ${firstLine}`);
    }
    const number = valueField < 0 ? 1 : parseNumber(bytes, value.from, value.to, point);
    if (Number.isNaN(number)) {
      if (settings.missing === 'skip' && isMissing(bytes, value.from, value.to)) {
        missing++;
        return;
      }
      throw broken(`a finite number in field ${valueField + 1}${numberHint(textOf(bytes, value.from, value.to), settings)}`);
    }
    if (row.from === row.to || column.from === column.to) throw broken('a row and a column');
    const when = timeField < 0 ? 0 : timeOf(bytes, time.from, time.to);
    if (typeof when === 'string') throw broken(`${when} in field ${timeField + 1}`);
    visit(bytes, row, column, number, line, when);
  };
  await visitLines(file, read, recordOptions(settings));
  return missing;
}

function place(bounds: { from: number; to: number }, from: number, to: number): void {
  bounds.from = from;
  bounds.to = to;
}

const [hash, tab, space] = [35, 9, 32];

function isEmpty(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && (bytes[at] === space || bytes[at] === tab)) at++;
  return at === end;
}

/** Returns a hint for a number that is written in another way. */
function numberHint(text: string, { decimal, missing }: TripletSettings): string {
  if (decimal === '.' && /^[+-]?\d+,\d+$/.test(text)) return " with a decimal point (a decimal comma wants decimal: ',', --decimal comma)";
  if (decimal === ',' && text.includes('.')) return " with a decimal comma (a decimal point wants decimal: '.', --decimal point)";
  if (/^[+-]?\d{1,3}([ ,.'’\u00a0\u202f]\d{3})+/.test(text)) return ' without marks between thousands';
  const bytes = new TextEncoder().encode(text);
  return missing === 'error' && isMissing(bytes, 0, bytes.length) ? " (missing values are passed over with missing: 'skip')" : '';
}
