import { NumericalError } from '../../../core/errors.js';
import { makeReflector } from './householder.js';
import { makeRotation, pythagoras, rotate } from './rotation.js';
import { safeScale } from './scaling.js';
import { addMultiple, dot } from './vector.js';
import { createWorkspace } from './workspace.js';

const matrixSpace = createWorkspace();
const vectorSpace = createWorkspace();
const diagonalSpace = createWorkspace();

/** Cosine and sine of the current rotation. */
const turn = new Float64Array(2);

/** QL takes one to two iterations per eigenvalue; LAPACK allows 30. */
const ITERATIONS_PER_VALUE = 60;

/**
 * Eigendecomposition of a symmetric matrix, A = W diag(λ) Wᵀ: Householder reduction to tridiagonal form, then the
 * implicit QL iteration with Wilkinson's shift. About 9·n³ flops.
 *
 * @param a - n×n, lower triangle read; not modified.
 * @param values - n eigenvalues, ascending, overwritten.
 * @param vectors - n×n, column i belongs to value i, overwritten.
 * @throws NumericalError if the iteration does not converge.
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, §8.3; Parlett, "The Symmetric Eigenvalue Problem",
 * 1998, §8.
 */
export function eigh(n: number, a: Float64Array, values: Float64Array, vectors: Float64Array): void {
  const matrix = matrixSpace(n * n);
  // Row i of this buffer is eigenvector i: rotations then run along memory.
  const basis = vectorSpace(n * n);
  const diagonals = diagonalSpace(3 * n);
  const diagonal = diagonals.subarray(0, n);
  const offDiagonal = diagonals.subarray(n, 2 * n);
  const scratch = diagonals.subarray(2 * n, 3 * n);
  const scale = safeScale(a, n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = a[i * n + j] / scale;
  }
  tridiagonalize(n, matrix, diagonal, offDiagonal, scratch);
  accumulate(n, matrix, scratch, basis);
  if (!implicitQl(n, diagonal, offDiagonal, basis)) {
    throw new NumericalError(
      `eigh: the QL iteration on a ${n}×${n} matrix did not converge; this should not happen for finite input, please report it`,
    );
  }
  writeAscending(n, diagonal, basis, scale, values, vectors);
}

/**
 * Reduces A to Qᵀ A Q = T. Row k of the matrix, right of the diagonal, is left holding the k-th reflection; τ goes to
 * `taus`. The whole symmetric matrix is kept, so that both the product and the update run along its rows.
 */
function tridiagonalize(n: number, a: Float64Array, diagonal: Float64Array, offDiagonal: Float64Array, taus: Float64Array): void {
  for (let k = 0; k < n - 1; k++) {
    const row = k * n;
    const first = k + 1;
    const tau = makeReflector(a, row + first, row + n);
    taus[k] = tau;
    offDiagonal[k] = a[row + first];
    if (tau === 0) continue;
    a[row + first] = 1;
    rankTwoUpdate(n, a, row, first, tau, diagonal);
  }
  for (let k = 0; k < n; k++) diagonal[k] = a[k * n + k];
  if (n > 0) offDiagonal[n - 1] = 0;
}

/** A₂₂ ← H A₂₂ H = A₂₂ − v wᵀ − w vᵀ, w = τ (A₂₂ v − ½ τ (vᵀ A₂₂ v) v). `product` is scratch. */
function rankTwoUpdate(n: number, a: Float64Array, row: number, first: number, tau: number, product: Float64Array): void {
  let projection = 0;
  for (let i = first; i < n; i++) {
    product[i] = tau * dot(n - first, a, i * n + first, a, row + first);
    projection += product[i] * a[row + i];
  }
  const half = 0.5 * tau * projection;
  addMultiple(n - first, -half, a, row + first, product, first);
  for (let i = first; i < n; i++) {
    const vi = a[row + i];
    const wi = product[i];
    for (let j = first; j < n; j++) a[i * n + j] -= vi * product[j] + wi * a[row + j];
  }
}

/**
 * Row i of `basis` becomes column i of Q = H₀ H₁ ⋯, formed backward so that the leading rows and columns stay those of
 * the identity.
 */
