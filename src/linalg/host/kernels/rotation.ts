/** Plane rotations, applied along memory. */

/** Computes (x² + y²)^½. Several times faster than `Math.hypot`, called only if squares would overflow or vanish. */
export function pythagoras(x: number, y: number): number {
  const plain = Math.sqrt(x * x + y * y);
  return plain > SMALLEST_SAFE && plain < LARGEST_SAFE ? plain : Math.hypot(x, y);
}

const SMALLEST_SAFE = 2 ** -450;
const LARGEST_SAFE = 2 ** 500;

/** Below this, r itself may have lost digits to underflow. */
const SMALLEST_NORM = 2 ** -960;
const SCALE_UP = 2 ** 600;

/**
 * Makes the rotation that maps (x, y) to (r, 0): c x + s y = r and c y − s x = 0, with c ≥ 0. It is orthogonal to
 * rounding for every x and y, subnormal ones too.
 *
 * By LAPACK's convention (dlartg), r takes the sign of x, so that a rotation by a small angle is near the identity. As
 * the reflections are LAPACK's too, singular vectors change sign as often as LAPACK's do: published runs of BaLoRA,
 * whose moments stay behind, depend on it.
 *
 * @param turn - receives c and s; the identity for x = y = 0.
 * @returns r.
 */
export function makeRotation(x: number, y: number, turn: Float64Array): number {
  const length = pythagoras(x, y);
  if (length < SMALLEST_NORM) {
    if (length > 0) return makeRotation(x * SCALE_UP, y * SCALE_UP, turn) / SCALE_UP;
    turn[0] = 1;
    turn[1] = 0;
    return 0;
  }
  const r = x < 0 ? -length : length;
  turn[0] = x / r;
  turn[1] = y / r;
  return r;
}

/** (x, y) ← (c x + s y, c y − s x) for the runs of a length that begin at p and q. 6·length flops. */
export function rotate(length: number, x: Float64Array, p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < length; i++) {
    const a = x[p + i];
    const b = x[q + i];
    x[p + i] = c * a + s * b;
    x[q + i] = c * b - s * a;
  }
}
