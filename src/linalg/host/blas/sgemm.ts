/** The float32 matrix product of the BLAS library, for engines that keep their matrices elsewhere than on the host. */

import { optionalFunction } from '../../../core/native-library.js';
import type { BlasLibrary } from './blas-library.js';
import { loadBlasLibrary } from './blas-library.js';
import { CBLAS } from './cblas.js';

/**
 * C (m×n) = α op(A) op(B) + β C, rows of each matrix `row…` numbers apart. Arrays begin at the first entry, and may be
 * longer than the matrix.
 */
export interface StridedProduct {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly alpha: number;
  readonly a: Float32Array;
  readonly rowA: number;
  readonly b: Float32Array;
  readonly rowB: number;
  /** Factor of C's old contents, which are not read if it is 0. */
  readonly beta: number;
  readonly c: Float32Array;
  readonly rowC: number;
}

/** C = op(A) op(B) in float32 over BLAS. */
export interface Sgemm {
  /**
   * C (m×n) = op(A) op(B), all by rows and without gaps. C's old contents are not read.
   *
   * @param a - m×k, or k×m if `transposeA`.
   * @param b - k×n, or n×k if `transposeB`.
   */
  multiply(
    transposeA: boolean,
    transposeB: boolean,
    m: number,
    n: number,
    k: number,
    a: Float32Array,
    b: Float32Array,
    c: Float32Array,
  ): void;
  /**
   * C (n×n) = AᵀA, or A Aᵀ: half the multiplications of a product.
   *
   * @param transposed - `true`: A is k×n and C = AᵀA; `false`: A is n×k and C = A Aᵀ.
   */
  gram(transposed: boolean, n: number, k: number, a: Float32Array, c: Float32Array): void;
  /** C = α op(A) op(B) + β C of matrices whose rows lie apart; see {@link StridedProduct}. */
  multiplyStrided(product: StridedProduct): void;
  /** Runs products of m×k by k×n on as many threads as pay, and restores the library's own number after them. */
  onSuitableThreads(m: number, n: number, k: number, compute: () => void): void;
}

const SSYRK_PARAMETERS = [...Array<string>(5).fill('int'), ...['float', 'void *', 'int', 'float', 'void *', 'int']];
const SGEMM_PARAMETERS = [...Array<string>(6).fill('int'), ...['float', 'void *', 'int', 'void *', 'int', 'float', 'void *', 'int']];

/**
 * Products with fewer multiplications run on one thread. At 2048×64·64×64, half of this, two threads took as long as
 * one, and longer if they had to wait for a thread of a busy machine.
 */
const THREADED_PRODUCTS = 2 ** 24;
/**
 * With a side this short a product is bound by memory, where one thread gave 76 GFLOP/s and two, sharing a busy
 * machine, 45.
 */
const THIN = 32;
/** Above this many multiplications even a thin product repays waking the threads. */
const THREADED_THIN_PRODUCTS = 2 ** 28;

let remembered: Sgemm | undefined;

/**
 * Returns the product of the machine's BLAS library, which is loaded if it has not been.
 *
 * @returns `undefined` if there is no library (`blasStatus()` then says why) or it lacks `cblas_sgemm` or
 * `cblas_ssyrk`.
 */
export function loadSgemm(): Sgemm | undefined {
  const library = loadBlasLibrary();
  remembered ??= library && bindSgemm(library);
  return remembered;
}

/** Binds the product; `undefined` if the library has none. */
function bindSgemm({ native, threads = 1 }: BlasLibrary): Sgemm | undefined {
  const sgemm = optionalFunction(native, 'cblas_sgemm', 'void', SGEMM_PARAMETERS);
  const ssyrk = optionalFunction(native, 'cblas_ssyrk', 'void', SSYRK_PARAMETERS);
  if (sgemm === undefined || ssyrk === undefined) return undefined;
  const setThreads = threads > 1 ? optionalFunction(native, 'openblas_set_num_threads', 'void', ['int']) : undefined;
  return {
    multiply(transposeA, transposeB, m, n, k, a, b, c) {
      const operationA = transposeA ? CBLAS.transpose : CBLAS.noTranspose;
      const operationB = transposeB ? CBLAS.transpose : CBLAS.noTranspose;
      sgemm(CBLAS.rowMajor, operationA, operationB, m, n, k, 1, a, transposeA ? m : k, b, transposeB ? k : n, 0, c, n);
    },
    gram(transposed, n, k, a, c) {
      const operation = transposed ? CBLAS.transpose : CBLAS.noTranspose;
      ssyrk(CBLAS.rowMajor, CBLAS.lower, operation, n, k, 1, a, transposed ? n : k, 0, c, n);
      for (let i = 1; i < n; i++) for (let j = 0; j < i; j++) c[j * n + i] = c[i * n + j];
    },
    multiplyStrided({ transposeA, transposeB, m, n, k, alpha, a, rowA, b, rowB, beta, c, rowC }) {
      const operationA = transposeA ? CBLAS.transpose : CBLAS.noTranspose;
      const operationB = transposeB ? CBLAS.transpose : CBLAS.noTranspose;
      sgemm(CBLAS.rowMajor, operationA, operationB, m, n, k, alpha, a, rowA, b, rowB, beta, c, rowC);
    },
    onSuitableThreads(m, n, k, compute) {
      const products = m * n * k;
      const enough = Math.min(m, n, k) < THIN ? THREADED_THIN_PRODUCTS : THREADED_PRODUCTS;
      if (setThreads === undefined || products >= enough) {
        compute();
        return;
      }
      setThreads(1);
      try {
        compute();
      } finally {
        setThreads(threads);
      }
    },
  };
}
