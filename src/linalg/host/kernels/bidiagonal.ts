/** Reduction to bidiagonal form, A = U B Vᵀ with B upper bidiagonal; everything by columns. */
import { applyReflector, makeReflector } from './householder.js';
import { addMultiple } from './vector.js';
import { createWorkspace } from './workspace.js';

const productSpace = createWorkspace();

/**
 * Reduces in place: reflections from the left clear a column below the diagonal, those from the right a row beyond the
 * superdiagonal. 4·m·n² − 4/3·n³ flops.
 *
 * @param a - m×n, m ≥ n, by columns; on return the left reflections below its diagonal, of which `formQ` makes U.
 * @param d - the n diagonal entries of B, on return;
 * @param e - its n − 1 superdiagonal entries.
 * @param leftTaus - n factors τ of the left reflections;
 * @param rightTaus - of the right ones.
 * @param rightVectors - n×n, by columns: on return column k holds the reflection of row k from place k + 1 on.
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, Algorithm 5.4.2.
 */
export function bidiagonalize(
  m: number,
  n: number,
  a: Float64Array,
  d: Float64Array,
  e: Float64Array,
  leftTaus: Float64Array,
  rightTaus: Float64Array,
  rightVectors: Float64Array,
): void {
  const product = productSpace(m);
  for (let k = 0; k < n; k++) {
    const pivot = k * m + k;
    const tau = makeReflector(a, pivot, (k + 1) * m);
    leftTaus[k] = tau;
    d[k] = a[pivot];
    rightTaus[k] = 0;
    if (k === n - 1) continue;
    // The row is gathered into contiguous memory while the left reflection passes through its columns.
    const row = k * n;
    for (let j = k + 1; j < n; j++) {
      applyReflector(a, pivot, m - k, tau, a, j * m + k);
      rightVectors[row + j] = a[j * m + k];
    }
    rightTaus[k] = makeReflector(rightVectors, row + k + 1, row + n);
    e[k] = rightVectors[row + k + 1];
    if (rightTaus[k] !== 0) applyFromRight(m, n, k, a, rightVectors, rightTaus[k], product);
  }
}

/** A ← A (I − τ v vᵀ) on rows and columns beyond k: first A v, column by column, then the update. */
function applyFromRight(m: number, n: number, k: number, a: Float64Array, vectors: Float64Array, tau: number, product: Float64Array): void {
  const first = k + 1;
  const row = k * n;
  for (let i = first; i < m; i++) product[i] = a[first * m + i];
  for (let j = first + 1; j < n; j++) {
    addMultiple(m - first, vectors[row + j], a, j * m + first, product, first);
  }
  for (let j = first; j < n; j++) {
    const weight = j === first ? tau : tau * vectors[row + j];
    addMultiple(m - first, -weight, product, first, a, j * m + first);
  }
}

/**
 * Forms the right factor V (n×n), by columns: the product of the right reflections, which leave the first row and
 * column alone.
 */
export function formRight(n: number, rightVectors: Float64Array, rightTaus: Float64Array, v: Float64Array): void {
  v.fill(0, 0, n * n);
  for (let j = 0; j < n; j++) v[j * (n + 1)] = 1;
  for (let k = n - 2; k >= 0; k--) {
    const from = k * n + k + 1;
    for (let j = k + 1; j < n; j++) applyReflector(rightVectors, from, n - k - 1, rightTaus[k], v, j * n + k + 1);
  }
}
