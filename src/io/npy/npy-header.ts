/** The header of a .npy file, read as strictly as NumPy reads it. */
import { BackendError, FormatError } from '../../core/errors.js';
import type { OpenFile } from '../files/files.js';
import type { NamedFile } from '../text/text-encoding.js';

/** Content of a header. */
export interface NpyHeader {
  /** NumPy's name of the value type, such as `<f8`. */
  readonly descr: string;
  /** True if the first axis varies fastest. */
  readonly fortranOrder: boolean;
  /** Lengths of the axes; empty for a single value. */
  readonly shape: readonly number[];
  /** Offset in bytes at which the values begin. */
  readonly offset: number;
}

/** The first bytes of every file. */
export const npyMagic = '\x93NUMPY';
/** Longest header in characters. NumPy refuses longer ones unless it is told to trust the file. */
const longestHeader = 10_000;
/** Most axes of an array: NumPy 1 allows 32, NumPy 2 twice as many. */
const mostAxes = 32;
/** Longest axis that the engines can index. */
const longestAxis = 2 ** 31 - 1;

/** Bytes of the header's length field, and the header's encoding, by format version. */
const versions: Readonly<Record<string, { readonly lengthBytes: number; readonly encoding: string }>> = {
  '1.0': { lengthBytes: 2, encoding: 'latin1' },
  '2.0': { lengthBytes: 4, encoding: 'latin1' },
  '3.0': { lengthBytes: 4, encoding: 'utf-8' },
};

/**
 * Reads and checks the header of an open file: magic string, version 1.0, 2.0 or 3.0, length, and a Python dictionary
 * with exactly the keys descr, fortran_order and shape.
 *
 * It accepts a subset of what `numpy.load(allow_pickle=False)` accepts: what NumPy writes, with the keys in any order
 * and with the long integers of Python 2, but no other spellings of Python's literals (escapes, hexadecimal numbers,
 * comments, repeated keys).
 *
 * @param size - bytes of the file, against which the length of the header is checked before it is read.
 * @throws FormatError naming file and fault.
 */
export async function readNpyHeader(file: NamedFile, handle: OpenFile, size: number): Promise<NpyHeader> {
  const start = await readExactly(file, handle, 0, Math.min(size, 12));
  if (latin1(start.subarray(0, npyMagic.length)) !== npyMagic) {
    throw new FormatError(
      `${file.where}: expected NumPy's header, got ${JSON.stringify(latin1(start.subarray(0, npyMagic.length)))}; is it a .npy file?`,
    );
  }
  if (start.length < 8) throw cutShort(file, '8 bytes of header', start.length);
  const version = `${start[6]}.${start[7]}`;
  const layout = Object.hasOwn(versions, version) ? versions[version] : undefined;
  if (layout === undefined) {
    throw new FormatError(`${file.where}: expected format version 1.0, 2.0 or 3.0, got ${version}; save it again with numpy.save`);
  }
  const textStart = 8 + layout.lengthBytes;
  if (size < textStart) throw cutShort(file, `${textStart} bytes of header`, size);
  const view = new DataView(start.buffer);
  const length = layout.lengthBytes === 2 ? view.getUint16(8, true) : view.getUint32(8, true);
  // A character of UTF-8 has up to four bytes.
  if (length > 4 * longestHeader) throw tooLong(file, length);
  if (textStart + length > size) throw cutShort(file, `a header of ${length} bytes`, size - textStart);
  const text = decode(file, await readExactly(file, handle, textStart, length), layout.encoding);
  if ([...text].length > longestHeader) throw tooLong(file, length);
  return { ...parseDictionary(file, text, version !== '3.0'), offset: textStart + length };
}

/** Reads bytes that are known to exist. */
export async function readExactly(file: NamedFile, handle: OpenFile, position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let read = 0; read < length; ) {
    const bytesRead = await handle.read(bytes.subarray(read), position + read).catch((cause: Error) => {
      throw cannotRead(file, cause);
    });
    if (bytesRead === 0) throw cutShort(file, `${length} bytes at byte ${position}`, read);
    read += bytesRead;
  }
  return bytes;
}

/** Returns the error for a file that the system does not let us read. */
export function cannotRead({ caller, path }: NamedFile, cause: Error): BackendError {
  return new BackendError(`${caller}: cannot read ${path} (${cause.message}); check the path`, { cause });
}

/** Decodes ISO 8859-1, each byte the character of its number, which TextDecoder's latin1 is not. */
function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

function cutShort(file: NamedFile, expected: string, got: number): FormatError {
  return new FormatError(`${file.where}: expected ${expected}, got ${got} bytes; the file is cut short, save it again`);
}

