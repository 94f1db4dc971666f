import type { NativeFunction } from '../../../core/native-library.js';
import { createWorkspace } from '../kernels/workspace.js';
import type { MatrixView } from '../kernels.js';
import { CBLAS } from './cblas.js';

const spaceA = createWorkspace();
const spaceB = createWorkspace();

/** `cblas_dgemm`'s parameters, in C. */
export const DGEMM_PARAMETERS = [
  ...Array<string>(6).fill('int'),
  ...['double', 'void *', 'int', 'void *', 'int', 'double', 'void *', 'int'],
];

/** Computes C = A B over BLAS, as {@link HostKernels.gemm}; a view with no stride of 1 is copied first. */
export function blasGemm(
  dgemm: NativeFunction,
  m: number,
  n: number,
  k: number,
  a: MatrixView,
  b: MatrixView,
  c: Float64Array,
  offset: number,
): void {
  const left = readable(m, k, a, spaceA);
  const right = readable(k, n, b, spaceB);
  const leftTransposed = !isByRows(m, k, left);
  const rightTransposed = !isByRows(k, n, right);
  dgemm(
    CBLAS.rowMajor,
    leftTransposed ? CBLAS.transpose : CBLAS.noTranspose,
    rightTransposed ? CBLAS.transpose : CBLAS.noTranspose,
    m,
    n,
    k,
    1,
    from(left.data, left.offset),
    leftTransposed ? leading(left.columnStride, m, k) : leading(left.rowStride, k, m),
    from(right.data, right.offset),
    rightTransposed ? leading(right.columnStride, k, n) : leading(right.rowStride, n, k),
    0,
    from(c, offset),
    n,
  );
}

/** Returns the buffer from `offset` on; a new typed array costs 0.1 µs, so none is made for the whole buffer. */
function from(buffer: Float64Array, offset: number): Float64Array {
  return offset === 0 ? buffer : buffer.subarray(offset);
}

/** Returns the distance between `count` lines of `length` entries. The stride of a single line may be anything. */
function leading(stride: number, length: number, count: number): number {
  return count === 1 ? length : stride;
}

function isByRows(rows: number, columns: number, { rowStride, columnStride }: MatrixView): boolean {
  return (columnStride === 1 || columns === 1) && (rowStride >= columns || rows === 1);
}

function isByColumns(rows: number, columns: number, { rowStride, columnStride }: MatrixView): boolean {
  return (rowStride === 1 || rows === 1) && (columnStride >= rows || columns === 1);
}

/** Returns the view, or a contiguous copy if BLAS cannot read it: both strides above 1, or negative, or zero. */
function readable(rows: number, columns: number, view: MatrixView, space: (length: number) => Float64Array): MatrixView {
  if (isByRows(rows, columns, view) || isByColumns(rows, columns, view)) return view;
  const copy = space(rows * columns);
  const { data, offset, rowStride, columnStride } = view;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) copy[i * columns + j] = data[offset + i * rowStride + j * columnStride];
  }
  return { data: copy, offset: 0, rowStride: columns, columnStride: 1 };
}
