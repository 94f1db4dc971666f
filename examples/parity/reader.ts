/**
 * Reading golden files: every value is checked where it is taken out, and a mistake is reported with its file and key.
 */
import { FormatError } from 'bures';

/** A value in a file, and the way to it. */
export interface Place {
  readonly file: string;
  /** Such as `runs[2].lr`; empty for the whole file. */
  readonly key: string;
  readonly value: unknown;
}

/** The error for a place that does not hold what it should. */
export function malformed({ file, key, value }: Place, expected: string): FormatError {
  const shown = value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 60) ?? String(value));
  const where = key === '' ? 'the file' : `'${key}'`;
  return new FormatError(`parity: ${file}: ${where} must be ${expected}, got ${shown}; see the golden files' README for the format`);
}

/**
 * Parses JSON as Python writes it: NaN and infinities, of runs that diverged, become null.
 *
 * @throws FormatError naming the file.
 */
export function parseJson(file: string, text: string): unknown {
  try {
    // Strings are matched first, so that the words inside them are left alone.
    return JSON.parse(text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (token) => (token.startsWith('"') ? token : 'null')));
  } catch (cause) {
    throw new FormatError(`parity: ${file}: expected JSON, got ${(cause as Error).message}; write the file again or remove it`, { cause });
  }
}

/** A member of an object. */
export function member(place: Place, name: string): Place {
  if (typeof place.value !== 'object' || place.value === null || Array.isArray(place.value)) throw malformed(place, 'an object');
  const { file, key, value } = place;
  return { file, key: key === '' ? name : `${key}.${name}`, value: (value as Readonly<Record<string, unknown>>)[name] };
}

/** The elements of a list. */
export function elements(place: Place, count?: number): readonly Place[] {
  const { file, key, value } = place;
  if (!Array.isArray(value) || value.length === 0) throw malformed(place, 'a list that is not empty');
  if (count !== undefined && value.length !== count) {
    throw malformed({ ...place, value: value.length }, `a list of ${count} (as many as the file has of its kind)`);
  }
  return value.map((element: unknown, i) => ({ file, key: `${key}[${i}]`, value: element }));
}

/** One of a fixed set of words. */
export function choice<Choice extends string>(place: Place, choices: readonly Choice[]): Choice {
  const found = choices.find((candidate) => candidate === place.value);
  if (found === undefined) throw malformed(place, `one of ${choices.map((candidate) => `'${candidate}'`).join(', ')}`);
  return found;
}

/** A positive number. */
export function positive(place: Place): number {
  if (!(typeof place.value === 'number' && place.value > 0)) throw malformed(place, 'a positive number');
  return place.value;
}

/** A number, or null where a run had diverged (returned as NaN). */
export function numberOrDiverged(place: Place): number {
  if (place.value === null) return Number.NaN;
  if (typeof place.value !== 'number') throw malformed(place, 'a number, or null after divergence');
  return place.value;
}

/** A rectangular table of numbers. */
export interface Table {
  readonly rows: number;
  readonly columns: number;
  /** Row by row. */
  readonly values: readonly number[];
}

/**
 * A matrix as a list of rows.
 *
 * @param shape - the rows and columns it must have, where they are known.
 * @param entry - how to read one entry: finite numbers, if left out.
 */
export function table(place: Place, shape: readonly [number?, number?] = [], entry: (place: Place) => number = finite): Table {
  const [rows, columns] = shape;
  const lines = elements(place);
  if (rows !== undefined && lines.length !== rows) throw malformed({ ...place, value: lines.length }, `a matrix of ${rows} rows`);
  const width = columns ?? elements(lines[0]).length;
  const values = lines.flatMap((line) => {
    const entries = elements(line);
    if (entries.length !== width) throw malformed({ ...line, value: entries.length }, `a row of ${width} numbers`);
    return entries.map(entry);
  });
  return { rows: lines.length, columns: width, values };
}

function finite(place: Place): number {
  if (typeof place.value !== 'number' || !Number.isFinite(place.value)) throw malformed(place, 'a finite number');
  return place.value;
}
