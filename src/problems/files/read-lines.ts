/** Text files a line at a time, as bytes: no string is made of what is only going to become a number. */
import { type FileHandle, open } from 'node:fs/promises';
import { BackendError, FormatError } from '../../core/errors.js';

/** Handles the line `bytes[start … end)`, without its end of line; lines count from 1. Returning false ends the reading. */
export type LineVisitor = (bytes: Uint8Array, start: number, end: number, line: number) => boolean | undefined;

/** Bytes read at once. */
const chunkBytes = 2 ** 20;
/** No line of numbers is longer: what is, is no text. */
const longestLine = 2 ** 24;
const [newline, carriageReturn] = [10, 13];

/**
 * Reads a file from beginning to end, however large, in a fixed amount of memory.
 *
 * Lines end in \n or \r\n; a byte order mark is skipped; an end of line at the very end of the file starts no further line.
 *
 * @throws BackendError if the file cannot be read; FormatError for a line of more than 16 MB; whatever the visitor throws.
 */
export async function readLines(file: string, visit: LineVisitor): Promise<void> {
  const handle = await openFile(file);
  try {
    let buffer = new Uint8Array(chunkBytes);
    let held = 0;
    let line = 0;
    for (;;) {
      if (held === buffer.length) buffer = grown(file, buffer, line + 1);
      const { bytesRead } = await handle.read(buffer, held, buffer.length - held, null);
      let end = held + bytesRead;
      let start = line === 0 && held === 0 && hasByteOrderMark(buffer, end) ? 3 : 0;
      for (let at = Math.max(start, held); at < end; at++) {
        if (buffer[at] !== newline) continue;
        line++;
        const stop = at > start && buffer[at - 1] === carriageReturn ? at - 1 : at;
        if (visit(buffer, start, stop, line) === false) return;
        start = at + 1;
      }
      if (bytesRead === 0) {
        if (end > start && buffer[end - 1] === carriageReturn) end--;
        if (end > start) visit(buffer, start, end, line + 1);
        return;
      }
      buffer.copyWithin(0, start, end);
      held = end - start;
    }
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (cause) {
    throw new BackendError(`readLines: cannot open ${file} (${(cause as Error).message}); check the path`, { cause });
  }
}

function hasByteOrderMark(buffer: Uint8Array, end: number): boolean {
  return end >= 3 && buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf;
}

function grown(file: string, buffer: Uint8Array, line: number): Uint8Array<ArrayBuffer> {
  if (buffer.length >= longestLine) {
    throw new FormatError(`${file}:${line}: the line is longer than ${longestLine} bytes; this is not a text file of numbers`);
  }
  const larger = new Uint8Array(2 * buffer.length);
  larger.set(buffer);
  return larger;
}

/** A piece of a line as text, for messages and names. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** A piece of a line as a message quotes it: not more than a line of a terminal. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const longest = 60;
  return JSON.stringify(textOf(bytes, start, Math.min(end, start + longest))) + (end - start > longest ? ' …' : '');
}
