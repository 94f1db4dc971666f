/** Tables of text with a header: CSV and TSV, as `csv-parse` reads them. */
import type { InfoRecord, Parser } from 'csv-parse';
import { CsvError, parse } from '#platform/io/records/csv-parse';
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { SourceRecord } from './record-files.js';

/** Remedies by csv-parse's codes. */
const remedies: Readonly<Record<string, string>> = {
  CSV_RECORD_INCONSISTENT_COLUMNS: 'give every row as many fields as the header, and put fields with the delimiter in quotes',
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'give every row as many fields as the header, and put fields with the delimiter in quotes',
  CSV_QUOTE_NOT_CLOSED: 'close the quote, or double it ("") where it belongs to the text',
  CSV_INVALID_CLOSING_QUOTE: 'double a quote ("") where it belongs to the text',
  INVALID_OPENING_QUOTE: 'put the whole field in quotes, and double the quotes ("") in it',
  CSV_MAX_RECORD_SIZE: 'divide the row, or raise maxLineBytes',
};

/** Of the stream: a piece of text is parsed as soon as it is written, however many rows it holds. */
const roomForRows = { readableHighWaterMark: 2 ** 31 - 1 };

/**
 * Reads a table row by row. All values are texts. Fields in quotes may contain delimiters and line ends; empty lines
 * are skipped.
 *
 * @param mostBytes - the longest row allowed.
 * @throws FormatError naming row and line if a row has more or fewer fields than the header, quotes do not match, a row
 * is too long or the text is not UTF-8; and for a header that names a column twice, or not at all.
 */
export async function* readCsv(
  caller: string,
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  { delimiter, mostBytes }: { readonly delimiter: string; readonly mostBytes: number },
): AsyncGenerator<SourceRecord, void> {
  const parser = parse({
    ...roomForRows,
    delimiter,
    columns: (header: string[]) => checkHeader(caller, file, header),
    info: true,
    skip_empty_lines: true,
    max_record_size: mostBytes,
  });
  try {
    for await (const { record, info } of rowsOf(parser, textOf(caller, file, chunks))) {
      const within = Object.values(record).reduce((sum, value) => sum + value.split('\n').length - 1, 0);
      yield { value: record, where: `${file}: row ${info.records}, line ${info.lines - within}` };
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const { records = 0, lines = 0 } = cause as { readonly records?: number; readonly lines?: number };
    const problem = cause.message.replace(/ (?:on|at) line \d+/, '').replace(/^[A-Z][A-Za-z ]*: /, '');
    throw new FormatError(
      `${caller}: ${file}: row ${records + 1}, line ${lines}: expected fields as the header has them, got: ${problem}; ${remedies[cause.code] ?? 'correct that row'}`,
      { cause },
    );
  }
}

interface Row {
  readonly record: Readonly<Record<string, string>>;
  readonly info: InfoRecord;
}

/** Gives the texts to a parser, and yields the rows that it makes of each. @throws what the parser or a text throws. */
async function* rowsOf(parser: Parser, texts: AsyncIterable<string>): AsyncGenerator<Row, void> {
  // In Node.js the functions that are called when a text is parsed receive the error as well, in pages they do not.
  let fault: Error | undefined;
  let refuse: (error: Error) => void = () => undefined;
  parser.on('error', (error) => {
    fault = error;
    refuse(error);
  });
  const parsed = (write: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      refuse = reject;
      write((error) => {
        const wrong = error ?? fault;
        if (wrong) reject(wrong);
        else resolve();
      });
    });
  function* ready(): Generator<Row, void> {
    for (let row: Row | null = parser.read(); row !== null; row = parser.read()) yield row;
  }
  let isEmpty = true;
  for await (const text of texts) {
    isEmpty = false;
    await parsed((done) => void parser.write(text, done));
    yield* ready();
  }
  // The streams of the build for pages fail at the end of what has had no beginning.
  if (isEmpty) return;
  await parsed((done) => void parser.end(done));
  yield* ready();
}

function checkHeader(caller: string, file: string, header: readonly string[]): string[] {
  const fail = (problem: string): never => {
    throw new FormatError(`${caller}: ${file}: line 1: ${problem}; write the names of the columns into the first line, each once`);
  };
  for (const [at, name] of header.entries()) {
    if (name.trim() === '') fail(`expected a header, got no name for column ${at + 1}`);
    if (header.indexOf(name) !== at) fail(`expected a header, got the column ${describeValue(name)} twice`);
  }
  return [...header];
}

/** Decodes UTF-8, without the mark at its beginning. @throws FormatError naming the byte of the file near the fault. */
async function* textOf(caller: string, file: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let position = 0;
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch (cause) {
      const end = position + (chunk?.length ?? 0);
      throw new FormatError(
        `${caller}: ${file}: expected UTF-8 text, got other bytes between bytes ${position} and ${end}; save the file as UTF-8`,
        { cause },
      );
    }
  };
  for await (const chunk of chunks) {
    const text = decode(chunk);
    position += chunk.length;
    // An empty text would end the stream.
    if (text !== '') yield text;
  }
  const rest = decode();
  if (rest !== '') yield rest;
}
