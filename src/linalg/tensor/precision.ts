/** Between float32 and float64. Loops, for the constructors of typed arrays convert several times slower. */
import { allocateForOverwrite } from '../host/allocate.js';

/** The same numbers in float64. */
export function widened(values: Float32Array): Float64Array {
  const out = allocateForOverwrite(values.length);
  for (let i = 0; i < out.length; i++) out[i] = values[i];
  return out;
}

/** The numbers rounded to float32. */
export function narrowed(values: ArrayLike<number>): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = values[i];
  return out;
}
