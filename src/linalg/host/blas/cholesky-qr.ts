import type { NativeFunction } from '../../../core/native-library.js';
import { createWorkspace } from '../kernels/workspace.js';
import { CBLAS } from './cblas.js';
import type { Lapack } from './lapack.js';

const gramSpace = createWorkspace();
const inverseSpace = createWorkspace();
const firstBasisSpace = createWorkspace();
const correctionSpace = createWorkspace();
const triangleSpace = createWorkspace();

/** The BLAS routines that this QR consists of. */
export interface ProductRoutines {
  readonly dgemm: NativeFunction;
  readonly dsyrk: NativeFunction;
  readonly dtrmm: NativeFunction;
}

/**
 * From this many columns on dsyrk, which computes half of a Gram matrix, beats dgemm: at 2048×64 0.26 ms against 0.36,
 * at 2048×16 35 µs against 14.
 */
const SYRK_COLUMNS = 48;
/**
 * From this many columns on dtrmm, which skips half of a triangle, beats dgemm: at 2048×64 0.18 ms against 0.28, at
 * 2048×8 12 µs against 6.
 */
const TRMM_COLUMNS = 32;

/**
 * Largest accepted ‖D R⁻¹‖_F / √n, D the norms of A's columns. It is 1 for orthogonal columns, about 1.2 for random
 * ones, and bounds by how much the error of A R⁻¹ exceeds that of Householder QR. Factors that were balanced a step ago
 * have almost orthogonal columns, however different in length.
 */
const LARGEST_GROWTH = 8;

/** Squared column norms outside this range would lose digits to underflow, or overflow, in the Gram matrix. */
const SMALLEST_SQUARE = 1e-280;
const LARGEST_SQUARE = 1e280;

/**
 * Computes a thin QR, A = Q R, by matrix products alone, for tall matrices whose columns are far from dependent. It is
 * Cholesky QR, twice: G = AᵀA = R₁ᵀR₁, Q₁ = A R₁⁻¹; then F = Q₁ᵀQ₁ − I, of the order of rounding, and the first-order
 * factor R₂ = I + triu(F) with half its diagonal, Q = Q₁ R₂⁻¹, R = R₂R₁. It reads A by rows as it is, where LAPACK's QR
 * needs it transposed and back.
 *
 * If the columns are close to dependent, zero, or of extreme size, it gives up after a quarter of the work; the caller
 * then needs Householder QR.
 *
 * @param a - m×n, row-major, m ≥ n; not modified.
 * @param q - m×n, overwritten.
 * @param r - n×n upper triangular with a positive diagonal, overwritten. 8·m·n² flops, nearly all in products.
 * @returns true if q and r are as accurate as those of Householder QR; otherwise they hold nothing of use.
 * @see Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, "Roundoff error analysis of the CholeskyQR2 algorithm", ETNA
 * 44, 2015.
 */
export function choleskyQr(
  routines: ProductRoutines,
  lapack: Lapack,
  m: number,
  n: number,
  a: Float64Array,
  q: Float64Array,
  r: Float64Array,
): boolean {
  const gram = gramSpace(n * n);
  lowerGram(routines, m, n, a, gram);
  for (let j = 0; j < n; j++) {
    if (!(gram[j * n + j] >= SMALLEST_SQUARE && gram[j * n + j] <= LARGEST_SQUARE)) return false;
  }
  const inverse = inverseSpace(n * n);
  if (!invertCholeskyFactor(lapack, n, gram, inverse)) return false;

  const firstBasis = firstBasisSpace(m * n);
  timesTriangle(routines, m, n, a, inverse, firstBasis);
  const correction = correctionSpace(n * n);
  lowerGram(routines, m, n, firstBasis, correction);
  toCorrectionFactor(n, correction);
  const { rowMajor, transpose } = CBLAS;
  routines.dgemm(rowMajor, transpose, transpose, n, n, n, 1, correction, n, gram, n, 0, r, n);
  // The inverse of R₂ = I + E is I − E = 2I − R₂: what is left out is of the order of F².
  for (let index = 0; index < n * n; index++) correction[index] = -correction[index];
  for (let i = 0; i < n; i++) correction[i * n + i] += 2;
  timesTriangle(routines, m, n, firstBasis, correction, q);
  return true;
}

/** out = X T, X m×n by rows, T n×n upper triangular by columns with zeros below. */
function timesTriangle(
  { dgemm, dtrmm }: ProductRoutines,
  m: number,
  n: number,
  x: Float64Array,
  triangle: Float64Array,
  out: Float64Array,
): void {
  const { rowMajor, noTranspose, transpose, right, lower, nonUnit } = CBLAS;
  if (n >= TRMM_COLUMNS) {
    out.set(x.length === m * n ? x : x.subarray(0, m * n));
    dtrmm(rowMajor, right, lower, transpose, nonUnit, m, n, 1, triangle, n, out, n);
    return;
  }
  // OpenBLAS multiplies narrow matrices twice as fast if neither is transposed.
  const byRows = triangleSpace(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) byRows[i * n + j] = triangle[j * n + i];
  dgemm(rowMajor, noTranspose, noTranspose, m, n, n, 1, x, n, byRows, n, 0, out, n);
}

/** The lower triangle of AᵀA by rows, which is the upper one by columns. */
function lowerGram({ dgemm, dsyrk }: ProductRoutines, m: number, n: number, a: Float64Array, out: Float64Array): void {
  const { rowMajor, transpose, noTranspose, lower } = CBLAS;
  if (n < SYRK_COLUMNS) dgemm(rowMajor, transpose, noTranspose, n, n, m, 1, a, n, a, n, 0, out, n);
  else dsyrk(rowMajor, lower, transpose, n, m, 1, a, n, 0, out, n);
}

/**
 * G = RᵀR: R replaces G and R⁻¹ goes to `inverse`, both by columns with zeros below the diagonal.
 *
 * @returns true if R is well enough conditioned.
 */
function invertCholeskyFactor(lapack: Lapack, n: number, gram: Float64Array, inverse: Float64Array): boolean {
  const squaredNorms = Array.from({ length: n }, (_, j) => gram[j * n + j]);
  if (lapack.potrf(n, gram) !== 0) return false;
  for (let j = 0; j < n; j++) gram.fill(0, j * n + j + 1, (j + 1) * n);
  for (let index = 0; index < n * n; index++) inverse[index] = gram[index];
  if (!lapack.trtri(n, inverse)) return false;
  let growth = 0;
  for (let j = 0; j < n; j++) {
    for (let i = 0; i <= j; i++) growth += squaredNorms[i] * inverse[j * n + i] ** 2;
  }
  return growth <= LARGEST_GROWTH ** 2 * n;
}

/** I + F becomes R₂ = I + triu(F) with half of F's diagonal, by columns. */
function toCorrectionFactor(n: number, gram: Float64Array): void {
  for (let j = 0; j < n; j++) {
    gram[j * n + j] = 0.5 + 0.5 * gram[j * n + j];
    gram.fill(0, j * n + j + 1, (j + 1) * n);
  }
}
