/** Detects the format of a file of entries from its beginning. */

import { ConfigError, FormatError } from '../../core/errors.js';
import { readBeginning } from '../../io/files/entries.node.js';
import { splitFields, unquoted } from '../../io/text/delimited-fields.js';
import { checkEncoding, markedEncoding } from '../../io/text/utf8.js';

/** A line of a table, split into fields. */
export interface SampleLine {
  readonly fields: readonly string[];
  /** Line number in the file. */
  readonly line: number;
}

/** Format of a file of entries; a table includes its first lines, with the header. */
export type EntryFormat =
  | { readonly kind: 'matrix-market' }
  | { readonly kind: 'table'; readonly delimiter: string; readonly sample: readonly SampleLine[] };

/** Properties of a file that the user has given. */
export interface GivenFormat {
  readonly delimiter?: string | undefined;
  readonly encoding?: string | undefined;
  /** Command that errors name. Default: `'complete'`. */
  readonly caller?: string;
}

/** Number of bytes that are inspected. */
const headBytes = 2 ** 16;
/** Number of lines that must agree. */
const sampleLines = 20;
/**
 * Delimiters to try. If several fit, the one with most fields wins, then the first. A space is tried only if none of
 * these fits, because labels may contain spaces.
 */
const delimiters = ['::', '\t', ',', ';', '|'] as const;
const space = ' ';

/**
 * Distinguishes Matrix Market from tables, and finds a table's delimiter: one that gives all of the first lines enough
 * fields, and preferably equally many.
 *
 * @param fields - number of fields that a line needs.
 * @throws ConfigError if the file cannot be read; FormatError if it is compressed, or no delimiter fits.
 */
export async function sniffFormat(file: string, fields: number, given: GivenFormat): Promise<EntryFormat> {
  const { caller = 'complete' } = given;
  const head = await readHead(caller, file);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw new FormatError(`${caller}: ${file}: expected text, got a file compressed by gzip; unpack it with gunzip first`);
  }
  const text = decode(caller, head, given.encoding);
  if (text.startsWith('%%MatrixMarket') || file.endsWith('.mtx')) return { kind: 'matrix-market' };
  const lines = firstLines(text, head.length === headBytes);
  const divided = (delimiter: string): EntryFormat => ({
    kind: 'table',
    delimiter,
    sample: lines.map(({ text: line, number }) => ({ fields: fieldsOf(line, delimiter), line: number })),
  });
  if (given.delimiter !== undefined) return divided(given.delimiter);
  if (lines.length === 0) return divided(',');
  const counts = (delimiter: string): number[] => lines.map((line) => fieldsOf(line.text, delimiter).length);
  const fitting = delimiters
    .map((delimiter) => ({ delimiter, counts: counts(delimiter) }))
    .filter((one) => Math.min(...one.counts) >= fields);
  // The first line may be a header with one field less.
  const even = fitting.filter((one) => one.counts.every((count, index) => index === 0 || count === one.counts.at(-1)));
  // A delimiter that occurs only in labels does not isolate a number.
  const rank = ({ delimiter, counts: found }: (typeof fitting)[number]): number =>
    (found.at(-1) ?? 0) + (lines.slice(-1).every((line) => fieldsOf(line.text, delimiter).some(isNumber)) ? 1e6 : 0);
  const [best] = (even.length > 0 ? even : fitting).sort((one, other) => rank(other) - rank(one));
  if (best !== undefined) return divided(best.delimiter);
  if (Math.min(...counts(space)) >= fields) return divided(space);
  // If the delimiter of the first line is right, the fault is in the line that does not fit it.
  const enough = (line: FirstLine, delimiter: string): boolean => fieldsOf(line.text, delimiter).length >= fields;
  const likely = [...delimiters, space].find((delimiter) => enough(lines[0], delimiter));
  const { text: line, number } = lines.find((one) => likely === undefined || !enough(one, likely)) ?? lines[0];
  throw new FormatError(
    `${caller}: ${file}:${number}: expected ${fields} fields or more${likely === undefined ? ' between commas, semicolons, tabs, bars, spaces or ::' : ` between ${JSON.stringify(likely)}, as on line ${lines[0].number}`}, ` +
      `got ${JSON.stringify(line.slice(0, 60))}; correct the line, or pass --delimiter and --columns`,
  );
}

/** Returns true for a number, with a point or a comma as decimal mark. */
export function isNumber(field: string): boolean {
  return /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i.test(field);
}

/** Decodes the beginning of a file. The reader reports invalid bytes, with their line. */
function decode(caller: string, head: Buffer, given: string | undefined): string {
  const marked = markedEncoding(head)?.encoding;
  const encoding = given === undefined ? marked : checkEncoding(caller, given);
  return new TextDecoder(encoding === undefined || encoding === 'utf-32' ? 'utf-8' : encoding).decode(head);
}

interface FirstLine {
  readonly text: string;
  readonly number: number;
}

/** Replaces a line end inside quotes. */
const innerEnd = '\u2028';
/** Matches quoted fields that are clearly delimited. */
const quotedField = /(?<=^|[\r\n,;\t| ]|::)"(?:[^"]|"")*"(?=[,;\t| \r\n]|::|$)/g;

/** Returns the first lines, without empty lines and without remarks before the first row. */
function firstLines(text: string, mayBeCut: boolean): readonly FirstLine[] {
  const lines = text.replaceAll(quotedField, (field) => field.replaceAll(/\r\n|\r|\n/g, innerEnd)).split(/\r\n|\r|\n/);
  if (mayBeCut && lines.length > 1) lines.pop();
  const found: FirstLine[] = [];
  let number = 1;
  for (const line of lines) {
    if (line.trim() !== '' && (found.length > 0 || !line.startsWith('#'))) found.push({ text: line, number });
    if (found.length === sampleLines) break;
    number += 1 + line.split(innerEnd).length - 1;
  }
  return found;
}

/** Splits a line into fields, respecting quotes. */
function fieldsOf(line: string, delimiter: string): readonly string[] {
  const bytes = Buffer.from(line);
  const fields: string[] = [];
  splitFields(bytes, 0, bytes.length, Buffer.from(delimiter), (from, to) => fields.push(unquoted(bytes.toString('utf8', from, to))));
  return fields;
}

async function readHead(caller: string, file: string): Promise<Buffer> {
  try {
    const bytes = await readBeginning(file, headBytes);
    return Buffer.from(bytes.buffer, 0, bytes.length);
  } catch (cause) {
    throw new ConfigError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
}
