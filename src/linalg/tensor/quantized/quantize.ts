/** Quantizers of weights: blocks of 64 entries, scaled by their largest magnitude. */
import type { NestedScales, QuantizedMatrix } from './quantized-matrix.js';

/** The number formats that weights are quantized to. */
export const QUANTIZATIONS = ['int8', 'nf4'] as const;
export type Quantization = (typeof QUANTIZATIONS)[number];

/** Entries in a block, as in the QLoRA paper (section 3). */
const BLOCK = 64;
/** Scales in a block of their own. */
const NESTED_BLOCK = 256;

/** The values of NF4, quantiles of a normal distribution (QLoRA, appendix E). */
export const NF4: Float32Array = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
  ...[-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);

/**
 * Quantizes a matrix.
 *
 * - `int8`: whole numbers from −127 to 127, with float32 scales; 8.5 bits an entry.
 * - `nf4`: the nearest values of NF4, with double quantization; 4.13 bits an entry.
 *
 * @param values - entries by rows; finite.
 */
export function quantized(values: Float32Array, shape: readonly [number, number], format: Quantization): QuantizedMatrix {
  const scales = largestMagnitudes(values, BLOCK);
  if (format === 'int8') {
    const codes = new Int8Array(values.length);
    forEachBlock(values.length, BLOCK, (block, from, to) => {
      const inverse = scales[block] === 0 ? 0 : 127 / scales[block];
      for (let i = from; i < to; i++) codes[i] = Math.round(values[i] * inverse);
    });
    return { shape, dtype: 'I8', bytes: new Uint8Array(codes.buffer), block: BLOCK, scales: scales.map((scale) => scale / 127) };
  }
  const bytes = new Uint8Array(Math.ceil(values.length / 2));
  forEachBlock(values.length, BLOCK, (block, from, to) => {
    const inverse = inverseOf(scales[block]);
    for (let i = from; i < to; i++) {
      const code = nearest(NF4_BOUNDS, Math.fround(values[i] * inverse));
      bytes[i >> 1] |= (i & 1) === 0 ? code << 4 : code;
    }
  });
  return { shape, dtype: 'U4', bytes, table: NF4, block: BLOCK, scales: nested(scales) };
}

/** Bytes of a quantized matrix of this many entries. */
export function quantizedBytes(length: number, format: Quantization): number {
  const blocks = Math.ceil(length / BLOCK);
  return format === 'int8' ? length + 4 * blocks : Math.ceil(length / 2) + blocks + 4 * Math.ceil(blocks / NESTED_BLOCK);
}

/** Double quantization: scales without their mean, as eight-bit floating-point codes. */
function nested(scales: Float32Array): NestedScales {
  let sum = 0;
  for (const scale of scales) sum += scale;
  const offset = Math.fround(sum / scales.length);
  const centred = scales.map((scale) => scale - offset);
  const outer = largestMagnitudes(centred, NESTED_BLOCK);
  const codes = new Uint8Array(scales.length);
  forEachBlock(scales.length, NESTED_BLOCK, (block, from, to) => {
    const inverse = inverseOf(outer[block]);
    for (let i = from; i < to; i++) codes[i] = nearest(DYNAMIC_BOUNDS, Math.fround(centred[i] * inverse));
  });
  return { codes, table: DYNAMIC, block: NESTED_BLOCK, scales: outer, offset };
}

/** As bitsandbytes has it: in float32, so that the codes are the same. */
const inverseOf = (scale: number): number => Math.fround(1 / Math.max(scale, 1e-38));

/**
 * The 256 values of the dynamic data type (Dettmers, Lewis, Shleifer and Zettlemoyer, "8-bit Optimizers via Block-wise
 * Quantization", ICLR 2022, section 2.2): ±10^(e − 6) times 2^e fractions, the middles of equal parts of [0.1, 1], for
 * e from 0 to 6; 0 and 1.
 */
const DYNAMIC: Float32Array = Float32Array.from(
  Array.from({ length: 7 }, (_, exponent) => {
    const count = 2 ** exponent;
    return Array.from({ length: count }, (_, i) => 10 ** (exponent - 6) * (0.1 + (0.9 * (i + 0.5)) / count)).flatMap((each) => [
      each,
      -each,
    ]);
  })
    .flat()
    .concat(0, 1)
    .sort((a, b) => a - b),
);

const NF4_BOUNDS = middles(NF4);
const DYNAMIC_BOUNDS = middles(DYNAMIC);

/** The values between neighbours of a table, filled up with infinity to a power of two less one. */
function middles(table: Float32Array): Float32Array {
  return Float32Array.from({ length: table.length - 1 }, (_, i) => Math.fround(table[i] + table[i + 1]) / 2);
}

/** Returns how many bounds are below a number: the place of the nearest value. The bounds are 2^k − 1. */
function nearest(bounds: Float32Array, value: number): number {
  let place = 0;
  for (let step = (bounds.length + 1) >> 1; step > 0; step >>= 1) if (value > bounds[place + step - 1]) place += step;
  return place;
}

function largestMagnitudes(values: Float32Array, size: number): Float32Array {
  const result = new Float32Array(Math.ceil(values.length / size));
  forEachBlock(values.length, size, (block, from, to) => {
    let largest = 0;
    for (let i = from; i < to; i++) largest = Math.max(largest, Math.abs(values[i]));
    result[block] = largest;
  });
  return result;
}

function forEachBlock(length: number, size: number, use: (block: number, from: number, to: number) => void): void {
  for (let block = 0, from = 0; from < length; block++, from += size) use(block, from, Math.min(from + size, length));
}
