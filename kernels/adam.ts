/** Adam's moments and direction in one pass; see src/solvers/directions/adam.ts. */
import { multiplyAdd } from './vector';

/**
 * m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², u = −c₁ m / (c₂ √v + ε), all to new places. Without moments (`first` is 0)
 * they count as zero.
 */
export function adamStep(
  gradient: usize,
  first: usize,
  second: usize,
  newFirst: usize,
  newSecond: usize,
  direction: usize,
  length: i32,
  beta1: f32,
  beta2: f32,
  share1: f32,
  share2: f32,
  correction1: f32,
  correction2: f32,
  epsilon: f32,
): void {
  const zero = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    const g = v128.load(gradient + at);
    const m0 = first == 0 ? zero : v128.load(first + at);
    const v0 = first == 0 ? zero : v128.load(second + at);
    const m = multiplyAdd(f32x4.splat(beta1), m0, f32x4.mul(f32x4.splat(share1), g));
    const v = multiplyAdd(f32x4.splat(beta2), v0, f32x4.mul(f32x4.splat(share2), f32x4.mul(g, g)));
    v128.store(newFirst + at, m);
    v128.store(newSecond + at, v);
    const below = multiplyAdd(f32x4.splat(correction2), f32x4.sqrt(v), f32x4.splat(epsilon));
    v128.store(direction + at, f32x4.div(f32x4.mul(f32x4.splat(-correction1), m), below));
  }
  for (; i < length; i++) {
    const at = (<usize>i) << 2;
    const g = load<f32>(gradient + at);
    let m = share1 * g;
    let v = share2 * (g * g);
    if (first != 0) {
      m += beta1 * load<f32>(first + at);
      v += beta2 * load<f32>(second + at);
    }
    store<f32>(newFirst + at, m);
    store<f32>(newSecond + at, v);
    store<f32>(direction + at, (-correction1 * m) / (correction2 * sqrt(v) + epsilon));
  }
}
