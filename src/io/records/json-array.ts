/** A JSON file that holds one list, read entry by entry, so that it can be larger than memory. */
import { FormatError } from '../../core/errors.js';
import { eventLoopYielder } from '../../core/event-loop.js';
import { withExactNumbers } from '../exact-numbers.js';
import { joinBytes } from '../files/file-content.js';
import { decodeUtf8, parseJson } from '../parse-json.js';
import type { SourceRecord } from './record-files.js';

const [quote, comma, backslash] = [0x22, 0x2c, 0x5c];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/**
 * Reads the entries of a list. What is a string and what is a bracket is all that has to be known to find their ends;
 * each entry is then parsed by itself.
 *
 * @param chunks - the bytes of the file, beginning with the list's bracket or the space before it.
 * @param mostBytes - the longest entry allowed.
 * @throws FormatError naming the row of an entry that is too long, not UTF-8 or not JSON, and a list that does not end.
 */
export async function* readJsonArray(
  caller: string,
  file: string,
  chunks: AsyncIterable<Uint8Array>,
  mostBytes: number,
): AsyncGenerator<SourceRecord, void> {
  const turn = eventLoopYielder();
  const scanner = new EntryScanner(caller, file, mostBytes);
  for await (const chunk of chunks) {
    for (const { text, row } of scanner.push(chunk)) {
      const where = `${file}: row ${row}`;
      yield { value: withExactNumbers(text, parseJson(caller, where, text)), where };
      await turn();
    }
  }
  scanner.end();
}

/** Where the scanner is: before the list, between entries, in one, or after the list. */
type Place = 'before' | 'first' | 'entry' | 'after';

/** Divides the bytes of a list into the texts of its entries. */
class EntryScanner {
  readonly #caller: string;
  readonly #file: string;
  readonly #mostBytes: number;
  #place: Place = 'before';
  #row = 1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #pieces: Uint8Array[] = [];
  #length = 0;

  constructor(caller: string, file: string, mostBytes: number) {
    this.#caller = caller;
    this.#file = file;
    this.#mostBytes = mostBytes;
  }

  *push(chunk: Uint8Array): Generator<{ readonly text: string; readonly row: number }, void> {
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#place === 'entry') {
        if (!this.#endsEntry(byte)) continue;
        this.#collect(chunk.subarray(start, at));
        yield this.#entry();
        start = at + 1;
        if (byte === closeBracket) this.#place = 'after';
      } else if (!isSpace(byte)) {
        // A byte-order mark may come first.
        if (this.#place === 'before') this.#place = byte === openBracket ? 'first' : 'before';
        else if (this.#place === 'after')
          throw this.#fail(`the end of the file after the list, got ${JSON.stringify(String.fromCharCode(byte))}`);
        else if (byte === closeBracket) this.#place = 'after';
        else {
          this.#place = 'entry';
          start = at;
          // An entry may be of one byte, or begin with what ends it.
          at--;
        }
      }
    }
    if (this.#place === 'entry') this.#collect(chunk.subarray(start));
  }

  /** Requires the end of the list. */
  end(): void {
    if (this.#place !== 'after') throw this.#fail('a list with a bracket at its end, got the end of the file');
  }

  /** Follows strings and brackets. @returns true for the comma or bracket that ends the entry. */
  #endsEntry(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) this.#inString = false;
      return false;
    }
    if (byte === quote) this.#inString = true;
    else if (byte === openBrace || byte === openBracket) this.#depth++;
    else if (this.#depth === 0) return byte === comma || byte === closeBracket;
    else if (byte === closeBrace || byte === closeBracket) this.#depth--;
    return false;
  }

  #collect(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length > this.#mostBytes)
      throw this.#fail(`an entry of at most ${this.#mostBytes} bytes, got more`, 'divide it or raise maxLineBytes');
  }

  #entry(): { readonly text: string; readonly row: number } {
    const row = this.#row++;
    const text = decodeUtf8(this.#caller, `${this.#file}: row ${row}`, joinBytes(this.#pieces));
    this.#pieces = [];
    this.#length = 0;
    return { text, row };
  }

  #fail(problem: string, remedy = 'check that the file is not damaged'): FormatError {
    return new FormatError(`${this.#caller}: ${this.#file}: row ${this.#row}: expected ${problem}; ${remedy}`);
  }
}
