/** Arrays in NumPy's own file format. */
import { readFile } from 'node:fs/promises';
import { BackendError, FormatError, NotImplementedError } from '../../core/errors.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';

const magic = '\x93NUMPY';
/** The data begin at a multiple of this. */
const alignment = 64;
/** Values converted at once. */
const sliceLength = 2 ** 16;

/**
 * Writes an array as a .npy file, which `numpy.load` reads: version 1.0, row-major, little-endian; float64 from the host, float32 from a device.
 *
 * @param la - the engine of the array.
 * @param file - the path; the file is there whole or not at all.
 * @throws BackendError if the file system refuses.
 * @see NEP 1, "A simple file format for NumPy arrays".
 */
export async function writeNpy<M>(la: LinearAlgebra<M>, file: string, array: M): Promise<void> {
  checkAlgebra('writeNpy', la);
  const shape = la.shape(array);
  const values = await la.toArray(array);
  const single = la.epsilon > Number.EPSILON;
  const bytesPerValue = single ? 4 : 8;
  await writeAtomic(file, async ({ write }) => {
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

function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  // Python writes a tuple of one with a comma.
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const fixed = magic.length + 4;
  const padding = (alignment - ((fixed + text.length + 1) % alignment)) % alignment;
  const body = `${text}${' '.repeat(padding)}\n`;
  const header = Buffer.alloc(fixed + body.length);
  header.write(magic, 'latin1');
  header.set([1, 0], magic.length);
  header.writeUInt16LE(body.length, magic.length + 2);
  header.write(body, fixed, 'latin1');
  return header;
}

/** How each supported type of value is read. */
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
 * @param file - the path.
 * @throws FormatError if it is no such file or is cut short; NotImplementedError for other types of value; BackendError if the file cannot be read.
 */
export async function readNpy<M>(la: LinearAlgebra<M>, file: string): Promise<M> {
  checkAlgebra('readNpy', la);
  const data = await readFile(file).catch((cause: Error) => {
    throw new BackendError(`readNpy: cannot read ${file} (${cause.message}); check the path`, { cause });
  });
  const { descr, fortranOrder, shape, offset } = parseHeader(file, data);
  const reader = readers[descr];
  if (reader === undefined) {
    throw new NotImplementedError(
      `${file}: values of type '${descr}' are not implemented; save float64, float32, int64, int32 or uint8, little-endian`,
    );
  }
  const count = shape.reduce((product, size) => product * size, 1);
  if (data.length - offset !== count * reader.bytes) {
    throw new FormatError(
      `${file}: expected ${count * reader.bytes} bytes for [${shape}] of '${descr}', got ${data.length - offset}; the file is cut short, or holds more`,
    );
  }
  const view = new DataView(data.buffer, data.byteOffset + offset, data.length - offset);
  const values = Float64Array.from({ length: count }, (_, i) => reader.at(view, i * reader.bytes));
  if (!fortranOrder || shape.length < 2) return la.fromArray(values, shape);
  if (shape.length > 2)
    throw new NotImplementedError(`${file}: column-major arrays of more than two axes are not implemented; save a row-major copy`);
  return la.transpose(la.fromArray(values, [shape[1], shape[0]]));
}

function parseHeader(file: string, data: Buffer): { descr: string; fortranOrder: boolean; shape: number[]; offset: number } {
  const fixed = magic.length + 2;
  const broken = new FormatError(
    `${file}: expected NumPy's header, got ${JSON.stringify(data.toString('latin1', 0, 20))}; is it a .npy file?`,
  );
  if (data.toString('latin1', 0, magic.length) !== magic || data.length < fixed + 4) throw broken;
  const major = data[magic.length];
  const start = fixed + (major === 1 ? 2 : 4);
  const offset = start + (major === 1 ? data.readUInt16LE(fixed) : data.readUInt32LE(fixed));
  const text = data.toString('latin1', start, offset);
  const descr = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(text)?.[1];
  if (descr === undefined || order === undefined || shape === undefined || offset > data.length) throw broken;
  return {
    descr,
    fortranOrder: order === 'True',
    shape: shape
      .split(',')
      .filter((part) => part.trim() !== '')
      .map(Number),
    offset,
  };
}
