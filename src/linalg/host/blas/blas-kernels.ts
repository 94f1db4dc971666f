/** Kernels over BLAS and LAPACK for large matrices; small ones are left to another set. */

import type { NativeFunction } from '../../../core/native-library.js';
import { optionalFunction } from '../../../core/native-library.js';
import type { HostKernels } from '../kernels.js';
import { blasGemm, DGEMM_PARAMETERS } from './blas-gemm.js';
import type { BlasLibrary } from './blas-library.js';
import { loadBlasLibrary } from './blas-library.js';
import { CBLAS } from './cblas.js';
import { choleskyQr } from './cholesky-qr.js';
import type { Lapack } from './lapack.js';
import { bindLapack } from './lapack.js';
import { lapackQr } from './lapack-qr.js';
import { lapackSvd } from './lapack-svd.js';

/**
 * Sizes from which on the call pays, measured against the TypeScript kernels: multiplications of a product, m·n·p of a
 * QR or SVD, the order of a symmetric matrix, n²·k of a triangular solve.
 */
export interface NativeThresholds {
  readonly gemm: number;
  readonly qr: number;
  readonly svd: number;
  readonly eigh: number;
  readonly cholesky: number;
  readonly solveTriangular: number;
}

/** The measured sizes. */
const defaultThresholds: NativeThresholds = { gemm: 400, qr: 800, svd: 400, eigh: 10, cholesky: 12, solveTriangular: 400 };

/** A QR of at least this m·n² with at least {@link TALL} times as many rows as columns is tried by products alone. */
const CHOLESKY_QR_PRODUCTS = 30_000;
const TALL = 4;

/**
 * Factorizations with fewer multiplications than this run on one thread: waking the others took longer than they saved.
 */
const THREADED_FLOPS = 2 ** 28;
/** The same for products: 2048×64·64×64, half of this, took 0.34 ms on two threads and 0.36 on one. */
const THREADED_GEMM = 2 ** 24;
/** OpenBLAS itself keeps products below this on one thread. */
const SMALLEST_SPLIT = 2 ** 17;

const DSYRK_PARAMETERS = [...Array<string>(5).fill('int'), 'double', 'void *', 'int', 'double', 'void *', 'int'];
const TRIANGULAR_PARAMETERS = [...Array<string>(7).fill('int'), 'double', 'void *', 'int', 'void *', 'int'];

/**
 * Returns the kernels over the machine's BLAS library.
 *
 * @param fallback - computes what is too small for a native call to pay, and what LAPACK cannot.
 * @returns the kernels, or `undefined` if there is no library: `blasStatus()` then says why.
 */
export function loadBlasKernels(fallback: HostKernels): HostKernels | undefined {
  const library = loadBlasLibrary();
  return library && blasKernels(library, bindLapack(library), fallback, defaultThresholds);
}

/**
 * Returns the kernels over a given library.
 *
 * @throws koffi's error if the library lacks a routine.
 */
