/** The contract between geometry and arithmetic; {@link LinearAlgebra} states its conventions. */
import type { Awaitable } from '../core/awaitable.js';
import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { Random } from '../core/random.js';
import type { CsrMatrix } from './csr-matrix.js';
import type {
  AdamMoments,
  AdamRates,
  AdamStep,
  EighFactors,
  MatmulOptions,
  MatrixFunctions,
  QrFactors,
  SliceRanges,
  SvdFactors,
  SvdOptions,
  TriangularOptions,
} from './linear-algebra-types.js';
import type { NumberOf } from './number-of.js';
import type { SparsePasses } from './sparse-passes.js';

/**
 * Requires an engine, as the first argument of functions that take one.
 *
 * @throws ConfigError otherwise.
 */
export function checkAlgebra(caller: string, la: unknown): asserts la is LinearAlgebra<unknown> {
  if (typeof (la as Partial<LinearAlgebra<unknown>> | undefined)?.matmul !== 'function') {
    throw new ConfigError(`${caller}: expected an engine of linear algebra, got ${describeValue(la)}; pass hostAlgebra()`);
  }
}

/**
 * Requires an engine, and arrays of that engine.
 *
 * @throws ConfigError naming the caller otherwise.
 */
export function checkOperands(caller: string, la: Pick<LinearAlgebra<unknown>, 'name' | 'isArray'>, operands: readonly unknown[]): void {
  checkAlgebra(caller, la);
  for (const operand of operands) {
    if (la.isArray(operand)) continue;
    throw new ConfigError(
      `${caller}: expected an array of ${la.name}, got ${describeValue(operand)}; convert it with fromArray(values, shape)`,
    );
  }
}

/** Owner of the arrays that its computations allocate: {@link LinearAlgebra.tidy} under the caller's control. */
export interface ArrayScope {
  /**
   * Runs a computation, which may be asynchronous; the scope owns what it allocates. If it throws, what it had
   * allocated is freed at the next `free`.
   */
  run<Result>(compute: () => Result): Result;
  /**
   * Takes over the arrays reachable from `arrays` that have no owner: from now on they are freed as if the scope had
   * allocated them.
   */
  own(arrays: unknown): void;
  /** Frees what the scope owns except what is reachable from `survivors`, which the scope keeps. */
  free(survivors: unknown): void;
  /** Does the same, and hands the survivors to the surrounding scope, or to the caller if there is none. */
  close(survivors: unknown): void;
}

/**
 * An engine: dense (and a little sparse) linear algebra over its own array type. Metrics, retractions, manifolds and
 * solvers compute with nothing else.
 *
 * Conventions, for every operation:
 * - A *matrix* is the last two axes, [.., m, n]. The axes before them, written `..`, are a batch: the operation is done
 *   for each member. Operands have equal batches; nothing is broadcast.
 * - A *vector* is the last axis, [.., n], batched by the axes before it. A *batch scalar* has the batch axes alone,
 *   [..], one number per member.
 * - Arguments are never modified. Results are new arrays, which share no memory with the arguments.
 * - Shapes are checked: a mismatch is a {@link ShapeError}.
 * - Elementwise operations pass NaN and infinity on, as IEEE 754 says. Factorizations, and the functions of matrices
 *   built on them, reject both with a {@link NumericalError} that names the operation; an engine that cannot read back
 *   without waiting reports it with the next number it reads.
 * - Numbers that leave the engine are {@link Awaitable}: available at once on the host, a promise on a device.
 *
 * @typeParam M - the engine's array: an `NdArray` of float64 on the host, a tensor on a device.
 */
export interface LinearAlgebra<M> {
  /** Engine and backend, such as `'host'` or `'tensor:webgpu'`. */
  readonly name: string;
  /** Spacing of the engine's floating-point numbers at one: 2⁻⁵² (float64) or 2⁻²³ (float32). */
  readonly epsilon: number;
  /** Floating-point type of the numbers that it is given and gives back. */
  readonly dtype: 'float32' | 'float64';
  /** True if numbers leave the engine at once, so that `peek` serves; false if reading one waits for a device. */
  readonly readsSynchronously: boolean;

