import { FormatError } from '../../core/errors.js';
import { eventLoopYielder } from '../../core/event-loop.js';
import { joinBytes } from '../files/file-content.js';
import { chunksOf, type Files } from '../files/files.js';
import { nodeFiles } from '../files/node-files.js';
import { decodeUtf8 } from '../parse-json.js';

/** A line and its place. */
export interface Line {
  /** Its text, without the end of the line. */
  readonly text: string;
  /** Its number, counted from 1. */
  readonly number: number;
  /** `file:number`. */
  readonly where: string;
}

/**
 * Reads a text file of any size line by line. Lines end with `\n` or `\r\n`; a byte order mark at the start is skipped.
 *
 * @param maxLineBytes - the longest line allowed, so that a file without line ends is not read into memory as a whole.
 * @param unended - what to do with an unterminated last line, which a killed program may leave behind.
 * @throws FormatError, naming the line, if it is too long or not UTF-8, or the file cannot be read.
 */
export function readLines(
  caller: string,
  file: string,
  maxLineBytes: number,
  unended: 'read' | 'skip' = 'read',
  files: Files = nodeFiles,
): AsyncGenerator<Line, void> {
  return linesOf(caller, file, readChunks(caller, file, files), maxLineBytes, unended);
}

/** Divides the bytes of a file into lines. @throws as {@link readLines}. */
export async function* linesOf(
  caller: string,
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
  unended: 'read' | 'skip' = 'read',
): AsyncGenerator<Line, void> {
  const turn = eventLoopYielder();
  let number = 1;
  let pieces: Uint8Array[] = [];
  let length = 0;
  const collect = (piece: Uint8Array): void => {
    pieces.push(piece);
    length += piece.length;
    if (length <= maxLineBytes) return;
    throw new FormatError(
      `${caller}: ${file}:${number} must be a line of at most ${maxLineBytes} bytes, got more; divide it or raise maxLineBytes`,
    );
  };
  const finish = (): Line => {
    const where = `${file}:${number}`;
    const text = decodeUtf8(caller, where, pieces.length === 1 ? pieces[0] : joinBytes(pieces));
    const line = { text: number === 1 ? text.replace(/^\uFEFF/, '') : text, number, where };
    [pieces, length, number] = [[], 0, number + 1];
    return line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      collect(chunk.subarray(start, end));
      yield finish();
      // Handling a line may take long, and a chunk holds many lines: let signals be heard in between.
      await turn();
      start = end + 1;
    }
    collect(chunk.subarray(start));
  }
  if (length > 0 && unended === 'read') yield finish();
}

async function* readChunks(caller: string, file: string, files: Files): AsyncGenerator<Uint8Array, void> {
  try {
    yield* chunksOf(files, file);
  } catch (cause) {
    throw new FormatError(`${caller}: cannot read ${file} (${(cause as Error).message}); check the path`, { cause });
  }
}
