/** Every half-precision and bfloat16 number, and the neighbourhood of each. */
import { describe, expect, it } from 'vitest';
import { roundToBrains, roundToHalves, widenBrains, widenHalves } from '../../../src/io/safetensors/half-precision.js';

const all = Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);

const formats = [
  { name: 'F16', widen: widenHalves, round: roundToHalves, mantissaBits: 10, exponentBits: 5 },
  { name: 'BF16', widen: widenBrains, round: roundToBrains, mantissaBits: 7, exponentBits: 8 },
];

/** IEEE's definition, in arithmetic that is exact in float64. */
function numberOf(bits: number, mantissaBits: number, exponentBits: number): number {
  const sign = bits >>> 15 === 1 ? -1 : 1;
  const exponent = (bits >>> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

describe.each(formats)('$name', ({ widen, round, mantissaBits, exponentBits }) => {
  const widened = new Float32Array(all.length);
  widen(all, new Uint32Array(widened.buffer));
  const rounded = (values: Float32Array): Uint16Array => {
    const bits = new Uint16Array(values.length);
    round(new Uint32Array(values.buffer), bits);
    return bits;
  };

  it('widens exactly', () => {
    const wrong = [...all].filter((bits) => !Object.is(widened[bits], numberOf(bits, mantissaBits, exponentBits)));
    expect(wrong).toEqual([]);
  });

  it('gives every number back, a signalling NaN as a quiet one', () => {
    const quietBit = 1 << (mantissaBits - 1);
    const given = rounded(widened);
    const wrong = [...all].filter((bits) => given[bits] !== (Number.isNaN(widened[bits]) ? bits | quietBit : bits));
    expect(wrong).toEqual([]);
  });

  it('rounds to the nearer neighbour, and to the even one half way', () => {
    // Positive numbers are in the order of their bits; the last step leads to infinity, which counts as one more step
    // of the same size.
    const infinity = ((2 ** exponentBits - 1) << mantissaBits) >>> 0;
    const wrong: number[] = [];
    const probe = new Float32Array(3);
    const probeBits = new Int32Array(probe.buffer);
    for (let below = 0; below < infinity; below++) {
      const step = widened[below] - (below === 0 ? -widened[1] : widened[below - 1]);
      const above = below + 1 === infinity ? widened[below] + step : numberOf(below + 1, mantissaBits, exponentBits);
      // The middle is a float32: two more bits of mantissa than the format has are at hand, but below float32's own
      // subnormals.
      probe[1] = (widened[below] + above) / 2;
      probeBits[0] = probeBits[1] - 1;
      probeBits[2] = probeBits[1] + 1;
      const expected = [below, below % 2 === 0 ? below : below + 1, below + 1];
      const [positive, negative] = [rounded(probe), rounded(probe.map((x) => -x))];
      if (expected.some((bits, i) => positive[i] !== bits || negative[i] !== (bits | 0x8000))) wrong.push(below);
    }
    expect(wrong).toEqual([]);
  });
});
