/**
 * Normalization, activation and rotation of Llama-like layers; formulas in src/nn (rms-norm.ts, swiglu.ts, rope.ts).
 */
import { dot, logistic, multiplyAdd, sumOfLanes } from './vector';

/** y = g ∘ x r with r = (mean(x²) + ε)^(−1/2) for each of `rows` vectors; r is written to `inverse`. */
export function rmsNorm(x: usize, gain: usize, y: usize, inverse: usize, rows: i32, length: i32, epsilon: f32): void {
  const bytes = (<usize>length) << 2;
  for (let row = 0; row < rows; row++) {
    const r = <f32>(1 / sqrt(<f64>dot(x, x, length) / <f64>length + <f64>epsilon));
    store<f32>(inverse + ((<usize>row) << 2), r);
    let i: usize = 0;
    for (; i + 16 <= bytes; i += 16) v128.store(y + i, f32x4.mul(f32x4.mul(v128.load(x + i), f32x4.splat(r)), v128.load(gain + i)));
    for (; i < bytes; i += 4) store<f32>(y + i, load<f32>(x + i) * r * load<f32>(gain + i));
    x += bytes;
    y += bytes;
  }
}

/** ∂x = r (g ∘ ȳ − x̂ mean(g ∘ ȳ ∘ x̂)), x̂ = x r. */
export function rmsNormBack(dy: usize, x: usize, gain: usize, inverse: usize, dx: usize, rows: i32, length: i32): void {
  const bytes = (<usize>length) << 2;
  for (let row = 0; row < rows; row++) {
    const r = load<f32>(inverse + ((<usize>row) << 2));
    let sum = f32x4.splat(0);
    let rest: f32 = 0;
    let i: usize = 0;
    for (; i + 16 <= bytes; i += 16) sum = multiplyAdd(f32x4.mul(v128.load(dy + i), v128.load(gain + i)), v128.load(x + i), sum);
    for (; i < bytes; i += 4) rest += load<f32>(dy + i) * load<f32>(gain + i) * load<f32>(x + i);
    const shared = (-r * r * r * (sumOfLanes(sum) + rest)) / <f32>length;
    for (i = 0; i + 16 <= bytes; i += 16) {
      const direct = f32x4.mul(f32x4.mul(v128.load(dy + i), v128.load(gain + i)), f32x4.splat(r));
      v128.store(dx + i, multiplyAdd(v128.load(x + i), f32x4.splat(shared), direct));
    }
    for (; i < bytes; i += 4) store<f32>(dx + i, load<f32>(dy + i) * load<f32>(gain + i) * r + load<f32>(x + i) * shared);
    x += bytes;
    dy += bytes;
    dx += bytes;
  }
}

/** y = g σ(g) ∘ u. */
export function swiglu(gate: usize, up: usize, y: usize, length: i32): void {
  let at: usize = 0;
  const end = <usize>length << 2;
  for (; at + 16 <= end; at += 16) {
    const g = v128.load(gate + at);
    v128.store(y + at, f32x4.mul(f32x4.mul(g, logistic(g)), v128.load(up + at)));
  }
  for (; at < end; at += 4) {
    const g = v128.load32_splat(gate + at);
    v128.store_lane<f32>(y + at, f32x4.mul(f32x4.mul(g, logistic(g)), v128.load32_splat(up + at)), 0);
  }
}

/** ∂u = ȳ g σ(g), ∂g = ȳ u (σ(g) + g σ(g) (1 − σ(g))). */
export function swigluBack(dy: usize, gate: usize, up: usize, dgate: usize, dup: usize, length: i32): void {
  let at: usize = 0;
  const end = <usize>length << 2;
  for (; at + 16 <= end; at += 16) {
    const g = v128.load(gate + at);
    const given = v128.load(dy + at);
    const sigma = logistic(g);
    const silu = f32x4.mul(g, sigma);
    const slope = f32x4.add(sigma, f32x4.mul(silu, f32x4.sub(f32x4.splat(1), sigma)));
    v128.store(dgate + at, f32x4.mul(f32x4.mul(given, v128.load(up + at)), slope));
    v128.store(dup + at, f32x4.mul(given, silu));
  }
  for (; at < end; at += 4) {
    const g = v128.load32_splat(gate + at);
    const given = v128.load32_splat(dy + at);
    const sigma = logistic(g);
    const silu = f32x4.mul(g, sigma);
    const slope = f32x4.add(sigma, f32x4.mul(silu, f32x4.sub(f32x4.splat(1), sigma)));
    v128.store_lane<f32>(dgate + at, f32x4.mul(f32x4.mul(given, v128.load32_splat(up + at)), slope), 0);
    v128.store_lane<f32>(dup + at, f32x4.mul(given, silu), 0);
  }
}

/**
 * Rotates the halves of every head: C ∘ x + sign S ∘ P x, by tables [tokens, size] that repeat for every sequence. The
 * second half of a table repeats the first, with the sines negated.
 */
export function rotate(x: usize, cos: usize, sin: usize, y: usize, rows: i32, tokens: i32, heads: i32, size: i32, sign: f32): void {
  const width = <usize>(size / 2) << 2;
  for (let row = 0; row < rows; row++) {
    const table = <usize>((row % tokens) * size) << 2;
    for (let head = 0; head < heads; head++) {
      let i: usize = 0;
      for (; i + 16 <= width; i += 16) {
        const first = v128.load(x + i);
        const second = v128.load(x + width + i);
        const c = v128.load(cos + table + i);
        const s = f32x4.mul(v128.load(sin + table + i), f32x4.splat(sign));
        v128.store(y + i, f32x4.add(f32x4.mul(c, first), f32x4.mul(s, second)));
        v128.store(y + width + i, f32x4.sub(f32x4.mul(c, second), f32x4.mul(s, first)));
      }
      for (; i < width; i += 4) {
        const first = load<f32>(x + i);
        const second = load<f32>(x + width + i);
        const c = load<f32>(cos + table + i);
        const s = load<f32>(sin + table + i) * sign;
        store<f32>(y + i, c * first + s * second);
        store<f32>(y + width + i, c * second - s * first);
      }
      x += width << 1;
      y += width << 1;
    }
  }
}
