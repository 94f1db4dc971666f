import { bidiagonalize, formRight } from './bidiagonal.js';
import { diagonalize } from './bidiagonal-qr.js';
import { applyQ, factorColumns, formQ } from './householder.js';
import { jacobiSvd } from './jacobi-svd.js';
import { safeScale } from './scaling.js';
import { transposeInto } from './transpose.js';
import { createWorkspace } from './workspace.js';

const columnSpace = createWorkspace();
const triangleSpace = createWorkspace();
const leftSpace = createWorkspace();
const rightSpace = createWorkspace();
const reflectionSpace = createWorkspace();
const sortedSpace = createWorkspace();
const smallSpace = createWorkspace();

/**
 * From this ratio of rows to columns on, a QR factorization first makes the rotations and reflections shorter than it
 * costs.
 */
const TALL = 1.3;

/**
 * Computes a thin SVD, A = U diag(s) Vᵀ, to absolute accuracy ε·σ₁: QR if A is tall (its transpose, if wide),
 * Householder bidiagonalization and implicit-shift QR; one-sided Jacobi if that does not converge. U and V are products
 * of orthogonal maps and so orthonormal for every A.
 *
 * @param a - m×n, row-major; not modified.
 * @param u - m×p, p = min(m, n), overwritten.
 * @param s - p values, descending, overwritten.
 * @param v - n×p, overwritten. About 6·m·n² + 20·n³ flops for m ≥ n.
 * @throws NumericalError if neither iteration converges.
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, §8.6; Chan, ACM TOMS 8(1), 1982, for the QR first.
 */
export function svd(m: number, n: number, a: Float64Array, u: Float64Array, s: Float64Array, v: Float64Array): void {
  const columns = columnSpace(m * n);
  let converged: boolean;
  if (m >= n) {
    transposeInto(m, n, a, columns);
    converged = tallSvd(m, n, columns, safeScale(a), u, s, v);
  } else {
    // A row-major wide matrix is its tall transpose stored by columns.
    columns.set(a);
    converged = tallSvd(n, m, columns, safeScale(a), v, s, u);
  }
  if (!converged) jacobiSvd(m, n, a, u, s, v);
}

/** Computes the SVD of a matrix by columns, m ≥ n, which is overwritten. @returns true if it converged. */
function tallSvd(m: number, n: number, columns: Float64Array, scale: number, u: Float64Array, s: Float64Array, v: Float64Array): boolean {
  if (scale !== 1) for (let i = 0; i < m * n; i++) columns[i] /= scale;
  const small = smallSpace(5 * n);
  const qrTaus = small.subarray(4 * n, 5 * n);
  const reduced = m > TALL * n;
  if (reduced) factorColumns(m, n, columns, qrTaus);
  const uLength = reduced ? n : m;
  const square = reduced ? upperTriangle(m, n, columns) : columns;

  const d = small.subarray(0, n);
  const e = small.subarray(n, 2 * n);
  const leftTaus = small.subarray(2 * n, 3 * n);
  const rightTaus = small.subarray(3 * n, 4 * n);
  const reflections = reflectionSpace(n * n);
  bidiagonalize(uLength, n, square, d, e, leftTaus, rightTaus, reflections);
  const left = leftSpace(uLength * n);
  const right = rightSpace(n * n);
  formQ(uLength, n, square, leftTaus, left);
  formRight(n, reflections, rightTaus, right);
  if (!diagonalize({ n, d, e, u: left, uLength, v: right, vLength: n })) return false;

  const sorted = sortedSpace(m * n);
  if (reduced) sorted.fill(0, 0, m * n);
  writeDescending(m, n, d, left, uLength, right, scale, sorted, s, v);
  if (reduced) applyQ(m, n, columns, qrTaus, n, sorted);
  transposeInto(n, m, sorted, u);
  return true;
}

/** Copies R, n×n by columns, from the factored m×n matrix. */
function upperTriangle(m: number, n: number, columns: Float64Array): Float64Array {
  const triangle = triangleSpace(n * n);
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) triangle[j * n + i] = i <= j ? columns[j * m + i] : 0;
  }
  return triangle;
}

/**
 * Writes the values, largest first and nonnegative, the left vectors by columns to the top of `sorted` (m rows), and
 * the right ones by rows into v.
 */
function writeDescending(
  m: number,
  n: number,
  d: Float64Array,
  left: Float64Array,
  uLength: number,
  right: Float64Array,
  scale: number,
  sorted: Float64Array,
  s: Float64Array,
  v: Float64Array,
): void {
  for (let rank = 0; rank < n; rank++) {
    // Selection: n² comparisons, little beside n³ flops; a value that has been taken is marked by NaN.
    let largest = -1;
    for (let i = 0; i < n; i++) {
      if (!Number.isNaN(d[i]) && (largest < 0 || Math.abs(d[i]) > Math.abs(d[largest]))) largest = i;
    }
    const sign = d[largest] < 0 ? -1 : 1;
    s[rank] = Math.abs(d[largest]) * scale;
    d[largest] = Number.NaN;
    for (let i = 0; i < uLength; i++) sorted[rank * m + i] = left[largest * uLength + i];
    for (let i = 0; i < n; i++) v[i * n + rank] = sign * right[largest * n + i];
  }
}
