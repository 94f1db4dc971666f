/** Reads text files line by line as bytes: no string is made of what will only become a number. */
import { isUtf8 } from '#platform/io/text/is-utf8';
import { FormatError } from '../../core/errors.js';
import type { QuoteState } from './delimited-fields.js';
import { badByte, type NamedFile, openText, type TextSource } from './text-encoding.js';
import { hexByte, placeOf } from './utf8.js';

/**
 * Handles the line `bytes[start … end)`, without its end of line; lines count from 1. Returning false ends the reading.
 */
export type LineVisitor = (bytes: Uint8Array, start: number, end: number, line: number) => boolean | undefined;

/** Options of {@link visitLines}. */
export interface VisitLinesOptions {
  /** Encoding, by a label of the WHATWG's standard. Default: that of a byte-order mark, else UTF-8. */
  readonly encoding?: string | undefined;
  /** If true, refuses bytes that are no text: not UTF-8, or NUL. Default: false. */
  readonly text?: boolean;
  /**
   * For files whose lines may go on inside quotes: returns the state after the line `bytes[from … end)`, given whether
   * it begins inside quotes. Called for lines that contain a quote or begin inside quotes.
   */
  readonly quotes?: (bytes: Uint8Array, from: number, end: number, inside: boolean) => QuoteState;
}

/** Bytes read at once. */
const chunkBytes = 2 ** 20;
/** Longest line in bytes; a longer one is no text. */
const longestLine = 2 ** 24;
const [newline, carriageReturn, quote] = [10, 13, 34];

/**
 * Reads a file from beginning to end, however large, in a fixed amount of memory.
 *
 * Lines end in \n, \r\n or \r; a byte-order mark is skipped, and selects UTF-16; a line end at the very end of the file
 * starts no further line.
 *
 * @returns the encoding in which the file was read.
 * @throws BackendError if the file cannot be read; FormatError for a line of more than 16 MB, for bytes that are no
 * text, and for unclosed quotes; whatever the visitor throws.
 */
export async function visitLines(file: NamedFile, visit: LineVisitor, options: VisitLinesOptions = {}): Promise<string> {
  const source = await openText(file, options.encoding);
  try {
    await new LineSplitter(file, source, visit, options).run();
    return source.encoding;
  } finally {
    await source.close();
  }
}

/** Divides a stream of bytes into lines. */
class LineSplitter {
  readonly #file: NamedFile;
  readonly #source: TextSource;
  readonly #visit: LineVisitor;
  readonly #options: VisitLinesOptions;
  #buffer = new Uint8Array(chunkBytes);
  /** Offsets at which the current record begins, and the current line in it. */
  #start = 0;
  #physicalStart = 0;
  #sawQuote = false;
  #inside = false;
  /** Number of lines before the record, and of those that ended within it. */
  #lines = 0;
  #linesWithin = 0;
  /** True if the last line ended in \r, so that \n at the start belongs to it. */
  #afterReturn = false;
  /** True if lines are checked one by one, since something in this chunk is wrong. */
  #suspicious = false;

  constructor(file: NamedFile, source: TextSource, visit: LineVisitor, options: VisitLinesOptions) {
    this.#file = file;
    this.#source = source;
    this.#visit = visit;
    this.#options = options;
  }