function accumulate(n: number, a: Float64Array, taus: Float64Array, basis: Float64Array): void {
  basis.fill(0, 0, n * n);
  for (let i = 0; i < n; i++) basis[i * (n + 1)] = 1;
  for (let k = n - 2; k >= 0; k--) {
    const row = k * n;
    const tau = taus[k];
    if (tau === 0) continue;
    for (let i = k + 1; i < n; i++) {
      const weight = tau * dot(n - k - 1, basis, i * n + k + 1, a, row + k + 1);
      addMultiple(n - k - 1, -weight, a, row + k + 1, basis, i * n + k + 1);
    }
  }
}

/**
 * Below this (the matrix is scaled to about one, unless far from over- and underflow) an off-diagonal entry is no
 * longer a normal product.
 */
const UNDERFLOW = 2 ** -1000;

/** Diagonalizes the tridiagonal matrix in place. @returns true if it converged. */
function implicitQl(n: number, d: Float64Array, e: Float64Array, basis: Float64Array): boolean {
  let budget = ITERATIONS_PER_VALUE * n;
  for (let last = n - 1; last > 0; ) {
    const first = blockStart(d, e, last);
    if (first === last) {
      last--;
      continue;
    }
    if (budget-- === 0) return false;
    // A sweep converges at the end where it stops, and loses there what is small beside the end where it starts: stop
    // at the small one.
    const [upper, lower] = [Math.abs(d[first]) + Math.abs(e[first]), Math.abs(d[last]) + Math.abs(e[last - 1])];
    if (upper <= lower) sweep(n, first, last, d, e, basis);
    else sweep(n, last, first, d, e, basis);
  }
  return true;
}

/** Returns the first row of the unreduced block that ends at `last`; sets the negligible entry before it to zero. */
function blockStart(d: Float64Array, e: Float64Array, last: number): number {
  for (let k = last - 1; k >= 0; k--) {
    const size = Math.abs(e[k]);
    if (size > UNDERFLOW && size > 0.5 * Number.EPSILON * (Math.abs(d[k]) + Math.abs(d[k + 1]))) continue;
    e[k] = 0;
    return k + 1;
  }
  return 0;
}

/**
 * One implicit sweep over a block, from one end to the other, shifted by the eigenvalue of the 2×2 block at its stop
 * that is nearer to d_stop: QL if it stops above, QR if below.
 */
function sweep(n: number, stop: number, start: number, d: Float64Array, e: Float64Array, basis: Float64Array): void {
  const step = stop < start ? 1 : -1;
  // The entry beside place i on the way to i + step is e[i + beside].
  const beside = step === 1 ? 0 : -1;
  const atStop = e[stop + beside];
  const difference = (d[stop + step] - d[stop]) / (2 * atStop);
  const root = pythagoras(difference, 1);
  let g = d[start] - d[stop] + atStop / (difference + (difference >= 0 ? root : -root));
  let s = 1;
  let c = 1;
  let p = 0;
  for (let i = start - step; i !== stop - step; i -= step) {
    const off = e[i + beside];
    const b = c * off;
    const r = makeRotation(g, s * off, turn);
    if (i + step !== start) e[i + step + beside] = r;
    c = turn[0];
    s = turn[1];
    const shifted = d[i + step] - p;
    const t = (d[i] - shifted) * s + 2 * c * b;
    p = s * t;
    d[i + step] = shifted + p;
    g = c * t - b;
    rotate(n, basis, (i + step) * n, i * n, c, s);
  }
  d[stop] -= p;
  e[stop + beside] = g;
}

function writeAscending(n: number, d: Float64Array, basis: Float64Array, scale: number, values: Float64Array, vectors: Float64Array): void {
  for (let rank = 0; rank < n; rank++) {
    // Selection: n² comparisons, little beside n³ flops; a chosen value is marked by infinity.
    let smallest = 0;
    for (let i = 1; i < n; i++) if (d[i] < d[smallest]) smallest = i;
    values[rank] = d[smallest] * scale;
    d[smallest] = Number.POSITIVE_INFINITY;
    for (let i = 0; i < n; i++) vectors[i * n + rank] = basis[smallest * n + i];
  }
}
