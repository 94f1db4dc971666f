/**
 * Householder reflections on a matrix stored by columns: entry (i, j) of an m-row matrix is `a[j·m + i]`, so that every
 * loop runs along memory. H = I − τ v vᵀ with v_k = 1; the rest of v is kept below the diagonal.
 *
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, §5.1–5.2.
 */
import { euclideanNorm } from './euclidean-norm.js';
import { pythagoras } from './rotation.js';
import { addMultiple, dot } from './vector.js';

/**
 * Below this, a column is scaled up before its reflection is formed: with subnormal numbers H would not be orthogonal.
 */
const SMALLEST_NORM = 2 ** -960;
const SCALE_UP = 2 ** 600;

/**
 * Forms the reflection that maps x to (β, 0, …, 0), |β| = ‖x‖, in place.
 *
 * @param x - the vector at `start ≤ i < end`; on return its first entry is β, the others the tail of v.
 * @returns τ; 0 (no reflection) if the tail is zero already.
 */
export function makeReflector(x: Float64Array, start: number, end: number): number {
  const tail = euclideanNorm(x, start + 1, end);
  if (tail === 0) return 0;
  const head = x[start];
  const norm = pythagoras(head, tail);
  if (norm < SMALLEST_NORM) {
    for (let i = start; i < end; i++) x[i] *= SCALE_UP;
    const tau = makeReflector(x, start, end);
    x[start] /= SCALE_UP;
    return tau;
  }
  // β takes the sign opposite to the head, so that head − β does not cancel.
  const beta = head > 0 ? -norm : norm;
  const pivot = head - beta;
  for (let i = start + 1; i < end; i++) x[i] /= pivot;
  x[start] = beta;
  return -pivot / beta;
}

/** Below this length two more calls cost more than their unrolled loops save (a quarter of an 8×8 factorization). */
const SHORT = 16;

/**
 * y ← (I − τ v vᵀ) y, for v in `vectors[from + 1 … from + length − 1]` with an implied leading one, and y in
 * `target[to … to + length − 1]`. 4·length flops.
 */
export function applyReflector(vectors: Float64Array, from: number, length: number, tau: number, target: Float64Array, to: number): void {
  if (tau === 0) return;
  if (length < SHORT) {
    let product = target[to];
    for (let i = 1; i < length; i++) product += vectors[from + i] * target[to + i];
    const step = tau * product;
    target[to] -= step;
    for (let i = 1; i < length; i++) target[to + i] -= step * vectors[from + i];
    return;
  }
  const weight = tau * (target[to] + dot(length - 1, vectors, from + 1, target, to + 1));
  target[to] -= weight;
  addMultiple(length - 1, -weight, vectors, from + 1, target, to + 1);
}

/**
 * QR in place: on return the upper triangle holds R, the rest the reflections, with τ in `taus`. 2·m·n² − ⅔·n³ flops.
 *
 * @param a - m×n, by columns.
 */
export function factorColumns(m: number, n: number, a: Float64Array, taus: Float64Array): void {
  const steps = Math.min(m, n);
  for (let k = 0; k < steps; k++) {
    const pivot = k * m + k;
    const tau = makeReflector(a, pivot, (k + 1) * m);
    taus[k] = tau;
    for (let j = k + 1; j < n; j++) applyReflector(a, pivot, m - k, tau, a, j * m + k);
  }
}

/**
 * QR with column pivoting in place, A P = Q R: at each step the column whose remaining part is longest comes next, so
 * that the rows of R decrease in size. Remaining norms are downdated, and computed afresh once cancellation has eaten
 * half their digits.
 *
 * @param a - m×n, m ≥ n, by columns; overwritten as by {@link factorColumns}.
 * @param pivots - on return `pivots[k]` is the original column at place k.
 * @see Drmač and Bujanović, "On the failure of rank-revealing QR factorization software", ACM TOMS 35(2), 2008.
 */
export function factorColumnsPivoted(
  m: number,
  n: number,
  a: Float64Array,
  taus: Float64Array,
  pivots: Int32Array,
  norms: Float64Array,
): void {
  for (let j = 0; j < n; j++) {
    pivots[j] = j;
    norms[j] = norms[n + j] = euclideanNorm(a, j * m, (j + 1) * m);
  }
  for (let k = 0; k < n; k++) {
    let longest = k;
    for (let j = k + 1; j < n; j++) if (norms[j] > norms[longest]) longest = j;
    if (longest !== k) swapColumns(m, a, k, longest, pivots, norms, n);
    const pivot = k * m + k;
    const tau = makeReflector(a, pivot, (k + 1) * m);
    taus[k] = tau;
    for (let j = k + 1; j < n; j++) {
      applyReflector(a, pivot, m - k, tau, a, j * m + k);
      if (norms[j] === 0) continue;
      const ratio = Math.abs(a[j * m + k]) / norms[j];
      const kept = Math.max(0, (1 - ratio) * (1 + ratio));
      const relative = norms[j] / norms[n + j];
      if (kept * relative * relative <= HALF_THE_DIGITS) {
        norms[j] = norms[n + j] = euclideanNorm(a, j * m + k + 1, (j + 1) * m);
      } else {
        norms[j] *= Math.sqrt(kept);
      }
    }
  }
}

/** √ε: a downdated square below this fraction of the norm it started from has lost half its digits. */
const HALF_THE_DIGITS = 2 ** -26;

function swapColumns(m: number, a: Float64Array, j: number, k: number, pivots: Int32Array, norms: Float64Array, n: number): void {
  for (let i = 0; i < m; i++) {
    const entry = a[j * m + i];
    a[j * m + i] = a[k * m + i];
    a[k * m + i] = entry;
  }
  const pivot = pivots[j];
  pivots[j] = pivots[k];
  pivots[k] = pivot;
  // The place of column j becomes the pivot, whose norm is not needed again.
  norms[k] = norms[j];
  norms[n + k] = norms[n + j];
}

/**
 * target ← Q target for the Q of {@link factorColumns}. 4·m·n·k flops for n reflections.
 *
 * @param a - the reflections, m rows, `steps` of them, with `taus`.
 * @param target - m×k, by columns.
 */
export function applyQ(m: number, steps: number, a: Float64Array, taus: Float64Array, k: number, target: Float64Array): void {
  for (let step = steps - 1; step >= 0; step--) {
    for (let j = 0; j < k; j++) applyReflector(a, step * m + step, m - step, taus[step], target, j * m + step);
  }
}

/** The first p columns of Q, by columns into `q` (m×p). Column j is touched only by the first j + 1 reflections. */
export function formQ(m: number, p: number, a: Float64Array, taus: Float64Array, q: Float64Array): void {
  q.fill(0, 0, m * p);
  for (let j = 0; j < p; j++) q[j * m + j] = 1;
  for (let step = p - 1; step >= 0; step--) {
    for (let j = step; j < p; j++) applyReflector(a, step * m + step, m - step, taus[step], q, j * m + step);
  }
}
