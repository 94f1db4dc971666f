/** Records of a file, in any of the formats that data sets come in. */
import { FormatError } from '../../core/errors.js';
import { withExactNumbers } from '../exact-numbers.js';
import { parseJson } from '../parse-json.js';
import { linesOf } from '../text/read-lines.js';
import { readCsv } from './csv.js';
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
export async function* readRecords(caller: string, file: string, mostBytes: number): AsyncGenerator<SourceRecord, void> {
  const format = formatOfName(file);
  if (format === 'parquet' || (await signatureOf(caller, file)) === 'parquet') return yield* readParquet(caller, file);
  const chunks = plainChunks(caller, file);
  if (format === 'csv' || format === 'tsv')
    return yield* readCsv(caller, file, chunks, { delimiter: format === 'csv' ? ',' : '\t', mostBytes });
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
    // The mark is at the very beginning, and a piece is longer than it unless the file is shorter.
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
      .toString('latin1')
      .replace(/^\u00EF\u00BB\u00BF/, '');
    first = /\S/.exec(text)?.[0] ?? '';
  }
  async function* all(): AsyncGenerator<Uint8Array, void> {
    yield* seen;
    yield* chunks;
  }
  return { first, all: all() };
}
