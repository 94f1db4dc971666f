/** Recognizes encodings of text, and bytes that are not UTF-8. */
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';

/** Byte-order marks; UTF-32 little-endian begins like UTF-16 and therefore comes first. */
const marks: readonly { readonly encoding: string; readonly bytes: readonly number[] }[] = [
  { encoding: 'utf-32', bytes: [0xff, 0xfe, 0, 0] },
  { encoding: 'utf-32', bytes: [0, 0, 0xfe, 0xff] },
  { encoding: 'utf-16le', bytes: [0xff, 0xfe] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff] },
  { encoding: 'utf-8', bytes: [0xef, 0xbb, 0xbf] },
];

/** Returns the encoding that a byte-order mark at the start of a file names, and the length of the mark. */
export function markedEncoding(head: Uint8Array): { readonly encoding: string; readonly length: number } | undefined {
  const found = marks.find(({ bytes }) => bytes.every((byte, at) => head[at] === byte));
  return found === undefined ? undefined : { encoding: found.encoding, length: found.bytes.length };
}

/**
 * Returns the name of an encoding in the WHATWG's standard, in which `latin1` is `windows-1252`; that differs from ISO
 * 8859-1 in 27 control characters only.
 *
 * @throws ConfigError for a label that this build of Node does not know.
 */
export function checkEncoding(caller: string, label: string): string {
  try {
    return new TextDecoder(label).encoding;
  } catch (cause) {
    throw new ConfigError(
      `${caller}: encoding must be a label such as utf-8, latin1, windows-1252, utf-16le, shift_jis or gbk, got ${describeValue(label)}; correct it`,
      { cause },
    );
  }
}

/** Returns the position of the first character that is not valid UTF-8, or that the end cuts off. O(n log n). */
export function firstInvalidByte(bytes: Uint8Array): number {
  // A decoder that waits for more fails only if the text is certainly wrong, so that failing is monotone in the length.
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  const last = Math.min(bad, bytes.length) - 1;
  // The fault may show at a byte after the one that begins the character.
  let first = last;
  while (last - first < 2 && isContinuation(bytes[first - 1])) first--;
  return first > 0 && lengthOf(bytes[first - 1]) > last - first + 1 ? first - 1 : last;
}

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

/** Returns the number of bytes of the character that a byte begins; 1 if it begins none. */
function lengthOf(byte: number): number {
  if (byte >= 0xf0 && byte <= 0xf4) return 4;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xc2 && byte <= 0xdf ? 2 : 1;
}

/** A place in a text, counted from 1. */
export interface TextPlace {
  readonly line: number;
  /** Number of the byte in the line. */
  readonly byte: number;
}

/** Returns line and byte of a position in text whose lines end in \n, \r\n or \r. */
export function placeOf(bytes: Uint8Array, at: number): TextPlace {
  let [line, start] = [1, 0];
  for (let i = 0; i < at; i++) {
    const isEnd = bytes[i] === 10 || (bytes[i] === 13 && bytes[i + 1] !== 10);
    if (!isEnd) continue;
    line++;
    start = i + 1;
  }
  return { line, byte: at - start + 1 };
}

/** Formats a byte for messages: `0xE9`. */
export function hexByte(byte: number): string {
  return `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
