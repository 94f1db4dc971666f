import { DamagedGzip } from './damaged-gzip.js';

/**
 * Decompresses what gzip has written, by the browser's own `DecompressionStream`, which reads one file of it and
 * refuses a second one behind it.
 *
 * @throws DamagedGzip.
 */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const gzip = new DecompressionStream('gzip');
  const writer = gzip.writable.getWriter();
  let unread: { readonly cause: unknown } | undefined;
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of chunks) await writer.write(chunk).catch(() => undefined);
    } catch (cause) {
      unread = { cause };
      await writer.abort(cause);
      return;
    }
    await writer.close();
  };
  // What fails here fails where the stream is read, too.
  const fed = feed().catch(() => undefined);
  const reader = gzip.readable.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (cause) {
    await fed;
    throw unread === undefined ? new DamagedGzip((cause as Error).message, { cause }) : unread.cause;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
