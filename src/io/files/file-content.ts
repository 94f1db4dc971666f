/** What is written into a file. */

/** Receiver of a file's bytes, piece by piece. */
export interface ByteSink {
  /** Appends bytes. They may be reused once the promise is fulfilled. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Content of a file: text (as UTF-8), bytes, or, if too large for memory, a function that writes it piece by piece. */
export type FileContent = string | Uint8Array | ((sink: ByteSink) => Promise<void>);

/** Writes a content piece by piece. @throws what the content or the sink throws. */
export async function pour(content: FileContent, sink: ByteSink): Promise<void> {
  if (typeof content === 'function') await content(sink);
  else await sink.write(typeof content === 'string' ? new TextEncoder().encode(content) : content);
}

/** Joins pieces of bytes into one new array. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
