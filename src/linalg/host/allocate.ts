/** Arrays up to this many numbers (a 16×16 matrix) are carved from a shared buffer. */
const LARGEST_POOLED = 256;
/** 32 kB: the memory that one small array may keep from the garbage collector. */
const POOL_BYTES = 8 * 4096;

let pool = new ArrayBuffer(POOL_BYTES);
let used = 0;

/**
 * Returns a new zeroed array of numbers, for a result.
 *
 * A typed array with a buffer of its own costs about a microsecond, as much as the arithmetic on an r×r block; small
 * ones share buffers as Node's `Buffer` does. No number is handed out twice. As the buffer of a small result is shared,
 * it must not be transferred to another thread (`toArray` gives a copy that may be).
 */
export function allocate(length: number): Float64Array {
  if (length > LARGEST_POOLED) return new Float64Array(length);
  // A pool that was transferred after all has no bytes left, and is replaced here.
  if (used + 8 * length > pool.byteLength) {
    pool = new ArrayBuffer(POOL_BYTES);
    used = 0;
  }
  const array = new Float64Array(pool, used, length);
  used += 8 * length;
  return array;
}

/**
 * Returns a new array of numbers with arbitrary contents, for a result whose every entry is about to be written.
 *
 * Zeroing 128 kB takes 20 µs on fresh pages, as long as a product of that size; used memory comes back in 1 µs.
 */
export function allocateForOverwrite(length: number): Float64Array {
  if (length <= LARGEST_POOLED || globalThis.Buffer === undefined) return allocate(length);
  return new Float64Array(Buffer.allocUnsafeSlow(8 * length).buffer);
}
