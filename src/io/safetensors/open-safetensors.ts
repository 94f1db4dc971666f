import { allocate } from '../../core/allocate.js';
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { DomainError, FormatError, ShapeError } from '../../core/errors.js';
import { declareOptions } from '../../core/options.js';
import { checkByteOrder } from '../byte-order.js';
import type { Files } from '../files/files.js';
import { filesOption } from '../files/files-option.js';
import { entryCount, type FloatDtype, isFloatDtype, type StoredDtype } from './dtypes.js';
import { openTensorFile, type TensorFile } from './file-tensors.js';
import { widenBrains, widenHalves } from './half-precision.js';
import type { LocatedEntry } from './parse-header.js';
import { readShardIndex, shardIndexName } from './shard-index.js';
import type { TensorStore } from './tensor-store.js';

/** Name of the file of an unsharded checkpoint. */
export const singleFileName = 'model.safetensors';

/**
 * Bytes read at a time: large enough for the disk, small enough to stay in the processor's cache while they are
 * converted.
 */
const chunkBytes = 2 ** 20;

/** Options of {@link openSafetensors}. */
export interface OpenSafetensorsOptions {
  /** Where `location` lies. Default: {@link nodeFiles}, the files of this machine. */
  readonly files?: Files;
  /** Name that messages begin with: the function or command that the user called. Default: `'openSafetensors'`. */
  readonly caller?: string;
}

const openSafetensorsOptions = declareOptions<OpenSafetensorsOptions>()({ files: filesOption, caller: callerOption });

/**
 * Opens the tensors of a file in safetensors format, of a sharded checkpoint, or of a directory with either. Headers
 * are read and checked at once; a tensor's numbers are read only when asked for, by ranges.
 *
 * @param location - a `.safetensors` file; a `.safetensors.index.json`; or a directory with `model.safetensors` or,
 * failing that, `model.safetensors.index.json`.
 * @param options - see {@link OpenSafetensorsOptions}.
 * @returns the open store, to be closed by the caller. Cost: the headers.
 * @throws FormatError, naming file and tensor, if there is no such file, or any part of it is malformed: a header that
 * is cut short, too long or not JSON, number formats that safetensors does not have, offsets out of range, overlapping,
 * leaving holes or disagreeing with the shape, a repeated name; an index that leads out of its directory, or names
 * tensors that its shards lack.
 * @see https://huggingface.co/docs/safetensors, "Format".
 */
export async function openSafetensors(location: string, options: OpenSafetensorsOptions = {}): Promise<TensorStore> {
  const own = givenCaller('openSafetensors', options);
  const { files, caller = own } = openSafetensorsOptions.read(own, options);
  checkByteOrder(caller);
  const found = await findCheckpoint(caller, files, location);
  if (!found.endsWith('.json')) return storeOf(caller, [await openTensorFile(caller, found, files)]);
  const shards = await readShardIndex(caller, found, files);
  const opened: TensorFile[] = [];
  try {
    for (const [file, names] of shards) {
      const shard = await openTensorFile(caller, file, files);
      opened.push(shard);
      const held = new Set(shard.header.entries.map(({ name }) => name));
      const missing = names.find((name) => !held.has(name));
      if (missing !== undefined) {
        throw new FormatError(
          `${caller}: ${file} lacks the tensor ${JSON.stringify(missing)} that ${found} says it holds; fetch both again`,
        );
      }
    }
    return storeOf(caller, opened);
  } catch (error) {
    await Promise.all(opened.map((shard) => shard.close()));
    throw error;
  }
}

