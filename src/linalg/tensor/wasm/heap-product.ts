/** Products by BLAS that are added to a matrix on the wasm heap, or to some of its columns. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { BackendError } from '../../../core/errors.js';
import { currentBackend, offsetOf, tensorOf } from '../tensorflow-internals.js';
import { heapSgemm } from './install.js';
import { floatsAt, makeTensor, type WasmBackend } from './wasm-heap.js';

/** Columns `first` to `first + count` of a float32 matrix on the wasm heap. */
export interface Columns {
  readonly matrix: Tensor;
  readonly first: number;
  readonly count: number;
}

/** Returns all columns of a matrix. */
export function everyColumn(matrix: Tensor): Columns {
  return { matrix, first: 0, count: matrix.shape[1] as number };
}

/** Makes a float32 matrix of arbitrary contents, to multiply into. @throws BackendError if the heap is full. */
export function unfilledMatrix(shape: readonly number[]): Tensor {
  return tensorOf(makeTensor(currentBackend<WasmBackend>(), shape, 'float32'));
}

/** Options of {@link multiplyInto}. */
export interface ProductInto {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
  /** True if the product is added to what is there. */
  readonly adds?: boolean;
}

/**
 * Writes α op(A) op(B) to columns of a matrix, in place: for matrices that nobody else has seen yet.
 *
 * @throws BackendError where there is no BLAS.
 */
export function multiplyInto(
  target: Columns,
  a: Columns,
  b: Columns,
  { transposeA = false, transposeB = false, alpha = 1, adds = false }: ProductInto,
): void {
  const sgemm = heapSgemm();
  if (sgemm === undefined) throw new BackendError('multiplyInto: expected BLAS, got none; compose the product');
  const backend = currentBackend<WasmBackend>();
  const place = ({ matrix, first }: Columns): Float32Array => {
    const [rows, width] = matrix.shape as [number, number];
    return floatsAt(backend, offsetOf(backend, matrix) + 4 * first, rows * width - first);
  };
  const m = target.matrix.shape[0];
  const n = target.count;
  const k = transposeA ? a.matrix.shape[0] : a.count;
  const width = ({ matrix }: Columns): number => matrix.shape[1] as number;
  sgemm.onSuitableThreads(m, n, k, () =>
    sgemm.multiplyStrided({
      ...{ transposeA, transposeB, m, n, k, alpha, a: place(a), rowA: width(a), b: place(b), rowB: width(b) },
      ...{ beta: adds ? 1 : 0, c: place(target), rowC: width(target) },
    }),
  );
}
