/**
 * One-sided Jacobi singular value decomposition: rotations make the columns of a matrix orthogonal, two at a time;
 * their lengths are then the singular values. Slower than bidiagonalization for large matrices, and more accurate:
 * errors are relative to each σ.
 *
 * Differences from Drmač and Veselić's algorithm (LAPACK's dgejsv): one pivoted QR instead of two, and no choice
 * between R and Rᵀ.
 *
 * @see Demmel and Veselić, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl. 13(4), 1992; Drmač
 * and Veselić, "New fast and accurate Jacobi SVD algorithm I", SIAM J. Matrix Anal. Appl. 29(4), 2008.
 */
import { NumericalError } from '../../../core/errors.js';
import { completeBasis } from './complete-basis.js';
import { euclideanNorm } from './euclidean-norm.js';
import { applyQ, factorColumnsPivoted } from './householder.js';
import { rotate } from './rotation.js';
import { safeScale } from './scaling.js';
import { transposeInto } from './transpose.js';
import { dot } from './vector.js';
import { createWorkspace } from './workspace.js';

const columnSpace = createWorkspace();
const triangleSpace = createWorkspace();
const rotationSpace = createWorkspace();
const leftSpace = createWorkspace();
const smallSpace = createWorkspace();

/** Ten sweeps are many; convergence is quadratic at the end. */
const MOST_SWEEPS = 60;

/**
 * Thin SVD of an m×n matrix, each σ to high relative accuracy where the matrix determines it: for A = B D with D
 * diagonal, the error is a small multiple of ε·κ(B), whatever D. If m < n, the rows may be so scaled instead.
 *
 * @param a - m×n, row-major; not modified.
 * @param u - m×p, p = min(m, n), overwritten.
 * @param s - p values, descending, overwritten.
 * @param v - n×p, overwritten.
 * @throws NumericalError if the sweeps do not converge.
 */
export function jacobiSvd(m: number, n: number, a: Float64Array, u: Float64Array, s: Float64Array, v: Float64Array): void {
  const columns = columnSpace(m * n);
  if (m >= n) {
    transposeInto(m, n, a, columns);
    tallSvd(m, n, columns, safeScale(a), u, s, v);
  } else {
    // A row-major wide matrix is its tall transpose stored by columns.
    columns.set(a);
    tallSvd(n, m, columns, safeScale(a), v, s, u);
  }
}

/**
 * A P = Q R, Rᵀ W = X Σ with orthonormal X and W, hence A = (Q W) Σ (P X)ᵀ. The matrix comes by columns and is
 * overwritten.
 */
function tallSvd(m: number, n: number, columns: Float64Array, scale: number, u: Float64Array, s: Float64Array, v: Float64Array): void {
  const small = smallSpace(5 * n);
  const taus = small.subarray(0, n);
  const norms = small.subarray(n, 3 * n);
  const order = small.subarray(3 * n, 4 * n);
  const pivots = new Int32Array(n);
  if (scale !== 1) for (let i = 0; i < m * n; i++) columns[i] /= scale;
  factorColumnsPivoted(m, n, columns, taus, pivots, norms);

  const triangle = triangleSpace(n * n);
  const rotations = rotationSpace(n * n);
  for (let k = 0; k < n; k++) {
    // Column k of Rᵀ is row k of R.
    for (let j = 0; j < n; j++) triangle[k * n + j] = j < k ? 0 : columns[j * m + k];
    for (let j = 0; j < n; j++) rotations[k * n + j] = j === k ? 1 : 0;
  }
  orthogonalize(n, n, triangle, rotations, norms);

  for (let j = 0; j < n; j++) order[j] = j;
  order.sort((i, j) => norms[j] - norms[i]);
  const left = leftSpace(m * n);
  left.fill(0, 0, m * n);
  let rank = 0;
  for (let place = 0; place < n; place++) {
    const j = order[place];
    s[place] = norms[j] * scale;
    for (let i = 0; i < n; i++) left[place * m + i] = rotations[j * n + i];
    if (norms[j] < SHORTEST) continue;
    rank = place + 1;
    for (let i = 0; i < n; i++) v[pivots[i] * n + place] = triangle[j * n + i] / norms[j];
  }
  if (rank < n) completeBasis(n, n, rank, v);
  applyQ(m, n, columns, taus, n, left);
  transposeInto(n, m, left, u);
}

