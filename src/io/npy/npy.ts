/** Arrays in NumPy's own file format. */
import { allocate } from '../../core/allocate.js';
import { FormatError, NotImplementedError } from '../../core/errors.js';
import { declareOptions } from '../../core/options.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { FileContent } from '../files/file-content.js';
import type { Files, OpenFile } from '../files/files.js';
import { filesOption } from '../files/files-option.js';
import { nodeFiles } from '../files/node-files.js';
import { writeAll } from '../files/staging-files.js';
import { type NamedFile, namedFile } from '../text/text-encoding.js';
import { cannotRead, npyMagic, readExactly, readNpyHeader } from './npy-header.js';

/** Alignment of the data, in bytes. */
const alignment = 64;
/** Number of values converted at once. */
const sliceLength = 2 ** 16;

/** Options of {@link readNpy} and {@link writeNpy}. */
export interface NpyOptions {
  /** Where the file lies. Default: {@link nodeFiles}, the files of this machine. */
  readonly files?: Files;
}

const npyOptions = declareOptions<NpyOptions>()({ files: filesOption });

/**
 * Writes an array as a .npy file, which `numpy.load` reads: version 1.0, row-major, little-endian; float64 from the
 * host, float32 from a device.
 *
 * @param la - the engine of the array.
 * @param file - the path; the file is written whole or not at all.
 * @param array - the array.
 * @param options - see {@link NpyOptions}.
 * @throws BackendError if the file system refuses.
 * @see NEP 1, "A simple file format for NumPy arrays".
 */
export async function writeNpy<M>(la: LinearAlgebra<M>, file: string, array: M, options: NpyOptions = {}): Promise<void> {
  checkAlgebra('writeNpy', la);
  const { files } = npyOptions.read('writeNpy', options);
  const shape = la.shape(array);
  const values = await la.toArray(array);
  const single = la.epsilon > Number.EPSILON;
  const bytesPerValue = single ? 4 : 8;
  await writeOne('writeNpy', files, file, async ({ write }) => {
    await write(npyHeader(single ? '<f4' : '<f8', shape));
    for (let first = 0; first < values.length; first += sliceLength) {
      const slice = values.subarray(first, first + sliceLength);
      const bytes = new DataView(new ArrayBuffer(slice.length * bytesPerValue));
      for (let i = 0; i < slice.length; i++) {
        if (single) bytes.setFloat32(4 * i, slice[i], true);
        else bytes.setFloat64(8 * i, slice[i], true);
      }
      await write(new Uint8Array(bytes.buffer));
    }
  });
}

/** Writes one file, of which errors name the caller. */
function writeOne(caller: string, files: Files, file: string, content: FileContent): Promise<void> {
  return writeAll(files, new Map([[file, content]]), { caller });
}

/**
 * Writes integers as a .npy file of int32, such as the pattern of a sparse matrix.
 *
 * @param caller - the function or command that errors name.
 * @throws BackendError if the file system refuses.
 */
export async function writeNpyIntegers(caller: string, file: string, values: Int32Array): Promise<void> {
  await writeOne(caller, nodeFiles, file, async ({ write }) => {
    await write(npyHeader('<i4', [values.length]));
    for (let first = 0; first < values.length; first += sliceLength) {
      const slice = values.subarray(first, first + sliceLength);
      const bytes = new DataView(new ArrayBuffer(4 * slice.length));
      for (let i = 0; i < slice.length; i++) bytes.setInt32(4 * i, slice[i], true);
      await write(new Uint8Array(bytes.buffer));
    }
  });
}

function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  // Python writes a tuple of one with a comma.
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const fixed = npyMagic.length + 4;
  const padding = (alignment - ((fixed + text.length + 1) % alignment)) % alignment;
  const body = `${text}${' '.repeat(padding)}\n`;
  const header = Uint8Array.from(`${npyMagic}\x01\x00\0\0${body}`, (character) => character.charCodeAt(0));
  new DataView(header.buffer).setUint16(npyMagic.length + 2, body.length, true);
  return header;
}

/** Readers of the supported value types. */
const readers: Readonly<Record<string, { readonly bytes: number; at(view: DataView, offset: number): number }>> = {
  '<f8': { bytes: 8, at: (view, offset) => view.getFloat64(offset, true) },
  '<f4': { bytes: 4, at: (view, offset) => view.getFloat32(offset, true) },
  '<i8': { bytes: 8, at: (view, offset) => Number(view.getBigInt64(offset, true)) },
  '<i4': { bytes: 4, at: (view, offset) => view.getInt32(offset, true) },
  '|u1': { bytes: 1, at: (view, offset) => view.getUint8(offset) },
};

/**
 * Reads a .npy file of float64, float32, int64, int32 or uint8 values, little-endian, in either order.
 *
 * @param la - the engine for the result.
 * @param file - the path. The size that the header claims is checked against the file's before anything is allocated.
 * int64 beyond 2⁵³ is rounded.
 * @param options - see {@link NpyOptions}.
 *
 * @throws FormatError if it is no .npy file, NumPy would refuse its header, or it is cut short; NotImplementedError for
 * other types of value; BackendError if the file cannot be read, or its values do not fit into memory.
 */
export async function readNpy<M>(la: LinearAlgebra<M>, file: string, options: NpyOptions = {}): Promise<M> {
  checkAlgebra('readNpy', la);
  const { files } = npyOptions.read('readNpy', options);
  const named = namedFile('readNpy', file, files);
  const handle = await files.open(file).catch((cause: Error) => {
    throw cannotRead(named, cause);
  });
  try {
    return await readArray(la, named, handle);
  } finally {
    await handle.close();
  }
}

async function readArray<M>(la: LinearAlgebra<M>, file: NamedFile, handle: OpenFile): Promise<M> {
  const size = handle.bytes;
  const { descr, fortranOrder, shape, offset } = await readNpyHeader(file, handle, size);
  const reader = Object.hasOwn(readers, descr) ? readers[descr] : undefined;
  if (reader === undefined) {
    throw new NotImplementedError(
      `${file.where}: values of type ${JSON.stringify(descr)} are not implemented; save float64, float32, int64, int32 or uint8, little-endian`,
    );
  }
  if (fortranOrder && shape.length > 2) {
    throw new NotImplementedError(`${file.where}: column-major arrays of more than two axes are not implemented; save a row-major copy`);
  }
  // Like NumPy, count the values beside an axis of length zero too, and so refuse sizes that nobody could address.
  const addressed = shape.reduce((product, length) => product * Math.max(length, 1), reader.bytes);
  const count = shape.reduce((product, length) => product * length, 1);
  if (size - offset !== count * reader.bytes || addressed > Number.MAX_SAFE_INTEGER) {
    throw new FormatError(
      `${file.where}: expected ${count * reader.bytes} bytes for [${shape}] of '${descr}', got ${size - offset}; the file is cut short, or holds more`,
    );
  }
  const what = `the ${count} values of [${shape}] as float64`;
  const remedy = 'save a smaller array, or free memory';
  const values = allocate({ where: file.where, bytes: 8 * count, what, remedy }, () => new Float64Array(count));
  for (let first = 0; first < count; first += sliceLength) {
    const length = Math.min(sliceLength, count - first);
    const bytes = await readExactly(file, handle, offset + first * reader.bytes, length * reader.bytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < length; i++) values[first + i] = reader.at(view, i * reader.bytes);
  }
  if (!fortranOrder || shape.length < 2) return la.fromArray(values, shape);
  return la.transpose(la.fromArray(values, [shape[1], shape[0]]));
}
