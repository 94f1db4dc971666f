import { createWorkspace } from '../kernels/workspace.js';
import type { HostKernels } from '../kernels.js';
import type { Lapack } from './lapack.js';
import { qrBlock } from './lapack-qr.js';

const inputSpace = createWorkspace();
const leftSpace = createWorkspace();
const coreSpace = createWorkspace();
const coreLeftSpace = createWorkspace();
const triangleSpace = createWorkspace();

/** From this ratio of the sides on, a QR first and the SVD of its triangle take less than one SVD. */
const TALL = 1.5;
/** The same from this m·n·p on, below which the calls themselves take most of the time. */
const TALL_PRODUCTS = 10_000;

/**
 * Computes a thin SVD over LAPACK, A = U diag(S) Vᵀ, by divide and conquer (`dgesdd`); if that does not converge, by QR
 * iteration (`dgesvd`), and then by the fallback.
 *
 * Row-major data read by columns is the transpose, and Aᵀ = V diag(S) Uᵀ: so one of the factors is always by rows
 * already.
 *
 * @param a - m×n, row-major; not modified.
 * @param u - m×p, p = min(m, n), overwritten.
 * @param s - p values, descending, overwritten.
 * @param v - n×p, overwritten. 6·m·n·p + 20·p³ flops, roughly.
 * @throws NumericalError if LAPACK rejects an argument, or nothing converges.
 * @see Gu and Eisenstat, "A divide-and-conquer algorithm for the bidiagonal SVD", SIAM J. Matrix Anal. Appl.
 * 16(1), 1995.
 */
export function lapackSvd(
  lapack: Lapack,
  fallback: HostKernels,
  m: number,
  n: number,
  a: Float64Array,
  u: Float64Array,
  s: Float64Array,
  v: Float64Array,
): void {
  const [long, short] = m > n ? [m, n] : [n, m];
  const tall = lapack.compact && long >= TALL * short && long * short ** 2 >= TALL_PRODUCTS;
  const converged = tall
    ? m > n
      ? tallSvd(lapack, m, n, a, false, u, s, v)
      : tallSvd(lapack, n, m, a, true, v, s, u)
    : directSvd(lapack, m, n, a, u, s, v);
  if (!converged) fallback.svd(m, n, a, u, s, v);
}

/** Computes the SVD of x, by columns; `restore` writes x again before a second attempt. */
function solve(
  lapack: Lapack,
  m: number,
  n: number,
  x: Float64Array,
  restore: () => void,
  s: Float64Array,
  u: Float64Array,
  vt: Float64Array,
): boolean {
  restore();
  if (lapack.gesdd(m, n, x, s, u, vt)) return true;
  restore();
  return lapack.gesvd(m, n, x, s, u, vt);
}

function directSvd(lapack: Lapack, m: number, n: number, a: Float64Array, u: Float64Array, s: Float64Array, v: Float64Array): boolean {
  const p = Math.min(m, n);
  const x = inputSpace(m * n);
  const left = leftSpace(n * p);
  // The transpose of LAPACK's p×m factor, by columns, is u by rows: the same numbers in the same order.
  if (!solve(lapack, n, m, x, () => x.set(a), s, left, u)) return false;
  lapack.transpose(p, n, left, v);
  return true;
}

/**
 * Computes the SVD of a tall matrix X (rows×columns): Q R, then the SVD of R. The reflectors are applied to its left
 * factor, so Q is never formed.
 *
 * @param byColumns - true if `a` holds X by columns.
 * @param left - receives rows×columns, by rows.
 * @param right - receives columns×columns, by rows.
 */
function tallSvd(
  lapack: Lapack,
  rows: number,
  columns: number,
  a: Float64Array,
  byColumns: boolean,
  left: Float64Array,
  s: Float64Array,
  right: Float64Array,
): boolean {
  const x = inputSpace(rows * columns);
  if (byColumns) x.set(a);
  else lapack.transpose(rows, columns, a, x);
  const block = qrBlock(columns);
  const triangles = triangleSpace(block * columns);
  lapack.geqrt(rows, columns, block, x, triangles);
  const core = coreSpace(columns * columns);
  const coreLeft = coreLeftSpace(columns * columns);
  const restore = (): void => {
    for (let j = 0; j < columns; j++) {
      for (let i = 0; i < columns; i++) core[j * columns + i] = i <= j ? x[j * rows + i] : 0;
    }
  };
  if (!solve(lapack, columns, columns, core, restore, s, coreLeft, right)) return false;
  const carried = leftSpace(rows * columns);
  carried.fill(0, 0, rows * columns);
  for (let j = 0; j < columns; j++) carried.set(coreLeft.subarray(j * columns, (j + 1) * columns), j * rows);
  lapack.gemqrt(rows, columns, columns, block, x, triangles, carried);
  lapack.transpose(columns, rows, carried, left);
  return true;
}
