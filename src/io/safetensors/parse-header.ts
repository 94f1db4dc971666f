/** The header of a safetensors file: eight bytes of length, then JSON. */
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject, parseJson } from '../parse-json.js';
import { bitsOfDtype, entryCount, type StoredDtype, storedBytes } from './dtypes.js';
import type { TensorEntry } from './tensor-store.js';

/** Most axes of a tensor: NumPy's limit, and through it that of the reference reader. */
const MOST_AXES = 64;

/** Deepest nesting that the reference reader accepts. */
const MOST_LEVELS = 127;

/** A tensor and the place of its bytes in the file. */
export interface LocatedEntry extends TensorEntry {
  /** Offset of its first byte in the file. */
  readonly position: number;
}

/** A checked header. */
export interface Header {
  /** The tensors in the order of the header. */
  readonly entries: readonly LocatedEntry[];
  /** Content of `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Parses the JSON of a header, and checks that the tensors fill the rest of the file without holes or overlaps.
 *
 * @param caller - the function that messages name.
 * @param file - the file, for messages and the entries.
 * @param text - the JSON, padding included.
 * @param dataStart - offset in the file at which the tensors begin.
 * @param fileSize - bytes of the whole file.
 * @throws FormatError naming the file and the tensor.
 */
export function parseHeader(caller: string, file: string, text: string, dataStart: number, fileSize: number): Header {
  const fail = (problem: string): never => {
    throw new FormatError(`${caller}: ${file}: ${problem}; the file is damaged, fetch or write it again`);
  };
  if (!text.startsWith('{')) fail(`expected a header that starts with '{', got ${describeValue(text.slice(0, 8))}`);
  const header = parseJson(caller, `the header of ${file}`, text, MOST_LEVELS);
  if (!isJsonObject(header)) return fail('expected a header that is a JSON object');
  const number = notPlainNumber(text);
  if (number !== undefined) fail(`expected integers written without sign, fraction and exponent, got ${number.slice(0, 40)}`);
  const { __metadata__: metadata = {}, ...tensors } = header;
  if (!isStringRecord(metadata)) return fail('expected __metadata__ to hold strings');
  const dataSize = fileSize - dataStart;
  const entries = Object.entries(tensors).map(([name, description]) => {
    const { begin, ...entry } = parseEntry(name, description, (problem) => fail(`tensor ${JSON.stringify(name)}: ${problem}`));
    if (begin + entry.byteLength > dataSize) {
      fail(`tensor ${JSON.stringify(name)} ends at byte ${begin + entry.byteLength} of the data, got ${dataSize} bytes of data`);
    }
    return { ...entry, file, position: dataStart + begin };
  });
  checkCoverage(entries, dataStart, fileSize, fail);
  return { entries, metadata };
}

function parseEntry(name: string, description: unknown, fail: (problem: string) => never) {
  if (!isJsonObject(description)) return fail(`expected { dtype, shape, data_offsets }, got ${describeValue(description)}`);
  const dtype = parseDtype(description, fail);
  const shape = description.shape;
  if (!isSizes(shape)) return fail('expected shape to be an array of integers ≥ 0');
  const offsets = description.data_offsets;
  if (!isSizes(offsets) || offsets.length !== 2) return fail('expected data_offsets to be two integers ≥ 0');
  const [begin, end] = offsets;
  // Checked even if a later size is zero: the product up to there must be a number of entries.
  if (shape.length > MOST_AXES) fail(`expected a shape of at most ${MOST_AXES} sizes, got ${shape.length}`);
  const products = shape.map((_, index) => entryCount(shape.slice(0, index + 1)));
  if (!products.every((product) => Number.isSafeInteger(product * 8)))
    fail(`expected a shape that can be counted, got [${shape.join(', ')}]`);
  const byteLength = storedBytes(dtype, shape);
  if (!Number.isSafeInteger(byteLength)) fail(`expected a whole number of bytes, got ${byteLength} for ${dtype} [${shape.join(', ')}]`);
  if (end - begin !== byteLength) {
    fail(`expected ${byteLength} bytes for ${dtype} [${shape.join(', ')}], got the data_offsets ${begin} and ${end}`);
  }
  return { name, dtype, shape, byteLength, begin };
}

function parseDtype({ dtype }: JsonObject, fail: (problem: string) => never): StoredDtype {
  if (typeof dtype === 'string' && Object.hasOwn(bitsOfDtype, dtype)) return dtype as StoredDtype;
  return fail(`expected a dtype of safetensors (F32, F16, BF16, …), got ${describeValue(dtype)}`);
}

/**
 * Returns the first number of a JSON text that is not plain digits. Unlike safetensors, `JSON.parse` takes 1.0, 1e0 and
 * -0 for integers.
 *
 * @param text - valid JSON.
 */
function notPlainNumber(text: string): string | undefined {
  const mark = /"|[-\d][-+.\deE]*/g;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (match[0] !== '"') {
      if (!/^\d+$/.test(match[0])) return match[0];
      continue;
    }
    let end = text.indexOf('"', mark.lastIndex);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    mark.lastIndex = end + 1;
  }
  return undefined;
}

/** Returns true if an odd number of backslashes precedes a character. */
function isEscaped(text: string, index: number): boolean {
  let backslashes = 0;
  while (text[index - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isStringRecord(value: unknown): value is Readonly<Record<string, string>> {
  return isJsonObject(value) && Object.values(value).every((entry) => typeof entry === 'string');
}

/** Requires the tensors, by position, to follow one another from the first byte of the data to the last of the file. */
function checkCoverage(entries: readonly LocatedEntry[], dataStart: number, fileSize: number, fail: (problem: string) => never): void {
  let end = dataStart;
  for (const { name, position, byteLength } of entries.toSorted((a, b) => a.position - b.position || a.byteLength - b.byteLength)) {
    const kind = position < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
    if (position !== end) fail(`tensor ${JSON.stringify(name)} ${kind}: expected it at byte ${end} of the file, got ${position}`);
    end = position + byteLength;
  }
  if (end !== fileSize) fail(`expected a file of ${end} bytes, got ${fileSize}`);
}
