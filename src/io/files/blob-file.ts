/** Files that a browser gives out: a user's choice, what was dropped on a page, and the contents of handles. */
import type { OpenFile } from './files.js';

/** What is read of a `Blob` or a `File`. */
export interface FileBytes {
  /** Length in bytes. */
  readonly size: number;
  /** Returns a range, from the byte `start` to before `end`. */
  slice(start: number, end: number): BytesRange;
}

/** A range of a `Blob` or a `File`. */
export interface BytesRange {
  /** Reads the bytes. */
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Opens a blob for reading by ranges. Whatever reading throws passes through `fail`. */
export function openBlob(blob: FileBytes, fail: (cause: unknown) => never): OpenFile {
  return {
    bytes: blob.size,
    async read(target, position) {
      const end = Math.min(position + target.length, blob.size);
      if (end <= position) return 0;
      const part = await blob.slice(position, end).arrayBuffer().catch(fail);
      target.set(new Uint8Array(part));
      return part.byteLength;
    },
    close: async () => undefined,
  };
}
