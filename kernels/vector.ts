/** Functions of four float32 numbers at once. */

/** a·b + c. */
// @ts-ignore: AssemblyScript lets a function be inlined by a decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The sum of the four lanes. */
// @ts-ignore: AssemblyScript lets a function be inlined by a decorator
@inline
export function sumOfLanes(x: v128): f32 {
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** The largest of the four lanes. */
// @ts-ignore: AssemblyScript lets a function be inlined by a decorator
@inline
export function largestLane(x: v128): f32 {
  return max(max(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1)), max(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)));
}

/**
 * exp(x) to 2 units in the last place for |x| ≤ 87.3, beyond which x counts as ±87.3. x = n ln 2 + r with |r| ≤ ½ ln 2,
 * ln 2 in two parts so that n ln 2 is exact in the first, and Cephes's polynomial of degree 6 for exp(r) (Moshier,
 * expf.c). Adding 1.5·2²³ rounds to a whole number, which the lowest bits of the sum then hold.
 */
// @ts-ignore: AssemblyScript lets a function be inlined by a decorator
@inline
export function exponential(x: v128): v128 {
  const shift = f32x4.splat(12582912);
  // pmin and pmax are one instruction where min and max are several, and let a NaN in their first operand pass.
  const within = f32x4.pmax(f32x4.pmin(x, f32x4.splat(87.3)), f32x4.splat(-87.3));
  const shifted = f32x4.add(f32x4.mul(within, f32x4.splat(1.44269504088896341)), shift);
  const n = f32x4.sub(shifted, shift);
  const r = f32x4.add(f32x4.sub(within, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = multiplyAdd(p, r, f32x4.splat(1.3981999507e-3));
  p = multiplyAdd(p, r, f32x4.splat(8.3334519073e-3));
  p = multiplyAdd(p, r, f32x4.splat(4.1665795894e-2));
  p = multiplyAdd(p, r, f32x4.splat(1.6666665459e-1));
  p = multiplyAdd(p, r, f32x4.splat(0.5));
  p = f32x4.add(multiplyAdd(p, f32x4.mul(r, r), r), f32x4.splat(1));
  return f32x4.mul(p, i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(127 << 23)));
}

/** 1 / (1 + exp(−x)). */
// @ts-ignore: AssemblyScript lets a function be inlined by a decorator
@inline
export function logistic(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exponential(f32x4.neg(x))));
}

/** The inner product of two vectors. */
export function dot(x: usize, y: usize, length: i32): f32 {
  let sum = f32x4.splat(0);
  let i = 0;
  for (; i + 4 <= length; i += 4) sum = multiplyAdd(v128.load(x + (<usize>i << 2)), v128.load(y + (<usize>i << 2)), sum);
  let rest: f32 = 0;
  for (; i < length; i++) rest += load<f32>(x + (<usize>i << 2)) * load<f32>(y + (<usize>i << 2));
  return sumOfLanes(sum) + rest;
}
