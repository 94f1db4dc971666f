/**
 * The contract between geometry and arithmetic: the only operations that a metric, retraction, manifold or
 * solver computes with. `M` is an engine's array: an `NdArray` of float64 on the host, a tensor on a device.
 *
 * Conventions, for every operation:
 * - A matrix is the last two axes; the axes before them are a batch, and batches must be equal (nothing is broadcast
 *   unless the operation says so). A *vector* is the last axis, batched by the axes before it. A *batch scalar* has the batch axes only.
 * - Arguments are never modified; results are new arrays. Shapes are checked: a mismatch is a `ShapeError`.
 * - Factorizations reject NaN and infinity with a `NumericalError` that names the operation (an engine that
 *   cannot read back synchronously reports it with the next number it reads).
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Random } from '../core/random.js';
import type { CsrMatrix } from './csr-matrix.js';

/** Which operands of {@link LinearAlgebra.matmul} are transposed. */
export interface MatmulOptions {
  /** Use aᵀ in place of a. */
  readonly transposeA?: boolean;
  /** Use bᵀ in place of b. */
  readonly transposeB?: boolean;
}

/** How accurate {@link LinearAlgebra.svd} is to be. */
export interface SvdOptions {
  /**
   * `'absolute'` (default): errors in σ below a small multiple of ε·σ₁. `'relative'`: each σᵢ to high relative accuracy where the
   * matrix determines it, as for a well-conditioned matrix times a diagonal (one-sided Jacobi; slower).
   */
  readonly accuracy?: 'absolute' | 'relative';
}

/** How {@link LinearAlgebra.solveTriangular} reads its triangle. */
export interface TriangularOptions {
  /** `true` (default): the lower triangle is read; `false`: the upper one. The other triangle is ignored. */
  readonly lower?: boolean;
  /** Solve with the transpose of the triangle. */
  readonly transpose?: boolean;
  /** `'left'` (default): T X = B; `'right'`: X T = B. */
  readonly side?: 'left' | 'right';
}

/** Half-open ranges of rows and columns; a range left out keeps all. */
export interface SliceRanges {
  /** `[first, end)` along the second-to-last axis. */
  readonly rows?: readonly [number, number];
  /** `[first, end)` along the last axis. */
  readonly columns?: readonly [number, number];
}

/** Thin QR factors: A = Q R. */
export interface QrFactors<M> {
  /** m×k with orthonormal columns, k = min(m, n). */
  readonly Q: M;
  /** k×n upper triangular with a nonnegative diagonal. */
  readonly R: M;
}

/** Thin singular value decomposition: A = U diag(S) Vᵀ. */
export interface SvdFactors<M> {
  /** m×k with orthonormal columns (also where A is rank deficient), k = min(m, n). */
  readonly U: M;
  /** k singular values, nonnegative, in descending order. */
  readonly S: M;
  /** n×k with orthonormal columns. Not transposed. */
  readonly V: M;
}

/** Symmetric eigendecomposition: A = W diag(λ) Wᵀ. */
export interface EighFactors<M> {
  /** n eigenvalues in ascending order. */
  readonly values: M;
  /** n×n orthogonal; column i belongs to eigenvalue i. */
  readonly vectors: M;
}

/** Polar factors: A = Q P. */
export interface PolarFactors<M> {
  /** m×n with orthonormal columns: the nearest such matrix to A in Frobenius norm. */
  readonly Q: M;
  /** n×n symmetric positive semidefinite: (AᵀA)^½. */
  readonly P: M;
}

/** What {@link LinearAlgebra.tidy} does, in the caller's hands: the owner of the arrays that its computations allocate. */
export interface ArrayScope {
  /** Runs a computation, which may be asynchronous; the scope owns what it allocates. What it allocated before throwing is freed at the next `free`. */
  run<Result>(compute: () => Result): Result;
  /** Frees what the scope owns except what is reachable from `survivors`, which it goes on owning. */
  free(survivors: unknown): void;
  /** Frees likewise, and hands the survivors to the surrounding scope, or to the caller where there is none. */
  close(survivors: unknown): void;
}

