/** Conversions between float32 and float64, by loops: the constructors of typed arrays convert several times slower. */
import { allocateForOverwrite } from '../host/allocate.js';

/** Returns the same numbers in float64. */
export function widened(values: Float32Array): Float64Array {
  const out = allocateForOverwrite(values.length);
  for (let i = 0; i < out.length; i++) out[i] = values[i];
  return out;
}

/** Returns the numbers rounded to float32. */
export function narrowed(values: ArrayLike<number>): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = values[i];
  return out;
}