  async run(): Promise<void> {
    let held = 0;
    for (;;) {
      if (held === this.#buffer.length) this.#grow();
      const read = await this.#source.read(this.#buffer, held);
      const end = held + read;
      this.#suspicious = this.#options.text === true && !this.#isText(held, end);
      if (this.#splitLines(held, end) === false) return;
      if (read === 0) return this.#finish(end);
      this.#buffer.copyWithin(0, this.#start, end);
      held = end - this.#start;
      this.#physicalStart -= this.#start;
      this.#start = 0;
    }
  }

  /** Returns true if what the last read brought is text up to its last line end; false without one. */
  #isText(held: number, end: number): boolean {
    const chunk = this.#buffer.subarray(0, end);
    const last = Math.max(chunk.lastIndexOf(newline), chunk.lastIndexOf(carriageReturn));
    if (last < held) return false;
    const complete = chunk.subarray(this.#start, last + 1);
    return isUtf8(complete) && complete.indexOf(0) < 0;
  }

  #splitLines(from: number, end: number): boolean {
    const buffer = this.#buffer;
    for (let at = from; at < end; at++) {
      const byte = buffer[at];
      if (byte > quote) continue;
      if (byte === quote) this.#sawQuote = true;
      if (byte !== newline && byte !== carriageReturn) continue;
      if (byte === newline && at === this.#physicalStart && this.#afterReturn) {
        if (at === this.#start) this.#start++;
        this.#physicalStart = at + 1;
        this.#afterReturn = false;
        continue;
      }
      if (this.#endLine(at) === false) return false;
      this.#afterReturn = byte === carriageReturn;
    }
    return true;
  }

  /** Ends a line at `at`, and the record too unless it is inside quotes. */
  #endLine(at: number): boolean {
    this.#linesWithin++;
    const { quotes } = this.#options;
    if (quotes !== undefined && (this.#sawQuote || this.#inside)) {
      const state = quotes(this.#buffer, this.#physicalStart, at, this.#inside);
      if (state === 'stray') throw this.#unclosed();
      this.#inside = state === 'inside';
      this.#sawQuote = false;
    }
    this.#physicalStart = at + 1;
    if (this.#inside) return true;
    if (this.#suspicious) this.#checkText(this.#start, at);
    const goOn = this.#visit(this.#buffer, this.#start, at, this.#lines + 1);
    this.#lines += this.#linesWithin;
    this.#linesWithin = 0;
    this.#start = at + 1;
    return goOn !== false;
  }

  #finish(end: number): void {
    if (end === this.#start) return;
    if (this.#inside && end === this.#physicalStart) throw this.#unclosed();
    if (this.#options.text === true) this.#suspicious = true;
    this.#endLine(end);
    if (this.#inside) throw this.#unclosed();
  }

  #checkText(start: number, end: number): void {
    const line = this.#buffer.subarray(start, end);
    const at = badByte(line);
    if (at === undefined) return;
    const place = placeOf(line, at);
    const where = `${this.#file.where}:${this.#lines + place.line}`;
    if (line[at] === 0) {
      throw new FormatError(
        `${where}: expected text, got a NUL at byte ${place.byte} of the line; if the file is UTF-16 without a byte-order mark, pass --encoding utf-16le (encoding: 'utf-16le' of the function)`,
      );
    }
    throw new FormatError(
      `${where}: expected UTF-8 text, got ${hexByte(line[at])} at byte ${place.byte} of the line, in ${quoted(line, at - place.byte + 1, line.length)}; save the file as UTF-8, or say which encoding it has: --encoding latin1 (encoding: 'latin1' of the function)`,
    );
  }

  #unclosed(): FormatError {
    return new FormatError(
      `${this.#file.where}:${this.#lines + 1}: expected a field in quotes to end with a quote before the next delimiter or line end, got ${quoted(this.#buffer, this.#start, this.#physicalStart)}, which goes on to line ${this.#lines + this.#linesWithin}; close the quote, or double it ("") where it belongs to the text`,
    );
  }

  #grow(): void {
    if (this.#buffer.length >= longestLine) {
      throw this.#inside
        ? this.#unclosed()
        : new FormatError(
            `${this.#file.where}:${this.#lines + 1}: expected lines of at most ${longestLine} bytes, got a longer one; this is not a text file of numbers`,
          );
    }
    const larger = new Uint8Array(2 * this.#buffer.length);
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Returns a piece of a line as text, for messages and names. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return utf8.decode(bytes.subarray(start, end));
}

/** Quotes a piece of a line for a message: no more than a line of a terminal. */
export function quoted(bytes: Uint8Array, start: number, end: number): string {
  const longest = 60;
  return JSON.stringify(textOf(bytes, start, Math.min(end, start + longest))) + (end - start > longest ? ' …' : '');
}
