import type { MatrixView } from '../kernels.js';
import { multiplyPacked } from './gemm-packed.js';

/** Below this many multiplications packing costs more than strided reads. */
const DIRECT_PRODUCTS = 24 ** 3;
/** With fewer rows or columns than this in C, a packed entry would be used too few times to pay. */
const DIRECT_SIDE = 4;

/**
 * Computes C = A B. Small and thin products, for which packing would cost more than it saves, are read in place.
 *
 * @param m - rows of A and C.
 * @param n - columns of B and C.
 * @param k - columns of A, rows of B; C is zero where k = 0.
 * @param a - m×k, any strides.
 * @param b - k×n, any strides.
 * @param c - receives C, m×n row-major and contiguous from `offset`; fully overwritten. Must not overlap A or B.
 * 2·m·n·k flops.
 * @param offset - index of C's first entry in `c`.
 */
export function gemm(m: number, n: number, k: number, a: MatrixView, b: MatrixView, c: Float64Array, offset: number): void {
  if (m < DIRECT_SIDE || n < DIRECT_SIDE || m * n * k <= DIRECT_PRODUCTS) {
    multiplyDirectly(m, n, k, a, b, c, offset);
  } else {
    multiplyPacked(m, n, k, a, b, c, offset);
  }
}

function multiplyDirectly(m: number, n: number, k: number, a: MatrixView, b: MatrixView, c: Float64Array, offset: number): void {
  const evenRows = m - (m % 2);
  const evenColumns = n - (n % 2);
  for (let i = 0; i < evenRows; i += 2) {
    for (let j = 0; j < evenColumns; j += 2) multiplyTwoByTwo(k, a, i, b, j, c, offset + i * n + j, n);
    if (evenColumns < n) {
      c[offset + i * n + evenColumns] = dot(k, a, i, b, evenColumns);
      c[offset + (i + 1) * n + evenColumns] = dot(k, a, i + 1, b, evenColumns);
    }
  }
  if (evenRows < m) {
    for (let j = 0; j < n; j++) c[offset + evenRows * n + j] = dot(k, a, evenRows, b, j);
  }
}

/** Row i of A times column j of B. */
function dot(k: number, a: MatrixView, i: number, b: MatrixView, j: number): number {
  const x = a.data;
  const y = b.data;
  const xStep = a.columnStride;
  const yStep = b.rowStride;
  let xi = a.offset + i * a.rowStride;
  let yi = b.offset + j * b.columnStride;
  let sum = 0;
  for (let p = 0; p < k; p++) {
    sum += x[xi] * y[yi];
    xi += xStep;
    yi += yStep;
  }
  return sum;
}

/** Rows i, i+1 of A times columns j, j+1 of B, stored at `at`. */
function multiplyTwoByTwo(k: number, a: MatrixView, i: number, b: MatrixView, j: number, c: Float64Array, at: number, n: number): void {
  const x = a.data;
  const y = b.data;
  const xStep = a.columnStride;
  const yStep = b.rowStride;
  const xNext = a.rowStride;
  const yNext = b.columnStride;
  let xi = a.offset + i * xNext;
  let yi = b.offset + j * yNext;
  let c00 = 0;
  let c01 = 0;
  let c10 = 0;
  let c11 = 0;
  for (let p = 0; p < k; p++) {
    const x0 = x[xi];
    const x1 = x[xi + xNext];
    const y0 = y[yi];
    const y1 = y[yi + yNext];
    c00 += x0 * y0;
    c01 += x0 * y1;
    c10 += x1 * y0;
    c11 += x1 * y1;
    xi += xStep;
    yi += yStep;
  }
  c[at] = c00;
  c[at + 1] = c01;
  c[at + n] = c10;
  c[at + n + 1] = c11;
}