/**
 * Rotates the columns of a matrix, and with them those of an n×n one, until any two are orthogonal to rounding.
 *
 * @param x - m×n, by columns.
 * @param rotations - n×n, by columns.
 * @param norms - the lengths of the columns of x, on return.
 * @throws NumericalError after too many sweeps.
 */
function orthogonalize(m: number, n: number, x: Float64Array, rotations: Float64Array, norms: Float64Array): void {
  const tolerance = Number.EPSILON * Math.max(2, Math.sqrt(m));
  for (let j = 0; j < n; j++) norms[j] = euclideanNorm(x, j * m, (j + 1) * m);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        if (orthogonalizePair(m, n, x, rotations, norms, p, q, tolerance)) rotated = true;
      }
    }
    if (!rotated) return;
  }
  throw new NumericalError(
    `svd: the Jacobi iteration on an ${m}×${n} block did not converge; this should not happen for finite input, please report it`,
  );
}

/** Lengths whose products and squares are safe. */
const SMALLEST_SAFE = 2 ** -480;

/**
 * Shorter columns (of a matrix scaled to about one, unless far from over- and underflow) are made of subnormal numbers,
 * too coarse to be made orthogonal to anything or to be normalized: their length stands for σ, and their vectors come
 * from completing the basis.
 */
const SHORTEST = 2 ** -1000;

/** Rotates two columns if they are not orthogonal. @returns true if it did. */
function orthogonalizePair(
  m: number,
  n: number,
  x: Float64Array,
  rotations: Float64Array,
  norms: Float64Array,
  p: number,
  q: number,
  tolerance: number,
): boolean {
  const normP = norms[p];
  const normQ = norms[q];
  if (normP < SHORTEST || normQ < SHORTEST) return false;
  const cosine = cosineOf(m, x, p * m, q * m, normP, normQ);
  if (!(Math.abs(cosine) > tolerance)) return false;
  const smaller = Math.min(normP, normQ);
  const larger = Math.max(normP, normQ);
  if (smaller < Number.EPSILON * larger) {
    // The rotation is by less than rounding, yet the short column may be parallel to the long one: subtract that part.
    const [long, short] = normP > normQ ? [p, q] : [q, p];
    subtractProjection(m, x, long * m, short * m, larger, cosine * smaller);
    subtractProjection(n, rotations, long * n, short * n, 1, cosine * (smaller / larger));
    norms[short] = euclideanNorm(x, short * m, (short + 1) * m);
    return true;
  }
  const zeta = (normQ / normP - normP / normQ) / (2 * cosine);
  const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
  const c = 1 / Math.sqrt(1 + t * t);
  rotate(m, x, q * m, p * m, c, c * t);
  rotate(n, rotations, q * n, p * n, c, c * t);
  norms[p] = euclideanNorm(x, p * m, (p + 1) * m);
  norms[q] = euclideanNorm(x, q * m, (q + 1) * m);
  return true;
}

function cosineOf(m: number, x: Float64Array, p: number, q: number, normP: number, normQ: number): number {
  if (normP > SMALLEST_SAFE && normQ > SMALLEST_SAFE) return dot(m, x, p, x, q) / normP / normQ;
  let sum = 0;
  for (let i = 0; i < m; i++) sum += (x[p + i] / normP) * (x[q + i] / normQ);
  return sum;
}

/** Subtracts from column `short` the multiple `length` of the direction of column `long`. */
function subtractProjection(m: number, x: Float64Array, long: number, short: number, longNorm: number, length: number): void {
  for (let i = 0; i < m; i++) x[short + i] -= (x[long + i] / longNorm) * length;
}
