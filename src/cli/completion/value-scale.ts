/** Values of any size brought near 1, by a power of two so that no digit is lost: squares of 1e200 overflow, and those of 1e-200 vanish. */
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';

/** A scale, in both directions. */
export interface PowerOfTwo {
  /** From the units of the values to those of the computation. */
  into(value: number): number;
  /** And back. */
  back(value: number): number;
}

/** The scale that brings the largest magnitude into [1, 2). Each direction takes two factors, since one of them alone may be beyond float64. */
export function sizeOf(values: HostArray): PowerOfTwo {
  let largest = 0;
  for (const value of hostAlgebra().peek(values)) largest = Math.max(largest, Math.abs(value));
  const exponent = largest > 0 ? Math.floor(Math.log2(largest)) : 0;
  const half = Math.trunc(exponent / 2);
  const [first, second] = [2 ** half, 2 ** (exponent - half)];
  return { into: (value) => value / first / second, back: (value) => value * first * second };
}

/** The entries in the units of the computation. */
export function scaledEntries(matrix: CsrMatrix<HostArray>, { into }: Pick<PowerOfTwo, 'into'>): CsrMatrix<HostArray> {
  const la = hostAlgebra();
  return { ...matrix, values: la.fromArray(la.toArray(matrix.values).map(into), [matrix.columnIndices.length]) };
}
