/** Reads tables of labels, line by line and in their order: pairs to predict, ratings of users to fold in. */
import { FormatError } from '../../core/errors.js';
import { quoteStateAfter, splitFields, unquoted } from '../../io/text/delimited-fields.js';
import { textOf, visitLines } from '../../io/text/split-lines.js';
import { namedFile } from '../../io/text/text-encoding.js';
import { sniffFormat } from './sniff-format.js';

/** A line of a table. */
export interface LabelledLine {
  readonly fields: readonly string[];
  /** Number of the line in the file. */
  readonly line: number;
}

/** A table that was read. */
export interface LabelledTable {
  /** Lines with content, the header among them if there is one. */
  readonly lines: readonly LabelledLine[];
  /** Caller and file, the beginning of messages. */
  readonly where: string;
}

/**
 * Reads a table. Its delimiter is recognized; quotes, empty lines, and remarks before the first row are those of
 * `readTriplets`.
 *
 * @param fields - least number of fields of a line.
 * @throws FormatError naming file and line for a line with fewer fields or an empty one of those, and for a file
 * without lines; ConfigError if it cannot be read.
 */
export async function readRows(caller: string, file: string, fields: number): Promise<LabelledTable> {
  const format = await sniffFormat(file, fields, { caller });
  const named = namedFile(caller, file);
  if (format.kind === 'matrix-market') {
    throw new FormatError(
      `${named.where}: expected a table of labels, got a Matrix Market file; write a label in each field, between commas`,
    );
  }
  const delimiter = Buffer.from(format.delimiter);
  const lines: LabelledLine[] = [];
  const read = (bytes: Uint8Array, start: number, end: number, line: number): undefined => {
    const text = textOf(bytes, start, end);
    if (text.trim() === '' || (lines.length === 0 && text.startsWith('#'))) return;
    const found: string[] = [];
    splitFields(bytes, start, end, delimiter, (from, to) => found.push(unquoted(textOf(bytes, from, to))));
    if (found.length < fields || found.slice(0, fields).includes('')) {
      throw new FormatError(
        `${named.where}:${line}: expected ${fields} fields or more between ${JSON.stringify(format.delimiter)}, none of them empty, got ${JSON.stringify(text.slice(0, 60))}; correct the line`,
      );
    }
    lines.push({ fields: found, line });
  };
  const quotes = (bytes: Uint8Array, from: number, end: number, inside: boolean) => quoteStateAfter(bytes, from, end, delimiter, inside);
  await visitLines(named, read, { text: true, quotes });
  if (lines.length === 0) throw new FormatError(`${named.where}: expected lines of ${fields} fields, got none; check the path`);
  return { lines, where: named.where };
}
