/**
 * Scaling of values of any size to near 1, by a power of two so that no digit is lost: squares of 1e200 overflow, and
 * those of 1e-200 vanish.
 */
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';

/** Scaling by a power of two, in both directions. */
export interface PowerOfTwo {
  /** Converts from the units of the values to those of the computation. */
  into(value: number): number;
  /** Converts back to the units of the values. */
  back(value: number): number;
  /** The two factors that convert back, one after the other, since a single one may lie outside float64. */
  readonly factors: readonly [number, number];
}

/** Returns the scale that brings the largest magnitude into [1, 2). */
export function sizeOf(values: HostArray): PowerOfTwo {
  const largest = hostAlgebra()
    .peek(values)
    .reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return powerOfTwo(largest > 0 ? Math.floor(Math.log2(largest)) : 0);
}

function powerOfTwo(exponent: number): PowerOfTwo {
  const half = Math.trunc(exponent / 2);
  const [first, second] = [2 ** half, 2 ** (exponent - half)];
  return { into: (value) => value / first / second, back: (value) => value * first * second, factors: [first, second] };
}

/** Largest exponents of two of magnitudes whose squares, times ε², are safe. */
const safeExponent = { float64: 100, float32: 20 };

/**
 * Returns the scale, of two equal factors, that brings the largest magnitude of an array on any engine into [1, 4), if
 * squares may leave the range of numbers; `undefined` if not, so that nothing has to be converted.
 */
export async function scaleBeyondSquares<M>(la: LinearAlgebra<M>, values: M): Promise<PowerOfTwo | undefined> {
  const largest = await la.maxAbs(values);
  const exponent = largest > 0 && Number.isFinite(largest) ? Math.log2(largest) : 0;
  return Math.abs(exponent) <= safeExponent[la.dtype] ? undefined : powerOfTwo(2 * Math.floor(exponent / 2));
}

/** Returns an array in the units of the computation. */
export function arrayInto<M>(la: LinearAlgebra<M>, x: M, { factors: [first, second] }: PowerOfTwo): M {
  return la.scale(1 / second, la.scale(1 / first, x));
}

/** Returns an array in the units of the values. */
export function arrayBack<M>(la: LinearAlgebra<M>, x: M, { factors: [first, second] }: PowerOfTwo): M {
  return la.scale(second, la.scale(first, x));
}

/** Returns the entries in the units of the computation. */
export function scaledEntries(matrix: CsrMatrix<HostArray>, { into }: Pick<PowerOfTwo, 'into'>): CsrMatrix<HostArray> {
  const la = hostAlgebra();
  return { ...matrix, values: la.fromArray(la.toArray(matrix.values).map(into), [matrix.columnIndices.length]) };
}

/** Returns a reason for stopping with the units of the numbers in it. */
export function inScaledUnits(reason: string, { back }: PowerOfTwo): string {
  return `${reason}, for the values divided by ${back(1).toExponential(1)}`;
}