  // ---- construction and transfer ----
  /** Returns true if a value is an array of this engine. */
  isArray(value: unknown): value is M;
  /** Returns the dimensions of an array, batch axes first. */
  shape(x: M): readonly number[];
  /**
   * Makes an array of the shape from values in row-major order (copied).
   *
   * @throws ShapeError if the count does not fit the shape.
   */
  fromArray(values: ArrayLike<number>, shape: readonly number[]): M;
  /**
   * Makes a matrix from its rows: `[[1, 2], [3, 4]]`.
   *
   * @throws ShapeError unless they are lists of numbers, all of one length.
   */
  fromRows(rows: readonly ArrayLike<number>[]): M;
  /** Returns all values in row-major order (copied). */
  toArray(x: M): Awaitable<Float64Array>;
  /** Returns the rows of a matrix, as lists. @throws ShapeError for an array of other axes than two. */
  toRows(x: M): Awaitable<number[][]>;
  /**
   * Writes all values in row-major order into the target, rounded to its type: a large fresh array would cost several
   * times the copy itself.
   *
   * @throws ShapeError unless the target has as many entries.
   */
  readInto(x: M, target: Float32Array | Float64Array): Awaitable<void>;
  /**
   * Returns all values at once if the engine can read without stalling a device, else `undefined`. Used to skip work,
   * never for results.
   */
  peek(x: M): Float64Array | undefined;
  /** Makes an array of the shape with one value repeated. */
  full(shape: readonly number[], value: number): M;
  /** Draws an array of the shape with independent standard normal entries. Advances `random`. */
  randomNormal(shape: readonly number[], random: Random): M;

  // ---- elementwise, on equal shapes ----
  /** x + y, of their shape, as all results of this group. */
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
  /** The sign of each entry: −1, 0 or 1; NaN where it is NaN. */
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
  /** 1 where x > y, else 0 (also where either is NaN). */
  greater(x: M, y: M | number): M;
  /** x where the mask, of their shape, is nonzero, else y. */
  where(mask: M, x: M, y: M): M;

  // ---- rows, columns, structure ----
  /** diag(d) X: row i times d_i. d [.., m], X [.., m, n]; result [.., m, n]. */
  scaleRows(d: M, x: M): M;
  /** X diag(d): column j times d_j. X [.., m, n], d [.., n]; result [.., m, n]. */
  scaleColumns(x: M, d: M): M;
  /**
   * Each batch member of X times its own number. c [..]; X has those axes and any others after them; result of X's
   * shape.
   */
  scaleEach(c: M, x: M): M;
  /** The diagonal of a square matrix [.., n, n], as a vector [.., n]. */
  diag(x: M): M;
  /** The diagonal matrix [.., n, n] of a vector [.., n]. */
  diagMatrix(d: M): M;
  /** Xᵀ: [.., m, n] to [.., n, m]. */
  transpose(x: M): M;
  /**
   * Joins matrices: `'rows'`, one above the other, [.., m₁, n], [.., m₂, n], … to [.., m₁ + m₂ + …, n]; `'columns'`,
   * side by side, [.., m, n₁], [.., m, n₂], … to [.., m, n₁ + n₂ + …].
   */
  concat(parts: readonly M[], along: 'rows' | 'columns'): M;
  /** Copies the rows and columns in half-open ranges: [.., m, n] to [.., rows, columns]. */
  slice(x: M, ranges: SliceRanges): M;
  /** The same values in another shape with as many entries. */
  reshape(x: M, shape: readonly number[]): M;

  // ---- reductions that stay on the engine, one number per batch member ----
  /** Sums of a matrix [.., m, n] as a vector: of each row, `'rows'`, [.., m]; of each column, `'columns'`, [.., n]. */
  sum(x: M, of: 'rows' | 'columns'): M;
  /** Sum of each vector: [.., n] to [..]. */
  sumVector(x: M): M;
  /** Frobenius inner product of each pair of matrices: [.., m, n] twice to [..]. */
  innerEach(x: M, y: M): M;
  /** Frobenius norm of each matrix, without overflow: [.., m, n] to [..]. */
  normEach(x: M): M;

