/**
 * Scaling of values of any size to near 1, by a power of two so that no digit is lost: squares of 1e200 overflow, and
 * those of 1e-200 vanish.
 */
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';

/** Scaling by a power of two, in both directions. */
export interface PowerOfTwo {
  /** Converts from the units of the values to those of the computation. */
  into(value: number): number;
  /** Converts back to the units of the values. */
  back(value: number): number;
}

/**
 * Returns the scale that brings the largest magnitude into [1, 2). Each direction takes two factors, since a single one
 * may lie outside float64.
 */
export function sizeOf(values: HostArray): PowerOfTwo {
  let largest = 0;
  for (const value of hostAlgebra().peek(values)) largest = Math.max(largest, Math.abs(value));
  const exponent = largest > 0 ? Math.floor(Math.log2(largest)) : 0;
  const half = Math.trunc(exponent / 2);
  const [first, second] = [2 ** half, 2 ** (exponent - half)];
  return { into: (value) => value / first / second, back: (value) => value * first * second };
}

/** Returns the entries in the units of the computation. */
export function scaledEntries(matrix: CsrMatrix<HostArray>, { into }: Pick<PowerOfTwo, 'into'>): CsrMatrix<HostArray> {
  const la = hostAlgebra();
  return { ...matrix, values: la.fromArray(la.toArray(matrix.values).map(into), [matrix.columnIndices.length]) };
}
