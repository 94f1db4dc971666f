/** Safetensors files as bytes: header and tensors, byte for byte as safetensors' own writer lays them out. */
import type { Awaitable } from '../../core/awaitable.js';
import { ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { ByteSink } from '../files/file-content.js';
import { bitsOfDtype, entryCount, isFloatDtype, type StoredDtype, storedBytes } from './dtypes.js';
import { roundToBrains, roundToHalves } from './half-precision.js';

/**
 * The numbers of a tensor, row by row: `Float32Array` for F32, F16 and BF16 (rounded to nearest, ties to even),
 * `Int32Array` for I32, `BigInt64Array` for I64; or, for any format, its bytes as a `Uint8Array`.
 */
export type TensorValues = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor to be written. */
export interface TensorData {
  /** The number format in the file. */
  readonly dtype: StoredDtype;
  /** The sizes of its axes. */
  readonly shape: readonly number[];
  /** Its numbers, or a function that returns them when they are due: a model need not be in memory as a whole. */
  readonly data: TensorValues | (() => Awaitable<TensorValues>);
}

/** Entries converted at a time: the buffer stays in the processor's cache. */
const chunkEntries = 2 ** 19;

/**
 * Checks a tensor before anything is written.
 *
 * @throws ConfigError for a number format or name that a file cannot have; ShapeError for an invalid shape, or numbers
 * that do not fill it.
 */
export function checkTensor(caller: string, name: string, { dtype, shape, data }: TensorData): void {
  const tensor = `${caller}: tensor ${JSON.stringify(name)}`;
  if (name === '__metadata__' || /\p{Surrogate}/u.test(name)) {
    throw new ConfigError(`${tensor}: expected a name of well-formed Unicode other than '__metadata__'; choose another`);
  }
  if (!Object.hasOwn(bitsOfDtype, dtype)) {
    throw new ConfigError(`${tensor}: expected a dtype of safetensors, got ${describeValue(dtype)}; pass 'F32', 'F16' or 'BF16'`);
  }
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ShapeError(`${tensor}: expected a shape of integers ≥ 0, got ${describeValue(shape)}; pass [] for a scalar`);
  }
  if (!Number.isSafeInteger(storedBytes(dtype, shape))) {
    throw new ShapeError(
      `${tensor}: expected a whole number of bytes, got ${storedBytes(dtype, shape)} for ${dtype} [${shape.join(', ')}]; pad its rows`,
    );
  }
  if (typeof data !== 'function') checkValues(tensor, dtype, shape, data);
}

function checkValues(tensor: string, dtype: StoredDtype, shape: readonly number[], values: TensorValues): void {
  const isBytes = values instanceof Uint8Array;
  const fits =
    isBytes ||
    (values instanceof Float32Array && isFloatDtype(dtype)) ||
    (values instanceof Int32Array && dtype === 'I32') ||
    (values instanceof BigInt64Array && dtype === 'I64');
  if (!fits) {
    throw new ConfigError(
      `${tensor}: expected the numbers of ${dtype}, got ${describeValue(values)}; ` +
        'pass a Float32Array for F32, F16 and BF16, an Int32Array for I32, a BigInt64Array for I64, or bytes',
    );
  }
  const expected = isBytes ? storedBytes(dtype, shape) : entryCount(shape);
  if (values.length !== expected) {
    throw new ShapeError(
      `${tensor}: expected ${expected} ${isBytes ? 'bytes' : 'numbers'} for ${dtype} [${shape.join(', ')}], got ${values.length}; pass the whole tensor`,
    );
  }
}

/**
 * Writes a file's bytes: larger number formats first, then by name, as safetensors does, so that every tensor is
 * aligned to its entries.
 *
 * @throws as {@link checkTensor}, for numbers that a function gives.
 */
export async function serializeTensors(
  caller: string,
  sink: ByteSink,
  tensors: ReadonlyMap<string, TensorData>,
  metadata: Readonly<Record<string, string>> | undefined,
): Promise<void> {
  const ordered = fileOrder(tensors);
  await sink.write(encodeHeader(ordered, metadata));
  for (const [name, tensor] of ordered) {
    const values = typeof tensor.data === 'function' ? await tensor.data() : tensor.data;
    checkValues(`${caller}: tensor ${JSON.stringify(name)}`, tensor.dtype, tensor.shape, values);
    await writeValues(sink, tensor.dtype, values);
  }
}

type NamedTensor = readonly [name: string, tensor: TensorData];

function fileOrder(tensors: ReadonlyMap<string, TensorData>): readonly NamedTensor[] {
  const dtypes = Object.keys(bitsOfDtype);
  return [...tensors].sort(
    // Names in the order of their bytes, which is not that of JavaScript's strings beyond U+FFFF.
    ([a, left], [b, right]) => dtypes.indexOf(right.dtype) - dtypes.indexOf(left.dtype) || compareBytes(a, b),
  );
}

/** Compares two texts by their bytes in UTF-8, which order as code points do. */
function compareBytes(a: string, b: string): number {
  const [one, other] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  const at = one.findIndex((byte, i) => byte !== other[i]);
  return at < 0 ? one.length - other.length : one[at] - (other[at] ?? -1);
}

/**
 * Encodes the length and the JSON, padded with spaces to a multiple of eight bytes. It writes member by member, since
 * an object would move names such as '0' to the front.
 */
function encodeHeader(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>> | undefined): Uint8Array {
  const members = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let position = 0;
  for (const [name, { dtype, shape }] of tensors) {
    const end = position + storedBytes(dtype, shape);
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [position, end] })}`);
    position = end;
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}

async function writeValues(sink: ByteSink, dtype: StoredDtype, values: TensorValues): Promise<void> {
  if (!(values instanceof Float32Array) || dtype === 'F32') {
    await sink.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return;
  }
  const round = dtype === 'F16' ? roundToHalves : roundToBrains;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const rounded = new Uint16Array(Math.min(chunkEntries, values.length));
  for (let begin = 0; begin < bits.length; begin += chunkEntries) {
    const chunk = bits.subarray(begin, begin + chunkEntries);
    round(chunk, rounded);
    await sink.write(new Uint8Array(rounded.buffer, 0, 2 * chunk.length));
  }
}
