/** Rows of a matrix that is kept beside the wasm heap, widened to float32 on it. */
import { BackendError } from '../../../core/errors.js';
import { fillScales, type QuantizedMatrix } from '../quantized/quantized-matrix.js';
import { type HeapKernels, startedKernels } from './heap-kernels.js';
import { floatsAt, type WasmBackend } from './wasm-heap.js';

/** A frozen matrix outside the heap, in the number format of its file, by rows without gaps. */
export interface PlainMatrix {
  /** Rows and columns. */
  readonly shape: readonly [number, number];
  readonly dtype: 'F32' | 'F16' | 'BF16';
  /** Its numbers; aligned to four bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A frozen matrix outside the heap. */
export type StoredMatrix = PlainMatrix | QuantizedMatrix;

/** Values of a byte's halves: 256 pairs. */
const PAIRS = 512;

/**
 * Returns how much scratch memory {@link widenRows} needs on the heap.
 *
 * @param count - the largest number of rows at a time.
 * @returns number of float32 numbers.
 */
export function wideningScratch(matrix: StoredMatrix, count: number): number {
  const length = count * matrix.shape[1];
  // A row may begin in the middle of a block, and of a byte.
  if ('block' in matrix) return PAIRS + Math.ceil(length / matrix.block) + 1 + Math.ceil(length / 4) + 1;
  return matrix.dtype === 'F32' ? 0 : Math.ceil(length / 2);
}

/**
 * Writes rows to the heap as float32.
 *
 * @param to - offset of room for them.
 * @param scratch - offset of memory of the size that {@link wideningScratch} says.
 */
export function widenRows(backend: WasmBackend, matrix: StoredMatrix, first: number, count: number, to: number, scratch: number): void {
  const [, columns] = matrix.shape;
  const [begin, length] = [first * columns, count * columns];
  if ('block' in matrix) {
    widenQuantized(backend, matrix, { begin, length }, to, scratch);
    return;
  }
  const { dtype, bytes } = matrix;
  const size = dtype === 'F32' ? 4 : 2;
  backend.wasm.HEAPU8.set(bytes.subarray(size * begin, size * (begin + length)), dtype === 'F32' ? to : scratch);
  if (dtype === 'BF16') requiredKernels().widenBrains(scratch, to, length);
  if (dtype === 'F16') requiredKernels().widenHalves(scratch, to, length);
}

/** The same of a quantized matrix: entries from `begin` on. */
function widenQuantized(
  backend: WasmBackend,
  matrix: QuantizedMatrix,
  { begin, length }: { readonly begin: number; readonly length: number },
  to: number,
  scratch: number,
): void {
  const { dtype, bytes, block, table } = matrix;
  const firstBlock = Math.floor(begin / block);
  const blocks = Math.ceil((begin + length) / block) - firstBlock;
  const scales = scratch + 4 * PAIRS;
  const codes = scales + 4 * blocks;
  fillScales(matrix.scales, firstBlock, floatsAt(backend, scales, blocks));
  const kernels = requiredKernels();
  const heap = backend.wasm.HEAPU8;
  if (dtype === 'I8') {
    heap.set(bytes.subarray(begin, begin + length), codes);
    kernels.widenBytes(codes, to, length, scales, begin % block, block);
    return;
  }
  heap.set(bytes.subarray(begin >> 1, (begin + length + 1) >> 1), codes);
  fillPairs(table as Float32Array, floatsAt(backend, scratch, PAIRS));
  kernels.widenNibbles(codes, begin & 1, scratch, to, length, scales, begin % block, block);
}

/** Writes the values of both halves of each byte. */
function fillPairs(table: Float32Array, pairs: Float32Array): void {
  for (let byte = 0; byte < 256; byte++) {
    pairs[2 * byte] = table[byte >> 4];
    pairs[2 * byte + 1] = table[byte & 15];
  }
}

/** Returns our kernels. @throws BackendError if there are none. */
export function requiredKernels(): HeapKernels {
  const kernels = startedKernels();
  if (kernels === undefined)
    throw new BackendError('storedMatrix: expected the kernels of this library in WebAssembly, got none; load the weights as f32');
  return kernels;
}
