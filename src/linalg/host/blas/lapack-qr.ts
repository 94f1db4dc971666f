import { createWorkspace } from '../kernels/workspace.js';
import type { Lapack } from './lapack.js';

const inputSpace = createWorkspace();
const basisSpace = createWorkspace();
const triangleSpace = createWorkspace();

/** From this m·n·p on the compact QR takes less time: at 2048×8 the two are equal, at 64×64 it still loses a tenth. */
const COMPACT_PRODUCTS = 300_000;

/**
 * Returns the columns per block of the compact QR. Measured at 2048 rows: narrow matrices are quickest in one or two
 * blocks of 8, those of 64 and 128 columns in blocks of 32, wider ones in blocks of 64.
 */
export function qrBlock(columns: number): number {
  return Math.min(columns, columns < 32 ? 8 : columns <= 128 ? 32 : 64);
}

/**
 * Computes a thin Householder QR over LAPACK, A = Q R, with a nonnegative diagonal of R.
 *
 * `dgeqrt` keeps the triangular factors of its blocks, which `dgeqrf` throws away and `dorgqr` computes again: at
 * 2048×64 1.5 ms against 2.9 ms. `dgelqf` on the row-major data, which would need no transposition, took 5.4 ms, since
 * it walks along rows.
 *
 * @param a - m×n, row-major; not modified.
 * @param q - m×p, p = min(m, n), overwritten; orthonormal also where A is rank deficient.
 * @param r - p×n upper triangular, overwritten. 4·m·n·p flops in all, to leading order.
 * @throws NumericalError if LAPACK rejects an argument.
 * @see Elmroth and Gustavson, "Applying recursion to serial and parallel QR factorization", IBM J. Res. Dev. 44(4),
 * 2000 (dgeqrt).
 */
export function lapackQr(lapack: Lapack, m: number, n: number, a: Float64Array, q: Float64Array, r: Float64Array): void {
  const p = Math.min(m, n);
  const x = inputSpace(m * n);
  lapack.transpose(m, n, a, x);
  let basis = x;
  if (lapack.compact && m * n * p >= COMPACT_PRODUCTS) {
    const block = qrBlock(p);
    const triangles = triangleSpace(block * p);
    lapack.geqrt(m, n, block, x, triangles);
    basis = basisSpace(m * p);
    basis.fill(0, 0, m * p);
    for (let j = 0; j < p; j++) basis[j * m + j] = 1;
    lapack.gemqrt(m, p, p, block, x, triangles, basis);
    copyTriangle(m, n, x, r);
  } else {
    const tau = triangleSpace(p);
    lapack.geqrf(m, n, x, tau);
    copyTriangle(m, n, x, r);
    lapack.orgqr(m, p, x, tau);
  }
  makeDiagonalNonnegative(m, n, r, basis);
  lapack.transpose(p, m, basis, q);
}

/** Copies the upper triangle of x (m×n, by columns) to r (p×n, by rows), with zeros below. */
function copyTriangle(m: number, n: number, x: Float64Array, r: Float64Array): void {
  const p = Math.min(m, n);
  for (let i = 0; i < p; i++) {
    r.fill(0, i * n, i * n + i);
    for (let j = i; j < n; j++) r[i * n + j] = x[j * m + i];
  }
}

function makeDiagonalNonnegative(m: number, n: number, r: Float64Array, basis: Float64Array): void {
  const p = Math.min(m, n);
  for (let i = 0; i < p; i++) {
    if (r[i * n + i] >= 0) continue;
    for (let j = i; j < n; j++) r[i * n + j] = -r[i * n + j];
    for (let row = i * m; row < (i + 1) * m; row++) basis[row] = -basis[row];
  }
}
