/** Sixteen-bit numbers to float32, exactly. */

/** bfloat16: its bits are the upper half of a float32's. */
export function widenBrains(from: usize, to: usize, length: i32): void {
  const end = to + ((<usize>length) << 2);
  for (; to + 16 <= end; to += 16) {
    v128.store(to, i32x4.shl(v128.load16x4_u(from), 16));
    from += 8;
  }
  for (; to < end; to += 4) {
    store<u32>(to, (<u32>load<u16>(from)) << 16);
    from += 2;
  }
}

/**
 * IEEE half precision. Exponent and mantissa, moved to their places in a float32, stand for the number by 2⁻¹¹²,
 * subnormal ones included, so that one product sets it right; the largest exponent means infinity or NaN.
 */
export function widenHalves(from: usize, to: usize, length: i32): void {
  const end = to + ((<usize>length) << 2);
  for (; to + 16 <= end; to += 16) {
    v128.store(to, widened(v128.load16x4_u(from)));
    from += 8;
  }
  for (; to < end; to += 4) {
    store<f32>(to, f32x4.extract_lane(widened(i32x4.splat(load<u16>(from))), 0));
    from += 2;
  }
}

function widened(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  const finite = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.splat(5.192296858534828e33));
  const special = v128.or(i32x4.shl(magnitude, 13), i32x4.splat(0x7f800000));
  const isSpecial = i32x4.gt_u(magnitude, i32x4.splat(0x7bff));
  return v128.or(v128.bitselect(special, finite, isSpecial), sign);
}
