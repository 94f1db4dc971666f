/**
 * The host engine's contract with a set of kernels, for one matrix at a time (the engine loops over the batch). Two
 * sets implement it: the pure TypeScript ones (`typescript-kernels.ts`), always available, and those over BLAS and
 * LAPACK (`blas/`), which take over above a size where the call pays. All buffers are float64, row-major and contiguous
 * unless strides are given.
 */

/** A strided view of a matrix inside a buffer: entry (i, j) is `data[offset + i·rowStride + j·columnStride]`. */
export interface MatrixView {
  readonly data: Float64Array;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/**
 * Kernels on one matrix. Inputs are finite (the engine has checked) and are not modified; outputs are fully
 * overwritten.
 */
export interface HostKernels {
  readonly name: string;
  /** C (m×n, contiguous from `offset`) = A (m×k) B (k×n). 2·m·n·k flops. */
  gemm(m: number, n: number, k: number, a: MatrixView, b: MatrixView, c: Float64Array, offset: number): void;
  /** Thin QR of a (m×n): q is m×p, r is p×n upper triangular, p = min(m, n), diagonal of r ≥ 0. */
  qr(m: number, n: number, a: Float64Array, q: Float64Array, r: Float64Array): void;
  /**
   * Thin SVD of a (m×n): u is m×p, s has p values descending, v is n×p.
   *
   * @throws NumericalError if it does not converge.
   */
  svd(m: number, n: number, a: Float64Array, u: Float64Array, s: Float64Array, v: Float64Array): void;
  /** Eigendecomposition of the symmetric a (n×n, lower triangle read): values ascending, vectors by column. */
  eigh(n: number, a: Float64Array, values: Float64Array, vectors: Float64Array): void;
  /**
   * Lower Cholesky factor of a (n×n, lower triangle read).
   * @returns 0, or the 1-based order of the leading minor that is not positive.
   */
  cholesky(n: number, a: Float64Array, l: Float64Array): number;
  /**
   * Solves with a triangle (n×n, its other half ignored): x overwrites b. Left: b is n×k; right: b is k×n. The engine
   * has checked that the diagonal has no zero.
   */
  solveTriangular(n: number, k: number, triangle: Float64Array, b: Float64Array, lower: boolean, transpose: boolean, right: boolean): void;
}