  // ---- reductions that leave the engine ----
  /** Sum of all products x_i y_i, over the batch too. Any equal shapes; result a number. */
  inner(x: M, y: M): NumberOf<M>;
  /** Square root of the sum of squares, over the batch too, without overflow. Any shape; result a number. */
  norm(x: M): NumberOf<M>;
  /** Sum of all entries, over the batch too. */
  total(x: M): NumberOf<M>;
  /** Largest magnitude of all entries, 0 for none; NaN if any entry is. */
  maxAbs(x: M): NumberOf<M>;

  // ---- products ----
  /**
   * Matrix product, of the operands or their transposes: [.., m, k] times [.., k, n] to [.., m, n]. 2·m·n·k flops per
   * member.
   */
  matmul(a: M, b: M, options?: MatmulOptions): M;
  /**
   * Sparse times dense: S X, or Sᵀ X with `transpose`. S m×n without a batch; X [.., n, k] to [.., m, k] (transposed:
   * [.., m, k] to [.., n, k]). 2·nnz·k flops per member.
   */
  sparseMatmul(s: CsrMatrix<M>, x: M, options?: { readonly transpose?: boolean }): M;
  /**
   * The entries of A B at the places of an m×n pattern, as a vector [nnz] in its order. A [m, k], B [k, n]. 2·nnz·k
   * flops.
   */
  sampledMatmul(pattern: CsrMatrix<M>, a: M, b: M): M;
  /**
   * Several sparse products in one pass over the entries, if the engine has them; `sampledMatmul` and `sparseMatmul`
   * give the same numbers.
   */
  readonly sparsePasses?: SparsePasses<M> | undefined;

  // ---- factorizations ----
  /**
   * Thin Householder QR of [.., m, n]: Q [.., m, k], R [.., k, n], k = min(m, n). 2·m·n² flops and as many again to
   * form Q (m ≥ n).
   */
  qr(x: M): QrFactors<M>;
  /** Thin SVD of [.., m, n]: U [.., m, k], S [.., k], V [.., n, k], k = min(m, n). O(mnk) flops. */
  svd(x: M, options?: SvdOptions): SvdFactors<M>;
  /**
   * Eigendecomposition of a symmetric matrix [.., n, n], of which only the lower triangle is read: values [.., n],
   * vectors [.., n, n]. About 9·n³ flops.
   */
  eigh(x: M): EighFactors<M>;
  /**
   * Lower Cholesky factor L, S = L Lᵀ, of a symmetric positive definite matrix [.., n, n]. n³/3 flops.
   *
   * @throws NumericalError if it is not positive definite.
   */
  cholesky(x: M): M;
  /**
   * Solution of a triangular system: T [.., n, n], B [.., n, k] (from the right: [.., k, n]); result of B's shape. n²k
   * flops.
   *
   * @throws NumericalError if a diagonal entry is zero.
   */
  solveTriangular(triangle: M, b: M, options?: TriangularOptions): M;

  /**
   * Adam's moments and direction in one pass, where an engine has that: m' = β₁m + (1 − β₁)g, v' = β₂v + (1 − β₂)g²,
   * and −c₁m'/(c₂√v' + ε), entry by entry. All arrays are of one shape; m and v are left out together, and then count
   * as zero. `adam` composes other operations where it is missing.
   */
  adamStep?(gradient: M, moments: AdamMoments<M> | undefined, rates: AdamRates): AdamStep<M>;

  /** The engine's own matrix functions, if better than those written over it: a tape's have adjoints of their own. */
  readonly matrixFunctions?: MatrixFunctions<M>;

  // ---- memory ----
  /**
   * Runs a computation, which may be asynchronous, and frees what it allocated except what is reachable from its result
   * through records, arrays and maps (not through functions). If it throws, all is freed. A no-op on the host.
   */
  tidy<Result>(compute: () => Result): Result;
  /** Opens a scope for a computation in many parts, such as the steps of a solver. A no-op on the host. */
  openScope(): ArrayScope;
  /**
   * Exempts an array from the surrounding `tidy`, and from every scope: only `dispose` frees it. A no-op on the host.
   */
  keep(x: M): M;
  /** Frees an array. A no-op on the host. */
  dispose(x: M): void;
}
