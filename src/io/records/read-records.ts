/** Records of a file, in any of the formats that data sets come in. */
import { FormatError } from '../../core/errors.js';
import { withExactNumbers } from '../exact-numbers.js';
import type { Files } from '../files/files.js';
import { nodeFiles } from '../files/node-files.js';
import { parseJson } from '../parse-json.js';
import { linesOf } from '../text/read-lines.js';
import { readJsonArray } from './json-array.js';
import { readParquet } from './parquet.js';
import { formatOfName, plainChunks, type SourceRecord, signatureOf } from './record-files.js';

/**
 * Reads a file record by record, without holding it in memory: JSON lines, a JSON list, CSV or TSV with a header, or
 * Parquet, each also compressed by gzip. The first bytes tell gzip, Parquet and a JSON list; the name tells CSV and
 * TSV. Everything else is read as JSON lines.
 *
 * @param mostBytes - the longest line, entry or row of a text format.
 * @throws FormatError, naming the file and the record, if it cannot be read.
 */
export async function* readRecords(
  caller: string,
  file: string,
  mostBytes: number,
  files: Files = nodeFiles,
): AsyncGenerator<SourceRecord, void> {
  const format = formatOfName(file);
  if (format === 'parquet' || (await signatureOf(caller, file, files)) === 'parquet') return yield* readParquet(caller, file, files);
  const chunks = plainChunks(caller, file, files);
  if (format === 'csv' || format === 'tsv') {
    const { readCsv } = await import('./csv.js');
    return yield* readCsv(caller, file, chunks, { delimiter: format === 'csv' ? ',' : '\t', mostBytes });
  }
  const { first, all } = await peek(chunks);
  if (first === '[') return yield* readJsonArray(caller, file, all, mostBytes);
  for await (const { text, number, where } of linesOf(caller, file, all, mostBytes)) {
    if (text.trim() === '') continue;
    // A list that is the member of an object, or an object over several lines.
    if (number === 1 && first === '{' && /\.json(\.gz)?$/i.test(file) && !isJson(text))
      throw new FormatError(
        `${caller}: ${file}: expected a list of rows, [{…}, {…}], or one row on each line, got an object that goes on over several lines; write the rows as a list`,
      );
    yield { value: withExactNumbers(text, parseJson(caller, where, text)), where };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Returns the first character that is not a space, and the bytes from the beginning, without a byte-order mark. */
async function peek(
  chunks: AsyncGenerator<Uint8Array, void>,
): Promise<{ readonly first: string; readonly all: AsyncIterable<Uint8Array> }> {
  const seen: Uint8Array[] = [];
  let first = '';
  while (first === '') {
    const { value, done } = await chunks.next();
    if (done) break;
    seen.push(value);
    first = firstSign(value, seen.length === 1);
  }
  async function* all(): AsyncGenerator<Uint8Array, void> {
    try {
      yield* seen;
      yield* chunks;
    } finally {
      // Whoever stops at the pieces that were seen closes the file as well.
      await chunks.return();
    }
  }
  return { first, all: all() };
}

/** Returns the first character that is not a space, if it is one of ASCII; empty if there are spaces only. */
function firstSign(bytes: Uint8Array, isBeginning: boolean): string {
  // The mark is at the very beginning, and a piece is longer than it unless the file is shorter.
  const isMarked = isBeginning && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const found = bytes.subarray(isMarked ? 3 : 0).find((byte) => /\S/.test(String.fromCharCode(byte)));
  return found === undefined ? '' : String.fromCharCode(found);
}
