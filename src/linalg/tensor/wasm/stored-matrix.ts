/**
 * Products with a matrix that stays beside the wasm heap, in the number format of its file or quantized: a panel of
 * rows at a time is widened on the heap, and multiplied there. Float32 is multiplied where it lies, if BLAS is there.
 */
import type { Tensor } from '@tensorflow/tfjs-core';
import { currentBackend, offsetOf, tensorOf } from '../tensorflow-internals.js';
import { heapSgemm } from './install.js';
import { requiredKernels, type StoredMatrix, wideningScratch, widenRows } from './stored-rows.js';
import { floatsAt, makeTensor, type WasmBackend, withScratch } from './wasm-heap.js';

/** Numbers that are widened at a time: few enough to stay in the processor's cache until they are multiplied. */
const PANEL = 2 ** 19;

/** A panel of rows on the heap, or where it lies. */
interface Panel {
  /** First row, and number of rows. */
  readonly first: number;
  readonly rows: number;
  /** Its numbers; valid until the next panel. */
  readonly values: Float32Array;
  /** Heap offset of the numbers; `undefined` if they lie elsewhere. */
  readonly at: number | undefined;
}

/**
 * Computes x Wᵀ, or x W if `transposed`.
 *
 * @param x - [k, columns of W], or [k, rows of W] if transposed; float32 on the wasm backend, which is the current one.
 * @param target - the product is added to this, in place, if it is given.
 * @returns the target, or a new tensor.
 * @throws BackendError if the heap is full.
 */
export function multiplyStored(x: Tensor, matrix: StoredMatrix, transposed: boolean, target?: Tensor): Tensor {
  const backend = currentBackend<WasmBackend>();
  const [rows, columns] = matrix.shape;
  const [inner, outer] = transposed ? [rows, columns] : [columns, rows];
  const count = x.size / inner;
  const result = target ?? tensorOf(makeTensor(backend, [count, outer], 'float32'));
  const adds = target !== undefined;
  try {
    forEachPanel(backend, matrix, (panel, scratch) => {
      const [from, to] = [offsetOf(backend, x), offsetOf(backend, result)];
      const place = 4 * panel.first;
      if (transposed)
        product(
          backend,
          { m: count, n: columns, k: panel.rows },
          from + place,
          rows,
          panel,
          false,
          to,
          columns,
          adds || panel.first > 0,
          scratch,
        );
      else product(backend, { m: count, n: panel.rows, k: columns }, from, columns, panel, true, to + place, rows, adds, scratch);
    });
    return result;
  } catch (error) {
    if (!adds) result.dispose();
    throw error;
  }
}

/** Multiplies rows of numbers by a panel, or by its transpose, and writes or adds the product. */
function product(
  backend: WasmBackend,
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
  a: number,
  rowA: number,
  panel: Panel,
  transposeB: boolean,
  c: number,
  rowC: number,
  adds: boolean,
  scratch: number,
): void {
  const rowB = transposeB ? k : n;
  const sgemm = heapSgemm();
  if (sgemm !== undefined) {
    const [ofA, ofC] = [floatsAt(backend, a, 1), floatsAt(backend, c, 1)];
    sgemm.multiplyStrided({
      ...{ transposeA: false, transposeB, m, n, k, alpha: 1, a: ofA, rowA, b: panel.values, rowB, beta: adds ? 1 : 0, c: ofC, rowC },
    });
    return;
  }
  const kernels = requiredKernels();
  const at = panel.at as number;
  // Our own product takes no transposed right operand: the panel is turned over first.
  if (transposeB) kernels.transpose(n, k, at, k, scratch, n);
  kernels.multiply(m, n, k, 1, a, rowA, 1, transposeB ? scratch : at, n, adds ? 1 : 0, c, rowC);
}

/**
 * Calls a function with each panel.
 *
 * @param use - receives also the offset of scratch memory of a panel's size, where there is no BLAS.
 */
function forEachPanel(backend: WasmBackend, matrix: StoredMatrix, use: (panel: Panel, scratch: number) => void): void {
  const [rows, columns] = matrix.shape;
  const height = panelHeight(matrix);
  const hasBlas = heapSgemm() !== undefined;
  if (matrix.dtype === 'F32' && hasBlas) {
    const { buffer, byteOffset } = matrix.bytes;
    use({ first: 0, rows, values: new Float32Array(buffer, byteOffset, rows * columns), at: undefined }, 0);
    return;
  }
  withScratch(backend, [height * columns, wideningScratch(matrix, height), hasBlas ? 0 : height * columns], ([wide, narrow, scratch]) => {
    for (let first = 0; first < rows; first += height) {
      const count = Math.min(height, rows - first);
      widenRows(backend, matrix, first, count, wide, narrow);
      use({ first, rows: count, values: floatsAt(backend, wide, count * columns), at: wide }, scratch);
    }
  });
}

/** Returns rows of a matrix as float32: [count, columns], a new tensor. */
export function storedRows(matrix: StoredMatrix, indices: ArrayLike<number>): Tensor {
  const backend = currentBackend<WasmBackend>();
  const [, columns] = matrix.shape;
  const result = tensorOf(makeTensor(backend, [indices.length, columns], 'float32'));
  withScratch(backend, [wideningScratch(matrix, 1)], ([narrow]) => {
    for (let i = 0; i < indices.length; i++) widenRows(backend, matrix, indices[i], 1, offsetOf(backend, result) + 4 * i * columns, narrow);
  });
  return result;
}

/** Returns all of a matrix as float32, a new tensor. */
export function widenedMatrix(matrix: StoredMatrix): Tensor {
  const backend = currentBackend<WasmBackend>();
  const [rows, columns] = matrix.shape;
  const height = panelHeight(matrix);
  const result = tensorOf(makeTensor(backend, [rows, columns], 'float32'));
  withScratch(backend, [wideningScratch(matrix, height)], ([narrow]) => {
    for (let first = 0; first < rows; first += height)
      widenRows(backend, matrix, first, Math.min(height, rows - first), offsetOf(backend, result) + 4 * first * columns, narrow);
  });
  return result;
}

/** Returns the number of rows that are widened at a time. */
function panelHeight({ shape: [rows, columns] }: StoredMatrix): number {
  return Math.min(rows, Math.max(1, Math.floor(PANEL / columns)));
}