function tooLong(file: NamedFile, length: number): FormatError {
  return new FormatError(
    `${file.where}: expected a header of at most ${longestHeader} characters, got ${length} bytes; save it again with numpy.save`,
  );
}

function decode(file: NamedFile, bytes: Uint8Array, encoding: string): string {
  if (encoding === 'latin1') return latin1(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${file.where}: expected a header in UTF-8, as version 3.0 has it, got other bytes; the file is damaged`, {
      cause,
    });
  }
}

/** Tokens of the dictionaries that NumPy writes; a string has neither escapes nor line ends. */
const token = /[ \t\n]*(?:(?<mark>[{}(),:])|'(?<single>[^'"\\\n\r\0]*)'|"(?<double>[^'"\\\n\r\0]*)"|(?<word>\w+))/y;

/**
 * Parses `{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }`.
 * @param longs - true if `3L` is 3, as Python 2 wrote it.
 */
function parseDictionary(file: NamedFile, text: string, longs: boolean): Omit<NpyHeader, 'offset'> {
  const broken = (expected: string): FormatError =>
    new FormatError(
      `${file.where}: expected a header {'descr': …, 'fortran_order': …, 'shape': …}, with ${expected}, got ${JSON.stringify(text.trim().slice(0, 200))}; save it again with numpy.save`,
    );
  const tokens = tokensOf(text);
  if (tokens === undefined) throw broken('nothing but strings, True or False, and a tuple of integers');
  let at = 0;
  const take = (mark: string): boolean => tokens[at]?.mark === mark && at++ >= 0;
  const required = (mark: string): void => {
    if (!take(mark)) throw broken(`'${mark}' at token ${at + 1}`);
  };
  const found = new Map<string, unknown>();
  required('{');
  while (!take('}')) {
    const key = tokens[at++]?.string;
    if (key === undefined || found.has(key)) throw broken('each of the three keys once');
    required(':');
    if (key === 'shape')
      found.set(
        key,
        parseShape(take, () => tokens[at++]?.word, longs),
      );
    else found.set(key, key === 'descr' ? tokens[at++]?.string : tokens[at++]?.word);
    if (!take(',')) {
      required('}');
      break;
    }
  }
  if (at !== tokens.length) throw broken('nothing after the dictionary');
  if (found.size !== 3 || !['descr', 'fortran_order', 'shape'].every((key) => found.has(key))) throw broken('exactly these keys');
  const [descr, order, shape] = ['descr', 'fortran_order', 'shape'].map((key) => found.get(key));
  if (typeof descr !== 'string') throw broken('the type of the values as a string: records of several fields are not read');
  if (order !== 'True' && order !== 'False') throw broken('True or False for fortran_order');
  if (!Array.isArray(shape)) throw broken(`a tuple of at most ${mostAxes} integers from 0 to ${longestAxis} for shape`);
  return { descr, fortranOrder: order === 'True', shape };
}

interface Token {
  readonly mark?: string;
  readonly string?: string;
  readonly word?: string;
}

/** Returns the tokens of a header, `undefined` if it holds anything else; Python takes no line end before the brace. */
function tokensOf(text: string): Token[] | undefined {
  const body = text.replace(/[ \t\n]+$/, '');
  if (!/^[ \t]*\{/.test(body)) return undefined;
  const tokens: Token[] = [];
  token.lastIndex = 0;
  for (let at = 0; at < body.length; at = token.lastIndex) {
    const { mark, single, double, word } = token.exec(body)?.groups ?? {};
    const string = single ?? double;
    if (mark !== undefined) tokens.push({ mark });
    else if (string !== undefined) tokens.push({ string });
    else if (word !== undefined) tokens.push({ word });
    else return undefined;
  }
  return tokens;
}

/** Parses `()`, `(3,)`, `(2, 3)` or `(2, 3,)`; `(3)` is no tuple in Python. */
function parseShape(take: (mark: string) => boolean, nextWord: () => string | undefined, longs: boolean): readonly number[] | undefined {
  if (!take('(')) return undefined;
  const shape: number[] = [];
  let closed = take(')');
  while (!closed) {
    const word = nextWord() ?? '';
    const digits = longs ? word.replace(/L$/, '') : word;
    if (!/^(0|[1-9][0-9]{0,9})$/.test(digits) || Number(digits) > longestAxis || shape.length === mostAxes) return undefined;
    shape.push(Number(digits));
    const comma = take(',');
    closed = take(')');
    if (!comma && (!closed || shape.length === 1)) return undefined;
  }
  return shape;
}