/** An engine: dense (and a little sparse) linear algebra over its own array type `M`. */
export interface LinearAlgebra<M> {
  /** Engine and backend, such as `'host'` or `'tensor:webgpu'`. */
  readonly name: string;
  /** Unit roundoff spacing of the engine's floating-point type: 2⁻⁵² (float64) or 2⁻²³ (float32). */
  readonly epsilon: number;

  // ---- construction and transfer ----
  /** Whether a value is an array of this engine. */
  isArray(value: unknown): value is M;
  /** The dimensions of an array, batch axes first. */
  shape(x: M): readonly number[];
  /** An array from values in row-major order (copied). @throws ShapeError if the count does not fit the shape. */
  fromArray(values: ArrayLike<number>, shape: readonly number[]): M;
  /** All values in row-major order (copied). */
  toArray(x: M): Awaitable<Float64Array>;
  /** All values now, where the engine can read without stalling a device; otherwise `undefined`. Used to skip work, never for results. */
  peek(x: M): Float64Array | undefined;
  /** An array of one repeated value. */
  full(shape: readonly number[], value: number): M;
  /** The n×n identity, repeated over a batch. */
  eye(n: number, batch?: readonly number[]): M;
  /** Independent standard normal entries. */
  randomNormal(shape: readonly number[], random: Random): M;

  // ---- elementwise, on equal shapes ----
  /** x + y. */
  add(x: M, y: M): M;
  /** x − y. */
  subtract(x: M, y: M): M;
  /** factor · x. */
  scale(factor: number, x: M): M;
  /** factor · x + y. */
  axpy(factor: number, x: M, y: M): M;
  /** x · y, entry by entry. */
  multiply(x: M, y: M): M;
  /** x / y, entry by entry, as IEEE 754 divides. */
  divide(x: M, y: M): M;
  /** Square root of each entry; NaN where negative. */
  sqrt(x: M): M;
  /** The square of each entry. */
  square(x: M): M;
  /** The magnitude of each entry. */
  abs(x: M): M;
  /** −1, 0 or 1. */
  sign(x: M): M;
  /** e to the power of each entry. */
  exp(x: M): M;
  /** Natural logarithm of each entry; NaN where negative. */
  log(x: M): M;
  /** Sine of each entry, in radians. */
  sin(x: M): M;
  /** Cosine of each entry, in radians. */
  cos(x: M): M;
  /** Inverse tangent of each entry, in radians between −π/2 and π/2. */
  atan(x: M): M;
  /** The larger of x and y, entry by entry; NaN where either is. */
  maximum(x: M, y: M | number): M;
  /** 1 where x > y, else 0. */
  greater(x: M, y: M | number): M;
  /** x where the mask is nonzero, else y. */
  where(mask: M, x: M, y: M): M;

  // ---- rows, columns, structure ----
  /** diag(d) X: row i times d_i. d is a vector [.., m], X a matrix [.., m, n]. */
  scaleRows(d: M, x: M): M;
  /** X diag(d): column j times d_j. d is a vector [.., n], X a matrix [.., m, n]. */
  scaleColumns(x: M, d: M): M;
  /** Each batch member of X times its own number: c is a batch scalar; X has the batch axes and any others after them. */
  scaleEach(c: M, x: M): M;
  /** The matrix s_i + t_j, from vectors s and t. */
  outerSum(s: M, t: M): M;
  /** The diagonal of a square matrix, as a vector. */
  diag(x: M): M;
  /** The diagonal matrix of a vector. */
  diagMatrix(d: M): M;
  /** Swap of the last two axes. */
  transpose(x: M): M;
  /** Matrices joined along the rows (`'rows'`: one above the other) or columns (`'columns'`: side by side). */
  concat(parts: readonly M[], along: 'rows' | 'columns'): M;
  /** The rows and columns in half-open ranges, copied. */
  slice(x: M, ranges: SliceRanges): M;
  /** The same values in another shape with as many entries. */
  reshape(x: M, shape: readonly number[]): M;

