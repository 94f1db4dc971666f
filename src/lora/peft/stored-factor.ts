/** Factors on their way into a file: their number format must hold them. */
import { NumericalError } from '../../core/errors.js';
import type { StoredDtype } from '../../io/safetensors/dtypes.js';
import { roundToBrains, roundToHalves, widenBrains, widenHalves } from '../../io/safetensors/half-precision.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';

/** The largest number of each format that does not round to infinity, and the remedy beyond it. */
const ranges: Readonly<Partial<Record<StoredDtype, { readonly largest: number; readonly shown: string; readonly remedy: string }>>> = {
  F16: { largest: 65519.99, shown: '65504', remedy: 'write F32 instead of keeping the format, or store the adapter as F32 or BF16 first' },
  BF16: { largest: 3.3961e38, shown: '3.39e38', remedy: 'rescale the adapter' },
  F32: { largest: 3.40282356e38, shown: '3.40e38', remedy: 'rescale the adapter' },
};

/**
 * Checks the range.
 *
 * @param changed - what was done to the adapter, for the message: `'balanced'`.
 * @throws NumericalError naming the tensor and the number if the format cannot hold it.
 */
export function checkRange(caller: string, name: string, values: Float64Array, format: StoredDtype, changed: string): void {
  const range = ranges[format];
  const beyond = range === undefined ? undefined : values.find((value) => !(Math.abs(value) <= range.largest));
  if (range === undefined || beyond === undefined) return;
  throw new NumericalError(
    `${caller}: '${name}' would hold ${beyond.toPrecision(4)} when ${changed}, and ${format} holds at most ${range.shown}; ${range.remedy}`,
  );
}

/** Returns half a unit in the last place, for the formats that adapters use. */
export function roundoffOf(dtype: StoredDtype | undefined): number {
  if (dtype === 'BF16') return 2 ** -8;
  return dtype === 'F16' ? 2 ** -11 : 2 ** -24;
}

/** What {@link storedFactor} writes a factor as. */
export interface FactorFormat {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  /** What was done to the adapter, for messages: `'resized'`. */
  readonly changed: string;
}

/**
 * Rounds a factor to a number format.
 *
 * @throws NumericalError naming the tensor if the format cannot hold its numbers: one is too large, or so many are
 * below the least number that the factor as a whole is not the same to rounding.
 */
export function storedFactor(caller: string, name: string, values: Float64Array, { dtype, shape, changed }: FactorFormat): TensorData {
  checkRange(caller, name, values, dtype, changed);
  const data = Float32Array.from(values);
  const rounded = roundedTo(dtype, data);
  // Squares of numbers within the range of float32 stay within that of float64.
  let [lost, size] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    lost += (rounded[i] - values[i]) ** 2;
    size += values[i] ** 2;
  }
  const change = size === 0 ? 0 : Math.sqrt(lost / size);
  // Rounding to nearest gives the half of this; what is subnormal in the format gives more.
  if (change > 2 * roundoffOf(dtype)) {
    throw new NumericalError(
      `${caller}: '${name}' would change by ${change.toExponential(1)} relative in ${dtype} when ${changed}, more than rounding explains; ` +
        `${dtype === 'F32' ? '' : 'write F32 instead of keeping the format, or '}rescale the adapter: its entries are too small for the format`,
    );
  }
  return { dtype, shape, data };
}

/** Returns the numbers that a file of the format gives back. */
function roundedTo(dtype: StoredDtype, data: Float32Array): Float32Array {
  if (dtype !== 'F16' && dtype !== 'BF16') return data;
  const [stored, rounded] = [new Uint16Array(data.length), new Float32Array(data.length)];
  const [bits, back] = [new Uint32Array(data.buffer), new Uint32Array(rounded.buffer)];
  if (dtype === 'F16') {
    roundToHalves(bits, stored);
    widenHalves(stored, back);
  } else {
    roundToBrains(bits, stored);
    widenBrains(stored, back);
  }
  return rounded;
}
