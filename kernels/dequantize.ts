/**
 * Entries of quantized matrices to float32: the value of a code times the scale of its block. Blocks are counted from
 * the beginning of the matrix, so that the first one here may have begun before.
 */

/**
 * Signed bytes.
 *
 * @param scales - float32, one for each block from that of the first entry on.
 * @param phase - entries of the first block that are before the first entry.
 * @param block - entries in a block.
 */
export function widenBytes(from: usize, to: usize, length: i32, scales: usize, phase: i32, block: i32): void {
  let left = block - phase;
  while (length > 0) {
    const count = min(left, length);
    const scale = load<f32>(scales);
    const factor = f32x4.splat(scale);
    let i = 0;
    for (; i + 8 <= count; i += 8) {
      const words = v128.load8x8_s(from + i);
      const at = to + ((<usize>i) << 2);
      v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words)), factor));
      v128.store(at + 16, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(words)), factor));
    }
    for (; i < count; i++) store<f32>(to + ((<usize>i) << 2), scale * <f32>(<i32>load<i8>(from + i)));
    from += count;
    to += (<usize>count) << 2;
    scales += 4;
    length -= count;
    left = block;
  }
}

/**
 * Two entries a byte, the first in the upper half.
 *
 * @param skip - 1 if the first entry is the lower half of the first byte, else 0.
 * @param pairs - the values of both halves of each of the 256 bytes, float32.
 */
export function widenNibbles(
  from: usize,
  skip: i32,
  pairs: usize,
  to: usize,
  length: i32,
  scales: usize,
  phase: i32,
  block: i32,
): void {
  let left = block - phase;
  let at = skip;
  while (length > 0) {
    const count = min(left, length);
    const end = at + count;
    const scale = load<f32>(scales);
    const factor = f32x4.splat(scale);
    if (at & 1) {
      store<f32>(to, scale * load<f32>(halves(from, at, pairs) + 4));
      to += 4;
      at++;
    }
    for (; at + 4 <= end; at += 4) {
      const four = v128.load64_lane(halves(from, at + 2, pairs), v128.load64_zero(halves(from, at, pairs)), 1);
      v128.store(to, f32x4.mul(four, factor));
      to += 16;
    }
    for (; at < end; at++) {
      store<f32>(to, scale * load<f32>(halves(from, at, pairs) + ((<usize>(at & 1)) << 2)));
      to += 4;
    }
    scales += 4;
    length -= count;
    left = block;
  }
}

/** Where the values of the byte of an entry are. */
// @ts-ignore: AssemblyScript lets a function be inlined by a decorator
@inline
function halves(from: usize, at: i32, pairs: usize): usize {
  return pairs + ((<usize>load<u8>(from + (at >> 1))) << 3);
}
