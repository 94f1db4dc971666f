/** The implicit-shift QR iteration on a bidiagonal matrix. */
import { makeRotation, rotate } from './rotation.js';

/** Cosine and sine of the current rotation. */
const turn = new Float64Array(2);

/** Two sweeps per singular value are typical; LAPACK allows six times the order. */
const SWEEPS_PER_VALUE = 40;

/** An upper bidiagonal matrix with the bases that its rotations turn; columns of the bases run along memory. */
export interface BidiagonalSvd {
  /** Order n of the matrix. */
  readonly n: number;
  /** Diagonal; on return the singular values, with signs and in no order. */
  readonly d: Float64Array;
  /** Superdiagonal, n − 1 entries; on return zero. */
  readonly e: Float64Array;
  /** Left basis, columns of length `uLength`. */
  readonly u: Float64Array;
  readonly uLength: number;
  /** Right basis, columns of length `vLength`. */
  readonly v: Float64Array;
  readonly vLength: number;
}

/**
 * Diagonalizes in place, B = U diag(d) Vᵀ, to absolute accuracy ε·‖B‖. About 12·n²·(uLength + vLength)/2 flops.
 *
 * It differs from Golub and Reinsch's method in that an entry below ε²·‖B‖ always counts as zero: such an entry cannot
 * change a digit of the result, and waiting until it vanishes beside even smaller neighbours takes many sweeps.
 *
 * @returns true if it converged within a bounded number of sweeps.
 * @see Golub and Van Loan, "Matrix Computations", 4th ed., 2013, §8.6.3.
 */
export function diagonalize(b: BidiagonalSvd): boolean {
  const { n, d, e } = b;
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, Math.abs(d[i]), i < n - 1 ? Math.abs(e[i]) : 0);
  const negligible = Number.EPSILON * Number.EPSILON * largest;
  let budget = SWEEPS_PER_VALUE * n;
  for (let last = n - 1; last > 0; ) {
    const first = blockStart(d, e, last, negligible);
    if (first === last) {
      last--;
      continue;
    }
    if (budget-- === 0) return false;
    const zero = zeroOnDiagonal(d, e, first, last, negligible);
    if (zero === last) clearColumn(b, first, last);
    else if (zero >= 0) clearRow(b, zero, last);
    else shiftedSweep(b, first, last);
  }
  return true;
}

/** Returns the first row of the unreduced block that ends at `last`; sets the negligible entry before it to zero. */
function blockStart(d: Float64Array, e: Float64Array, last: number, negligible: number): number {
  for (let k = last - 1; k >= 0; k--) {
    const size = Math.abs(e[k]);
    if (size > negligible && size > 0.5 * Number.EPSILON * (Math.abs(d[k]) + Math.abs(d[k + 1]))) continue;
    e[k] = 0;
    return k + 1;
  }
  return 0;
}

/**
 * Sets the last diagonal entry in the block that is negligible beside its neighbours to zero; returns its place or −1.
 */
function zeroOnDiagonal(d: Float64Array, e: Float64Array, first: number, last: number, negligible: number): number {
  for (let k = last; k >= first; k--) {
    const neighbours = (k < last ? Math.abs(e[k]) : 0) + (k > first ? Math.abs(e[k - 1]) : 0);
    const size = Math.abs(d[k]);
    if (size > negligible && size > 0.5 * Number.EPSILON * neighbours) continue;
    d[k] = 0;
    return k;
  }
  return -1;
}

/** d_last = 0: rotations from the right chase e_{last−1} up the last column and out of the block. */
function clearColumn({ d, e, v, vLength }: BidiagonalSvd, first: number, last: number): void {
  let bulge = e[last - 1];
  e[last - 1] = 0;
  for (let k = last - 1; k >= first && bulge !== 0; k--) {
    d[k] = makeRotation(d[k], bulge, turn);
    const [c, s] = [turn[0], turn[1]];
    if (k > first) {
      bulge = -s * e[k - 1];
      e[k - 1] *= c;
    }
    rotate(vLength, v, k * vLength, last * vLength, c, s);
  }
}

/** d_zero = 0: rotations from the left chase e_zero along its row and out of the block, which then splits. */
function clearRow({ d, e, u, uLength }: BidiagonalSvd, zero: number, last: number): void {
  let bulge = e[zero];
  e[zero] = 0;
  for (let k = zero + 1; k <= last && bulge !== 0; k++) {
    d[k] = makeRotation(d[k], bulge, turn);
    const [c, s] = [turn[0], turn[1]];
    if (k < last) {
      bulge = -s * e[k];
      e[k] *= c;
    }
    rotate(uLength, u, k * uLength, zero * uLength, c, s);
  }
}

/** One implicit QR sweep on BᵀB, from the top of the block to its bottom. */
function shiftedSweep({ d, e, u, uLength, v, vLength }: BidiagonalSvd, first: number, last: number): void {
  const scale = blockScale(d, e, first, last);
  let f = leadingEntry(d, e, first, last, scale);
  let g = (d[first] / scale) * (e[first] / scale);
  for (let k = first; k < last; k++) {
    const chased = makeRotation(f, g, turn);
    let c = turn[0];
    let s = turn[1];
    if (k > first) e[k - 1] = chased;
    f = c * d[k] + s * e[k];
    e[k] = c * e[k] - s * d[k];
    g = s * d[k + 1];
    d[k + 1] *= c;
    rotate(vLength, v, k * vLength, (k + 1) * vLength, c, s);

    d[k] = makeRotation(f, g, turn);
    c = turn[0];
    s = turn[1];
    f = c * e[k] + s * d[k + 1];
    d[k + 1] = c * d[k + 1] - s * e[k];
    if (k < last - 1) {
      g = s * e[k + 1];
      e[k + 1] *= c;
    }
    rotate(uLength, u, k * uLength, (k + 1) * uLength, c, s);
  }
  e[last - 1] = f;
}

/** The largest entry that the shift depends on: relative to it, no square leaves the range of float64. */
function blockScale(d: Float64Array, e: Float64Array, first: number, last: number): number {
  const before = last - 1 > first ? Math.abs(e[last - 2]) : 0;
  return Math.max(Math.abs(d[last]), Math.abs(d[last - 1]), Math.abs(e[last - 1]), before, Math.abs(d[first]), Math.abs(e[first]));
}

/** (d_first² − μ) / scale², for the eigenvalue μ of the trailing 2×2 block of BᵀB that is nearer to its last entry. */
function leadingEntry(d: Float64Array, e: Float64Array, first: number, last: number, scale: number): number {
  const w = last - 1 > first ? e[last - 2] / scale : 0;
  const x = d[last - 1] / scale;
  const y = e[last - 1] / scale;
  const z = d[last] / scale;
  const half = ((x + z) * (x - z) + (w - y) * (w + y)) / 2;
  const off = x * y;
  const root = Math.sqrt(half * half + off * off);
  const denominator = half >= 0 ? half + root : half - root;
  const correction = denominator === 0 ? 0 : (off * off) / denominator;
  const head = d[first] / scale;
  return (head - z) * (head + z) - y * y + correction;
}
