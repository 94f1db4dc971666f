/** A machine that gives WebAssembly no more memory. */

/** What lets a memory grow. */
interface GrowingMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const PAGE = 2 ** 16;

/**
 * From now on memories of this process grow only where `allowed` says so of the bytes that they would have; V8 says the
 * same where the system gives none.
 *
 * @returns puts things back.
 */
export function limitHeap(allowed: (bytes: number) => boolean): () => void {
  const { prototype } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: GrowingMemory } } }).WebAssembly.Memory;
  const grow = prototype.grow;
  prototype.grow = function (this: GrowingMemory, pages: number): number {
    if (!allowed(this.buffer.byteLength + pages * PAGE)) throw new RangeError('WebAssembly.Memory.grow(): Unable to grow instance memory');
    return grow.call(this, pages);
  };
  return () => {
    prototype.grow = grow;
  };
}
