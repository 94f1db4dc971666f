import { dot } from './vector.js';

/** Squares between these bounds neither overflow when a great many are summed, nor lose digits to underflow. */
const SAFE_SMALL = 2 ** -960;
const SAFE_LARGE = 2 ** 960;

/**
 * Computes (Σ x_i²)^½ over `start ≤ i < end`, without overflow or harmful underflow.
 *
 * The plain sum is right if it is well inside the range of float64, as it nearly always is. Otherwise the vector is
 * scaled by a power of two near its largest magnitude (exact, unlike a division by it) and summed again.
 *
 * @returns the norm: 0 for none, infinity if an entry is infinite, NaN if one is NaN. 2 flops per entry.
 */
export function euclideanNorm(x: Float64Array, start: number, end: number): number {
  let sum = dot(end - start, x, start, x, start);
  if (sum > SAFE_SMALL && sum < SAFE_LARGE) return Math.sqrt(sum);
  let largest = 0;
  for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(x[i]));
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  const scaling = powerOfTwoNear(largest);
  sum = 0;
  for (let i = start; i < end; i++) {
    // Two factors, since the reciprocal of a subnormal power of two would itself overflow.
    const scaled = x[i] / scaling.root / scaling.root;
    sum += scaled * scaled;
  }
  return Math.sqrt(sum) * scaling.root * scaling.root;
}

/**
 * Returns a power of two near the magnitude by its square root (also a power of two), so that both it and 1/it are
 * representable.
 */
function powerOfTwoNear(magnitude: number): { readonly root: number } {
  return { root: 2 ** Math.round(Math.log2(magnitude) / 2) };
}
