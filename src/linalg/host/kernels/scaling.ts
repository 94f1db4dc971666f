/**
 * Magnitudes between these bounds can be squared, and a great many of the squares summed, without leaving the range of
 * float64.
 */
const SMALLEST_SAFE = 2 ** -400;
const LARGEST_SAFE = 2 ** 400;

/**
 * Returns a power of two by which to divide a matrix before factoring it, so that squares neither overflow nor vanish.
 *
 * @param lowerTriangleOf - the order of a symmetric matrix of which only the lower triangle counts.
 * @returns 1 for magnitudes in the safe range (nearly always) and for zero; else a power of two near the largest
 * magnitude. Dividing by it is exact but for entries that become subnormal, which are below ε times the largest.
 */
export function safeScale(a: Float64Array, lowerTriangleOf?: number): number {
  let largest = 0;
  if (lowerTriangleOf === undefined) {
    for (let i = 0; i < a.length; i++) {
      const magnitude = Math.abs(a[i]);
      if (magnitude > largest) largest = magnitude;
    }
  } else {
    for (let i = 0; i < lowerTriangleOf; i++) {
      for (let j = 0; j <= i; j++) {
        const magnitude = Math.abs(a[i * lowerTriangleOf + j]);
        if (magnitude > largest) largest = magnitude;
      }
    }
  }
  if (largest === 0 || (largest > SMALLEST_SAFE && largest < LARGEST_SAFE)) return 1;
  // 2^1023 is the largest power of two there is; below, the smallest normal one, since 1/s must be finite as well.
  return 2 ** Math.max(-1022, Math.min(1023, Math.floor(Math.log2(largest))));
}
