/** Plane rotations, applied along memory. */

/** (x² + y²)^½. Several times faster than `Math.hypot`, which is called only where squares would overflow or vanish. */
export function pythagoras(x: number, y: number): number {
  const plain = Math.sqrt(x * x + y * y);
  return plain > SMALLEST_SAFE && plain < LARGEST_SAFE ? plain : Math.hypot(x, y);
}

const SMALLEST_SAFE = 2 ** -450;
const LARGEST_SAFE = 2 ** 500;

/** (x, y) ← (c x + s y, c y − s x) for the runs of a length that begin at p and q. 6·length flops. */
export function rotate(length: number, x: Float64Array, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < length; i++) {
    const a = x[p + i];
    const b = x[q + i];
    x[p + i] = c * a + s * b;
    x[q + i] = c * b - s * a;
  }
}