  // ---- reductions that stay on the engine, one number a batch member ----
  /** Sum along rows (`'rows'`: one number a row) or columns (`'columns'`: one number a column), as a vector. */
  sum(x: M, of: 'rows' | 'columns'): M;
  /** Sum of each vector [.., n], as a batch scalar. */
  sumVector(x: M): M;
  /** Trace of each square matrix, as a batch scalar. */
  trace(x: M): M;
  /** Frobenius inner product of each pair of matrices, as a batch scalar. */
  innerEach(x: M, y: M): M;
  /** Frobenius norm of each matrix, without overflow, as a batch scalar. */
  normEach(x: M): M;

  // ---- reductions that leave the engine ----
  /** Sum of all products x_i y_i, over the batch too. */
  inner(x: M, y: M): Awaitable<number>;
  /** Square root of the sum of squares, over the batch too, without overflow. */
  norm(x: M): Awaitable<number>;
  /** Sum of all entries. */
  total(x: M): Awaitable<number>;
  /** Largest magnitude of all entries, 0 for none; NaN if any entry is. */
  maxAbs(x: M): Awaitable<number>;

  // ---- products ----
  /** Matrix product. 2·m·n·k flops a member. */
  matmul(a: M, b: M, options?: MatmulOptions): M;
  /** Sparse times dense: S X, or Sᵀ X with `transpose`. S is not batched. 2·nnz·k flops. */
  sparseMatmul(s: CsrMatrix<M>, x: M, options?: { readonly transpose?: boolean }): M;
  /** The entries of A B at the places of a pattern, as a vector of its length. A is m×k, B is k×n. 2·nnz·k flops. */
  sampledMatmul(pattern: CsrMatrix<M>, a: M, b: M): M;

  // ---- factorizations ----
  /** Thin Householder QR. 2·m·n² flops and as many again to form Q (m ≥ n). */
  qr(x: M): QrFactors<M>;
  /** Thin SVD. */
  svd(x: M, options?: SvdOptions): SvdFactors<M>;
  /** Eigendecomposition of a symmetric matrix; only the lower triangle is read. */
  eigh(x: M): EighFactors<M>;
  /** Lower Cholesky factor of a symmetric positive definite matrix. @throws NumericalError if it is not. */
  cholesky(x: M): M;
  /** Solution of a triangular system. @throws NumericalError if a diagonal entry is zero. */
  solveTriangular(triangle: M, b: M, options?: TriangularOptions): M;

  // ---- functions of symmetric matrices ----
  /** K with P K + K Q = C, for symmetric positive semidefinite P and Q; the solution of least norm where p_i + q_j vanishes. */
  solveSylvester(p: M, q: M, c: M): M;
  /** K with P K + K P = C, for symmetric positive semidefinite P: one eigendecomposition. */
  solveLyapunov(p: M, c: M): M;
  /** S^½ of a symmetric positive semidefinite S. */
  sqrtSpd(s: M): M;
  /** S^-½ of a symmetric positive definite S. @throws NumericalError if S is singular to rounding. */
  inverseSqrtSpd(s: M): M;
  /** Polar decomposition of an m×n matrix, m ≥ n. */
  polar(x: M): PolarFactors<M>;
  /** P # Q = P^½ (P^-½ Q P^-½)^½ P^½, the geometric mean of symmetric positive definite matrices. */
  geometricMean(p: M, q: M): M;

  // ---- memory ----
  /**
   * Runs a computation, which may be asynchronous, and frees what it allocated except what is reachable from its result through records, arrays and maps
   * (not through functions). Freed too if it throws. A no-op on the host.
   */
  tidy<Result>(compute: () => Result): Result;
  /** A scope for a computation in many parts, such as the steps of a solver. A no-op on the host. */
  openScope(): ArrayScope;
  /** Exempts an array from the surrounding `tidy`, and from every scope: it is freed by `dispose` alone. A no-op on the host. */
  keep(x: M): M;
  /** Frees an array. A no-op on the host. */
  dispose(x: M): void;
}
