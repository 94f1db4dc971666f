/** IEEE half precision and bfloat16 to float32 and back, on the bits. */

/** The float32 bits of every half-precision number; computed at the first use. */
let widened: Uint32Array | undefined;

/** Returns the bits of the float32 that equals a half-precision number; a NaN keeps its sign and payload. */
function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // A subnormal, mantissa · 2⁻²⁴: normal in float32 once its leading bit is shifted into the hidden place.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** Converts half precision to float32, exactly. Cost: one table look-up per entry. */
export function widenHalves(source: Uint16Array, target: Uint32Array): void {
  widened ??= Uint32Array.from({ length: 0x10000 }, (_, half) => widenHalf(half));
  for (let i = 0; i < source.length; i += 1) target[i] = widened[source[i]];
}

/** Converts bfloat16 to float32, exactly: its sixteen bits are the upper ones of a float32. */
export function widenBrains(source: Uint16Array, target: Uint32Array): void {
  for (let i = 0; i < source.length; i += 1) target[i] = source[i] << 16;
}

/** Divides by 2^shift and rounds to nearest, ties to even. */
function shiftToEven(bits: number, shift: number): number {
  const quotient = bits >>> shift;
  const remainder = bits & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return remainder > half || (remainder === half && (quotient & 1) === 1) ? quotient + 1 : quotient;
}

function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // A carry out of the mantissa runs into the exponent, where it belongs: up to infinity from 65520 on.
  if (magnitude >= 0x38800000) return sign | shiftToEven(magnitude - 0x38000000, 13);
  const exponent = magnitude >>> 23;
  // Below 2⁻²⁵, half of the least subnormal.
  if (exponent < 102) return sign;
  return sign | shiftToEven((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

/** Rounds float32 to half precision: to nearest, ties to even, from 65520 on to infinity; a NaN stays one. */
export function roundToHalves(source: Uint32Array, target: Uint16Array): void {
  for (let i = 0; i < source.length; i += 1) target[i] = roundToHalf(source[i]);
}

/** Rounds float32 to bfloat16: to nearest, ties to even; a NaN stays one. */
export function roundToBrains(source: Uint32Array, target: Uint16Array): void {
  for (let i = 0; i < source.length; i += 1) {
    const bits = source[i];
    // Rounding could carry a NaN's mantissa into infinity; it is cut off instead, and its quiet bit set.
    target[i] = (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : shiftToEven(bits, 16);
  }
}
