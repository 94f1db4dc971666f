/** Sums of vectors, and their inner products in float64. */
import { multiplyAdd } from './vector';

/** z = a x + y. */
export function axpy(a: f32, x: usize, y: usize, z: usize, length: i32): void {
  const end = <usize>length << 2;
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) v128.store(z + at, multiplyAdd(f32x4.splat(a), v128.load(x + at), v128.load(y + at)));
  for (; at < end; at += 4) store<f32>(z + at, a * load<f32>(x + at) + load<f32>(y + at));
}

/** Σ x_i y_i. Products of float32 numbers are exact in float64, and neither overflow nor vanish there. */
export function inner(x: usize, y: usize, length: i32): f64 {
  const end = <usize>length << 2;
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) {
    const a = v128.load(x + at);
    const b = v128.load(y + at);
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)));
    const a2 = v128.shuffle<i32>(a, a, 2, 3, 2, 3);
    const b2 = v128.shuffle<i32>(b, b, 2, 3, 2, 3);
    high = f64x2.add(high, f64x2.mul(f64x2.promote_low_f32x4(a2), f64x2.promote_low_f32x4(b2)));
  }
  const sums = f64x2.add(low, high);
  let sum = f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1);
  for (; at < end; at += 4) sum += <f64>load<f32>(x + at) * <f64>load<f32>(y + at);
  return sum;
}
