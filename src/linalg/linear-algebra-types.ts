/** Options of the contract's operations, and results of its factorizations. */

/** Operands that `LinearAlgebra.matmul` transposes. */
export interface MatmulOptions {
  /** If true, uses aᵀ in place of a. Default: false. */
  readonly transposeA?: boolean;
  /** If true, uses bᵀ in place of b. Default: false. */
  readonly transposeB?: boolean;
}

/** Accuracy of `LinearAlgebra.svd`. */
export interface SvdOptions {
  /**
   * `'absolute'`: errors in σ below a small multiple of ε·σ₁. `'relative'`: each σᵢ to high relative accuracy where the
   * matrix determines it, as for a well-conditioned matrix times a diagonal (one-sided Jacobi; slower). Default:
   * `'absolute'`.
   */
  readonly accuracy?: 'absolute' | 'relative';
}

/** Options of `LinearAlgebra.solveTriangular`. */
export interface TriangularOptions {
  /** If true, the lower triangle is read, otherwise the upper one. The other triangle is ignored. Default: true. */
  readonly lower?: boolean;
  /** If true, solves with the transpose of the triangle. Default: false. */
  readonly transpose?: boolean;
  /** `'left'`: T X = B; `'right'`: X T = B. Default: `'left'`. */
  readonly side?: 'left' | 'right';
}

/** Half-open ranges of rows and columns; a range left out keeps all. */
export interface SliceRanges {
  /** `[first, end)` along the second-to-last axis. */
  readonly rows?: readonly [number, number];
  /** `[first, end)` along the last axis. */
  readonly columns?: readonly [number, number];
}

/** Thin QR factors: $A = QR$, A m×n. */
export interface QrFactors<M> {
  /** m×k with orthonormal columns, k = min(m, n). */
  readonly Q: M;
  /** k×n upper triangular with a nonnegative diagonal. */
  readonly R: M;
}

/** Thin singular value decomposition: $A = U\operatorname{diag}(S)V^\top$, A m×n. */
export interface SvdFactors<M> {
  /** m×k with orthonormal columns (also where A is rank deficient), k = min(m, n). */
  readonly U: M;
  /** k singular values, nonnegative, in descending order. */
  readonly S: M;
  /** n×k with orthonormal columns. Not transposed. */
  readonly V: M;
}

/** Symmetric eigendecomposition: $A = W\operatorname{diag}(\lambda)W^\top$, A n×n. */
export interface EighFactors<M> {
  /** n eigenvalues in ascending order. */
  readonly values: M;
  /** n×n orthogonal; column i belongs to eigenvalue i. */
  readonly vectors: M;
}

/** Polar factors: $A = QP$, A m×n. */
export interface PolarFactors<M> {
  /** m×n with orthonormal columns: the nearest such matrix to A in Frobenius norm. */
  readonly Q: M;
  /** n×n symmetric positive semidefinite: (AᵀA)^½. */
  readonly P: M;
}

/** Functions of matrices that an engine may supply; see the functions of these names. */
export interface MatrixFunctions<M> {
  /** See {@link polar}. */
  polar(x: M): PolarFactors<M>;
  /** See {@link solveSylvester}. */
  solveSylvester(p: M, q: M, c: M): M;
  /** See {@link solveLyapunov}. */
  solveLyapunov(p: M, c: M): M;
  /** See {@link sqrtSpd}. */
  sqrtSpd(s: M): M;
  /** See {@link inverseSqrtSpd}. */
  inverseSqrtSpd(s: M): M;
  /** See {@link geometricMean}. */
  geometricMean(p: M, q: M): M;
}

/**
 * The m×n matrix $LR^\top$ by its factors, never multiplied out. The inner index is the last of both, so that an entry
 * is the product of a row of each. A batch has leading axes in both.
 */
export interface FactoredMatrix<M> {
  /** L, m×k. */
  readonly left: M;
  /** R, n×k. */
  readonly right: M;
}

/** The averages of gradients and of their squares that Adam keeps, entry by entry. */
export interface AdamMoments<M> {
  /** m, the average of gradients. */
  readonly first: M;
  /** v, the average of their squares. */
  readonly second: M;
}

/** What `LinearAlgebra.adamStep` returns. */
export interface AdamStep<M> extends AdamMoments<M> {
  /** −c₁m/(c₂√v + ε). */
  readonly direction: M;
}

/** The rates of `LinearAlgebra.adamStep`. */
export interface AdamRates {
  /** β₁, in [0, 1). */
  readonly beta1: number;
  /** β₂, in [0, 1). */
  readonly beta2: number;
  /** c₁, the correction of m for its start at zero. */
  readonly firstCorrection: number;
  /** c₂, that of √v. */
  readonly secondCorrection: number;
  /** ε, added to c₂√v. */
  readonly epsilon: number;
}
