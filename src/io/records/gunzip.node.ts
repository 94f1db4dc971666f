import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DamagedGzip } from './damaged-gzip.js';

/** Bytes of a piece after decompression. */
const chunkBytes = 2 ** 18;

/** Decompresses what gzip has written, several files of it one after another too. @throws DamagedGzip. */
export async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const source = Readable.from(chunks, { objectMode: false });
  const plain = createGunzip({ chunkSize: chunkBytes });
  source.on('error', (error) => plain.destroy(error));
  try {
    for await (const chunk of source.pipe(plain)) yield chunk as Uint8Array;
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw code.startsWith('Z_') ? new DamagedGzip(message, { cause }) : cause;
  } finally {
    source.destroy();
    plain.destroy();
  }
}