export function blasKernels(library: BlasLibrary, lapack: Lapack, fallback: HostKernels, thresholds: NativeThresholds): HostKernels {
  const dgemm = library.native.func('cblas_dgemm', 'void', DGEMM_PARAMETERS);
  const dsyrk = library.native.func('cblas_dsyrk', 'void', DSYRK_PARAMETERS);
  const dtrmm = library.native.func('cblas_dtrmm', 'void', TRIANGULAR_PARAMETERS);
  const dtrsm = library.native.func('cblas_dtrsm', 'void', TRIANGULAR_PARAMETERS);
  const onSuitableThreads = threadLimiter(library);
  return {
    name: 'blas',
    gemm(m, n, k, a, b, c, offset) {
      const products = m * n * k;
      if (products < thresholds.gemm) fallback.gemm(m, n, k, a, b, c, offset);
      else if (products < SMALLEST_SPLIT || products >= THREADED_GEMM) blasGemm(dgemm, m, n, k, a, b, c, offset);
      else onSuitableThreads(products, () => blasGemm(dgemm, m, n, k, a, b, c, offset));
    },
    qr(m, n, a, q, r) {
      const products = m * n * Math.min(m, n);
      if (products < thresholds.qr) fallback.qr(m, n, a, q, r);
      else {
        onSuitableThreads(products, () => {
          const tall = m >= TALL * n && products >= CHOLESKY_QR_PRODUCTS;
          if (!tall || !choleskyQr({ dgemm, dsyrk, dtrmm }, lapack, m, n, a, q, r)) lapackQr(lapack, m, n, a, q, r);
        });
      }
    },
    svd(m, n, a, u, s, v) {
      const products = m * n * Math.min(m, n);
      if (products < thresholds.svd) fallback.svd(m, n, a, u, s, v);
      else onSuitableThreads(products, () => lapackSvd(lapack, fallback, m, n, a, u, s, v));
    },
    eigh(n, a, values, vectors) {
      if (n < thresholds.eigh) fallback.eigh(n, a, values, vectors);
      else onSuitableThreads(n ** 3, () => lapackEigh(lapack, fallback, n, a, values, vectors));
    },
    cholesky(n, a, l) {
      if (n < thresholds.cholesky) return fallback.cholesky(n, a, l);
      return onSuitableThreads(n ** 3 / 3, () => lapackCholesky(lapack, n, a, l));
    },
    solveTriangular(n, k, triangle, b, lower, transpose, right) {
      if (n * n * k < thresholds.solveTriangular) fallback.solveTriangular(n, k, triangle, b, lower, transpose, right);
      else onSuitableThreads(n * n * k, () => blasSolveTriangular(dtrsm, n, k, triangle, b, lower, transpose, right));
    },
  };
}

/** Runs a computation too small for more on one thread, and restores the library's own number afterwards. */
function threadLimiter({ native, threads = 1 }: BlasLibrary): <Result>(flops: number, compute: () => Result) => Result {
  const setThreads = optionalFunction(native, 'openblas_set_num_threads', 'void', ['int']);
  if (setThreads === undefined || threads === 1) return (_flops, compute) => compute();
  return (flops, compute) => {
    if (flops >= THREADED_FLOPS) return compute();
    setThreads(1);
    try {
      return compute();
    } finally {
      setThreads(threads);
    }
  };
}

/**
 * The lower triangle by rows is the upper one by columns, and LAPACK's eigenvectors, by columns, are the transpose of
 * ours.
 */
function lapackEigh(lapack: Lapack, fallback: HostKernels, n: number, a: Float64Array, values: Float64Array, vectors: Float64Array): void {
  vectors.set(a);
  if (!lapack.syevd(n, vectors, values)) {
    fallback.eigh(n, a, values, vectors);
    return;
  }
  for (let i = 1; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const below = vectors[i * n + j];
      vectors[i * n + j] = vectors[j * n + i];
      vectors[j * n + i] = below;
    }
  }
}

/** A = RᵀR by columns is A = L Lᵀ by rows, with the numbers of R and L in the same places. */
function lapackCholesky(lapack: Lapack, n: number, a: Float64Array, l: Float64Array): number {
  l.set(a);
  for (let i = 0; i < n; i++) l.fill(0, i * n + i + 1, (i + 1) * n);
  return lapack.potrf(n, l);
}

function blasSolveTriangular(
  dtrsm: NativeFunction,
  n: number,
  k: number,
  triangle: Float64Array,
  b: Float64Array,
  lower: boolean,
  transpose: boolean,
  right: boolean,
): void {
  const side = right ? CBLAS.right : CBLAS.left;
  const half = lower ? CBLAS.lower : CBLAS.upper;
  const operation = transpose ? CBLAS.transpose : CBLAS.noTranspose;
  const [rows, columns] = right ? [k, n] : [n, k];
  dtrsm(CBLAS.rowMajor, side, half, operation, CBLAS.nonUnit, rows, columns, 1, triangle, n, b, columns);
}