/** Finds the file or index that a location means. A web server cannot say which locations are directories. */
async function findCheckpoint(caller: string, files: Files, location: string): Promise<string> {
  const describe = (place: string) =>
    files.describe(place).catch((cause: Error) => {
      throw new FormatError(`${caller}: cannot open ${place} (${cause.message}); check the path`, { cause });
    });
  const isFile = async (place: string): Promise<boolean> => (await describe(place))?.kind === 'file';
  if (/\.(safetensors|json)$/.test(location) && (await isFile(location))) return location;
  for (const name of [singleFileName, shardIndexName]) {
    const file = files.join(location, name);
    if (await isFile(file)) return file;
  }
  const found = await describe(location);
  if (found?.kind === 'file') return location;
  if (found === undefined) {
    throw new FormatError(
      `${caller}: cannot open ${location} (there is no such file, and no folder with ${singleFileName} or ${shardIndexName}); check the path`,
    );
  }
  throw new FormatError(
    `${caller}: expected ${singleFileName} or ${shardIndexName} in ${location}, found neither; pass a checkpoint in safetensors format, or the file itself`,
  );
}

/** Joins open files into one store. @throws FormatError if two of them hold a tensor of one name. */
function storeOf(caller: string, files: readonly TensorFile[]): TensorStore {
  const entries = new Map<string, LocatedEntry>();
  const fileOf = new Map<string, TensorFile>();
  for (const tensorFile of files) {
    for (const entry of tensorFile.header.entries) {
      const { name, file } = entry;
      const other = entries.get(name)?.file;
      if (other !== undefined) {
        throw new FormatError(`${caller}: the tensor ${JSON.stringify(name)} is in ${other} and in ${file}; keep one of them`);
      }
      entries.set(name, entry);
      fileOf.set(name, tensorFile);
    }
  }
  let closed = false;
  const locate = (name: string): { readonly entry: LocatedEntry; readonly source: ReadPart } => {
    if (closed)
      throw new DomainError(`${caller}: expected an open store, got one that was closed; read ${JSON.stringify(name)} before close()`);
    const [entry, tensorFile] = [entries.get(name), fileOf.get(name)];
    if (entry === undefined || tensorFile === undefined) {
      const where = new Set([...entries.values()].map(({ file }) => file));
      throw new FormatError(
        `${caller}: there is no tensor ${JSON.stringify(name)} in ${[...where].join(', ')}; see the entries of the store`,
      );
    }
    return { entry, source: (offset, bytes) => tensorFile.readPart(entry, offset, bytes) };
  };
  return {
    entries,
    metadata: Object.fromEntries(files.flatMap(({ header }) => Object.entries(header.metadata))),
    async read(name) {
      const { entry, source } = locate(name);
      if (isFloatDtype(entry.dtype)) {
        const count = entryCount(entry.shape);
        const target = allocateFor(caller, entry, 4 * count, () => new Float32Array(count));
        await readFloats(caller, entry, entry.dtype, source, () => target);
        return target;
      }
      if (entry.dtype !== 'I32' && entry.dtype !== 'I64') throw unreadable(caller, entry, 'F32, F16, BF16, I64 or I32');
      const bytes = bytesFor(caller, entry);
      await source(0, bytes);
      return entry.dtype === 'I32' ? new Int32Array(bytes.buffer) : new BigInt64Array(bytes.buffer);
    },
    async readInto(name, target) {
      const { entry, source } = locate(name);
      if (!isFloatDtype(entry.dtype)) throw unreadable(caller, entry, 'F32, F16 or BF16');
      await readFloats(caller, entry, entry.dtype, source, typeof target === 'function' ? target : () => target);
    },
    async readBytes(name) {
      const { entry, source } = locate(name);
      const bytes = bytesFor(caller, entry);
      await source(0, bytes);
      return bytes;
    },
    async equal(name, other) {
      const [first, second] = [locate(name), locate(other)];
      return areEqual(first.entry, first.source, second.entry, second.source);
    },
    async close() {
      if (closed) return;
      closed = true;
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

/**
 * Allocates memory for a tensor. A file may be sparse, so its size proves nothing.
 *
 * @throws BackendError if an array is larger than the available memory, or than an array may be.
 */
function allocateFor<T>(caller: string, { file, name }: LocatedEntry, bytes: number, make: () => T): T {
  const where = `${caller}: ${file}: tensor ${JSON.stringify(name)}`;
  return allocate({ where, bytes, what: 'its numbers', remedy: 'free memory, or check the file' }, make);
}

function bytesFor(caller: string, entry: LocatedEntry): Uint8Array<ArrayBuffer> {
  return allocateFor(caller, entry, entry.byteLength, () => new Uint8Array(entry.byteLength));
}

type ReadPart = (offset: number, bytes: Uint8Array) => Promise<void>;

function unreadable(caller: string, { file, name, dtype }: LocatedEntry, readable: string): FormatError {
  return new FormatError(
    `${caller}: ${file}: tensor ${JSON.stringify(name)}: expected ${readable}, got ${dtype}; convert it, or take its bytes`,
  );
}

/** Reads a tensor by chunks and converts each into its place. */
async function readFloats(
  caller: string,
  entry: LocatedEntry,
  dtype: FloatDtype,
  source: ReadPart,
  target: () => Float32Array,
): Promise<void> {
  const length = entryCount(entry.shape);
  checkTarget(caller, entry, target(), length);
  const bytesEach = dtype === 'F32' ? 4 : 2;
  const chunk = new Uint8Array(Math.min(chunkBytes, entry.byteLength));
  for (let begin = 0; begin < length; begin += chunkBytes / bytesEach) {
    const count = Math.min(chunkBytes / bytesEach, length - begin);
    const bytes = chunk.subarray(0, count * bytesEach);
    await source(begin * bytesEach, bytes);
    const place = target();
    checkTarget(caller, entry, place, length);
    widen(dtype, bytes, new Uint32Array(place.buffer, place.byteOffset + 4 * begin, count));
  }
}

/** Compares two tensors a chunk at a time. */
async function areEqual(a: LocatedEntry, readA: ReadPart, b: LocatedEntry, readB: ReadPart): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  const [dtypeA, dtypeB] = [a.dtype, b.dtype];
  const areFloats = isFloatDtype(dtypeA) && isFloatDtype(dtypeB);
  if (dtypeA !== dtypeB && !areFloats) return false;
  // Of one format, the bytes tell; formats of other widths are widened first.
  const length = dtypeA === dtypeB ? a.byteLength : entryCount(a.shape);
  const part = async (dtype: StoredDtype, read: ReadPart, begin: number, count: number): Promise<ArrayLike<number>> => {
    const width = dtypeA === dtypeB ? 1 : dtype === 'F32' ? 4 : 2;
    const bytes = new Uint8Array(count * width);
    await read(begin * width, bytes);
    if (width === 1) return bytes;
    const bits = new Uint32Array(count);
    widen(dtype as FloatDtype, bytes, bits);
    return bits;
  };
  for (let begin = 0; begin < length; begin += chunkBytes) {
    const count = Math.min(chunkBytes, length - begin);
    const [one, two] = [await part(dtypeA, readA, begin, count), await part(dtypeB, readB, begin, count)];
    for (let i = 0; i < count; i++) if (one[i] !== two[i]) return false;
  }
  return true;
}

function checkTarget(caller: string, { name, shape }: LocatedEntry, target: Float32Array, length: number): void {
  if (target.length === length) return;
  throw new ShapeError(
    `${caller}: expected an array of ${length} numbers for the tensor ${JSON.stringify(name)} [${shape.join(', ')}], got ${target.length}; ` +
      'if it lies in memory that moves when it grows, pass a function that gives it anew',
  );
}

/** Converts little-endian bytes into the bits of float32, so that a NaN arrives as it was. */
function widen(dtype: FloatDtype, bytes: Uint8Array, target: Uint32Array): void {
  if (dtype === 'F32') target.set(new Uint32Array(bytes.buffer, 0, target.length));
  else if (dtype === 'F16') widenHalves(new Uint16Array(bytes.buffer, 0, target.length), target);
  else widenBrains(new Uint16Array(bytes.buffer, 0, target.length), target);
}
