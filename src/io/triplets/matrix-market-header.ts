/** Header and lines of Matrix Market files, as `readMatrixMarket` reads them. */
import { FormatError, NotImplementedError } from '../../core/errors.js';
import { quoted, textOf, visitLines } from '../text/split-lines.js';
import { type NamedFile, sizeOf } from '../text/text-encoding.js';

/** Content of a file's first line. */
export interface Banner {
  readonly format: 'coordinate' | 'array';
  readonly pattern: boolean;
  readonly symmetry: 'general' | 'symmetric' | 'skew-symmetric';
}

/** Banner and sizes. */
export interface Header extends Banner {
  readonly rows: number;
  readonly columns: number;
  /** Number of entries stored. */
  readonly entries: number;
  /** Number of the line with the sizes. */
  readonly line: number;
}

/** Returns the bytes of the shortest possible line: `1 1 1`, `1 1` or `1`, with its end. */
function shortestLine({ format, pattern }: Banner): number {
  return format === 'array' ? 2 : pattern ? 4 : 6;
}

/** @throws FormatError if a file is too small for what its header claims. */
async function checkClaim(file: NamedFile, header: Header): Promise<void> {
  const size = await sizeOf(file);
  // The last line may lack its end; UTF-16 is larger still.
  const least = header.entries * shortestLine(header) - 1;
  if (least <= size) return;
  throw new FormatError(
    `${file.where}:${header.line}: expected at least ${least} bytes for the ${header.entries} ${header.format === 'array' ? 'values' : 'entries'} that this line promises, got a file of ${size}; is the file complete?`,
  );
}

/**
 * Reads the header and checks it against the size of the file.
 *
 * @throws FormatError naming the file; NotImplementedError for complex matrices.
 */
export async function readHeader(file: NamedFile): Promise<Header> {
  let banner: Banner | undefined;
  let header: Header | undefined;
  await visitLines(file, (bytes, start, end, line) => {
    if (banner === undefined) {
      banner = parseBanner(file, textOf(bytes, start, Math.min(end, start + 200)));
      return true;
    }
    if (isComment(bytes, start, end)) return true;
    header = parseSizes(file, line, banner, textOf(bytes, start, Math.min(end, start + 200)));
    return false;
  });
  if (header === undefined) {
    throw new FormatError(`${file.where}: expected a line with the sizes of the matrix, got the end of the file; is the file complete?`);
  }
  await checkClaim(file, header);
  return header;
}

function parseBanner(file: NamedFile, text: string): Banner {
  const [mark, object, format, field, symmetry, ...rest] = text.trim().split(/\s+/);
  const words = [object, format, field, symmetry].map((word) => word?.toLowerCase());
  const wanted = "expected '%%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric|skew-symmetric'";
  const broken = new FormatError(`${file.where}:1: ${wanted}, got ${JSON.stringify(text.slice(0, 100))}; is it a Matrix Market file?`);
  if (mark !== '%%MatrixMarket' || words[0] !== 'matrix' || rest.length > 0) throw broken;
  if (words[2] === 'complex' || words[3] === 'hermitian') {
    throw new NotImplementedError(
      `${file.where}:1: ${text.trim()}: complex matrices are not implemented; store real and imaginary parts as two matrices`,
    );
  }
  const known =
    ['coordinate', 'array'].includes(words[1] ?? '') &&
    ['real', 'double', 'integer', 'pattern'].includes(words[2] ?? '') &&
    ['general', 'symmetric', 'skew-symmetric'].includes(words[3] ?? '');
  const pattern = words[2] === 'pattern';
  if (!known || (pattern && (words[1] === 'array' || words[3] === 'skew-symmetric'))) throw broken;
  return { format: words[1] as Banner['format'], pattern, symmetry: words[3] as Banner['symmetry'] };
}

function parseSizes(file: NamedFile, line: number, banner: Banner, text: string): Header {
  const sizes = text.trim().split(/\s+/).map(Number);
  const [rows, columns] = sizes;
  const coordinate = banner.format === 'coordinate';
  const valid =
    sizes.length === (coordinate ? 3 : 2) && sizes.every((size) => Number.isSafeInteger(size) && size >= 0) && rows > 0 && columns > 0;
  if (!valid || Math.max(rows, columns, sizes[2] ?? 0) >= 2 ** 31) {
    throw new FormatError(
      `${file.where}:${line}: expected the line of sizes, ${coordinate ? "'rows columns entries'" : "'rows columns'"} below 2³¹, got ${JSON.stringify(text)}; see the format's description`,
    );
  }
  if (banner.symmetry !== 'general' && rows !== columns) {
    throw new FormatError(`${file.where}:${line}: a ${banner.symmetry} matrix must be square, got ${rows}×${columns}; declare it general`);
  }
  const triangle = { general: rows * columns, symmetric: (rows * (rows + 1)) / 2, 'skew-symmetric': (rows * (rows - 1)) / 2 };
  return { ...banner, rows, columns, entries: coordinate ? sizes[2] : triangle[banner.symmetry], line };
}

/** Visits the lines of data after the header, trimmed; comments and empty lines are skipped. */
export async function eachLine(
  file: NamedFile,
  headerLine: number,
  visit: (bytes: Uint8Array, start: number, end: number, line: number) => void,
): Promise<void> {
  await visitLines(file, (bytes, start, end, line) => {
    if (line <= headerLine || isComment(bytes, start, end)) return;
    let stop = end;
    while (isBlank(bytes[stop - 1])) stop--;
    visit(bytes, wordStart(bytes, start, stop), stop, line);
  });
}

const [tab, space, percent] = [9, 32, 37];

function isBlank(byte: number): boolean {
  return byte === space || byte === tab;
}

/** Returns true for a comment or a blank line. */
function isComment(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[start] === percent || wordStart(bytes, start, end) === end;
}

/** Returns the index at which the next word begins, or the end. */
export function wordStart(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isBlank(bytes[at])) at++;
  return at;
}

/** Returns the index at which a word ends. */
export function wordEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && !isBlank(bytes[at])) at++;
  return at;
}

/** Returns the error for a line that is not what was expected. */
export function fault(file: NamedFile, line: number, expected: string, bytes: Uint8Array, start: number, end: number): FormatError {
  return new FormatError(`${file.where}:${line}: ${expected}, got ${quoted(bytes, start, end)}; correct the line`);
}
