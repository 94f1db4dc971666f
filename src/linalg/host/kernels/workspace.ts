/** Buffers above this many numbers are not kept: 8 MB. */
const LARGEST_KEPT = 2 ** 20;

/**
 * Makes a scratch buffer that is reused from call to call, so that a small factorization does not pay for allocation.
 *
 * Kernels are synchronous and each keeps its own, so no two uses of one overlap. Its contents on entry are arbitrary.
 *
 * @returns a function that gives a buffer of at least the wanted length.
 */
export function createWorkspace(): (length: number) => Float64Array {
  let buffer = new Float64Array(256);
  return (length) => {
    if (length <= buffer.length) return buffer;
    const larger = new Float64Array(Math.max(length, Math.min(2 * buffer.length, LARGEST_KEPT)));
    if (length <= LARGEST_KEPT) buffer = larger;
    return larger;
  };
}
