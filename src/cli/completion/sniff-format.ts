/** What kind of file the entries are in, from its beginning. */
import { open } from 'node:fs/promises';
import { splitFields, unquoted } from '../../core/delimited-fields.js';
import { ConfigError, FormatError } from '../../core/errors.js';
import { checkEncoding, markedEncoding } from '../../core/utf8.js';

/** A line of a table, divided into fields. */
export interface SampleLine {
  readonly fields: readonly string[];
  /** Its number in the file. */
  readonly line: number;
}

/** A file of entries; of a table the first lines too, a header among them. */
export type EntryFormat =
  | { readonly kind: 'matrix-market' }
  | { readonly kind: 'table'; readonly delimiter: string; readonly sample: readonly SampleLine[] };

/** What the user says of a file. */
export interface GivenFormat {
  readonly delimiter?: string | undefined;
  readonly encoding?: string | undefined;
}

/** What is read to decide. */
const headBytes = 2 ** 16;
/** Lines that have to agree. */
const sampleLines = 20;
/** Delimiters that are looked for; where several fit, the one that makes most fields, and then the first. A space only where none of these fits, since labels may hold some. */
const delimiters = ['::', '\t', ',', ';', '|'] as const;
const space = ' ';

/**
 * Tells Matrix Market from tables, and a table's delimiter: one with which all of the first lines have enough fields, and as many as each other if there is such a one.
 *
 * @param fields - how many a line has to have.
 * @throws ConfigError if the file cannot be read; FormatError if it is compressed, or no delimiter fits.
 */
export async function sniffFormat(file: string, fields: number, given: GivenFormat): Promise<EntryFormat> {
  const head = await readHead(file);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw new FormatError(`complete: ${file}: expected text, got a file compressed by gzip; unpack it with gunzip first`);
  }
  const text = decode(head, given.encoding);
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
  // The first line may be a header that names one field less.
  const even = fitting.filter((one) => one.counts.every((count, index) => index === 0 || count === one.counts.at(-1)));
  // A delimiter that only occurs in labels leaves no number by itself.
  const rank = ({ delimiter, counts: found }: (typeof fitting)[number]): number =>
    (found.at(-1) ?? 0) + (lines.slice(-1).every((line) => fieldsOf(line.text, delimiter).some(isNumber)) ? 1e6 : 0);
  const [best] = (even.length > 0 ? even : fitting).sort((one, other) => rank(other) - rank(one));
  if (best !== undefined) return divided(best.delimiter);
  if (Math.min(...counts(space)) >= fields) return divided(space);
  // With the delimiter of the first line, the fault is in the one that does not follow.
  const enough = (line: FirstLine, delimiter: string): boolean => fieldsOf(line.text, delimiter).length >= fields;
  const likely = [...delimiters, space].find((delimiter) => enough(lines[0], delimiter));
  const { text: line, number } = lines.find((one) => likely === undefined || !enough(one, likely)) ?? lines[0];
  throw new FormatError(
    `complete: ${file}:${number}: expected ${fields} fields or more${likely === undefined ? ' between commas, semicolons, tabs, bars, spaces or ::' : ` between ${JSON.stringify(likely)}, as on line ${lines[0].number}`}, ` +
      `got ${JSON.stringify(line.slice(0, 60))}; correct the line, or pass --delimiter and --columns`,
  );
}

/** A number with a decimal mark of either kind. */
export function isNumber(field: string): boolean {
  return /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i.test(field);
}

/** Bytes that are no text are told by the reader, with their line. */
function decode(head: Buffer, given: string | undefined): string {
  const marked = markedEncoding(head)?.encoding;
  const encoding = given === undefined ? marked : checkEncoding('complete', given);
  return new TextDecoder(encoding === undefined || encoding === 'utf-32' ? 'utf-8' : encoding).decode(head);
}

interface FirstLine {
  readonly text: string;
  readonly number: number;
}

/** Stands for a line end inside quotes. */
const innerEnd = '\u2028';
/** Fields in quotes, as far as they are clearly delimited. */
const quotedField = /(?<=^|[\r\n,;\t| ]|::)"(?:[^"]|"")*"(?=[,;\t| \r\n]|::|$)/g;

/** The first lines that are neither empty nor remarks before the first row. */
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

/** The fields of a line, quotes respected. */
function fieldsOf(line: string, delimiter: string): readonly string[] {
  const bytes = Buffer.from(line);
  const fields: string[] = [];
  splitFields(bytes, 0, bytes.length, Buffer.from(delimiter), (from, to) => fields.push(unquoted(bytes.toString('utf8', from, to))));
  return fields;
}

async function readHead(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, 'r');
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new ConfigError(`complete: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
}
