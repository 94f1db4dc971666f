/** The header of a safetensors file: eight bytes of length, then JSON. */
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { isJsonObject, type JsonObject, parseJson } from '../../core/parse-json.js';
import { bitsOfDtype, type StoredDtype, storedBytes } from './dtypes.js';
import type { TensorEntry } from './tensor-store.js';

/** A tensor and where its bytes begin, counted from the start of the file. */
export interface LocatedEntry extends TensorEntry {
  /** Offset of its first byte in the file. */
  readonly position: number;
}

/** A header, read and checked. */
export interface Header {
  /** The tensors in the order of the header. */
  readonly entries: readonly LocatedEntry[];
  /** What `__metadata__` holds. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Parses the JSON of a header, and checks that the tensors fill the rest of the file without holes or overlaps.
 *
 * @param caller - the function on whose behalf, for messages.
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
  const header = parseJson(caller, `the header of ${file}`, text);
  if (!isJsonObject(header)) return fail('expected a header that is a JSON object');
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

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isStringRecord(value: unknown): value is Readonly<Record<string, string>> {
  return isJsonObject(value) && Object.values(value).every((entry) => typeof entry === 'string');
}

/** The tensors, by position, must follow one another from the first byte of the data to the last of the file. */
function checkCoverage(entries: readonly LocatedEntry[], dataStart: number, fileSize: number, fail: (problem: string) => never): void {
  let end = dataStart;
  for (const { name, position, byteLength } of entries.toSorted((a, b) => a.position - b.position || a.byteLength - b.byteLength)) {
    const kind = position < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
    if (position !== end) fail(`tensor ${JSON.stringify(name)} ${kind}: expected it at byte ${end} of the file, got ${position}`);
    end = position + byteLength;
  }
  if (end !== fileSize) fail(`expected a file of ${end} bytes, got ${fileSize}`);
}
