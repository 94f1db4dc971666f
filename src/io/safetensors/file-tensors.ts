import { FormatError } from '../../core/errors.js';
import type { Files, OpenFile } from '../files/files.js';
import { decodeUtf8 } from '../parse-json.js';
import { type Header, type LocatedEntry, parseHeader } from './parse-header.js';

/** An open safetensors file and its header. */
export interface TensorFile {
  readonly header: Header;
  /**
   * Fills `bytes` with a part of a tensor.
   *
   * @param entry - the tensor.
   * @param offset - bytes of the tensor to skip.
   * @throws FormatError if the file ends early or cannot be read.
   */
  readPart(entry: LocatedEntry, offset: number, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Longest header in bytes: the limit of the safetensors library itself. */
const mostHeaderBytes = 100_000_000;

/**
 * Opens a file and reads its header.
 *
 * @param files - where to look.
 * @throws FormatError if there is no such file or its header is malformed; the file is closed again.
 */
export async function openTensorFile(caller: string, file: string, files: Files): Promise<TensorFile> {
  let handle: OpenFile;
  try {
    handle = await files.open(file);
  } catch (cause) {
    throw new FormatError(`${caller}: cannot open ${file} (${(cause as Error).message}); check the path`, { cause });
  }
  try {
    const header = await readHeader(caller, file, handle);
    return {
      header,
      readPart: (entry, offset, bytes) =>
        readFully(handle, bytes, entry.position + offset, `${caller}: ${file}: tensor ${JSON.stringify(entry.name)}`),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readHeader(caller: string, file: string, handle: OpenFile): Promise<Header> {
  const size = handle.bytes;
  const where = `${caller}: ${file}`;
  const prefix = new Uint8Array(8);
  await readFully(handle, prefix, 0, `${where}: the length of the header`);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(mostHeaderBytes) || Number(length) > size - 8) {
    throw new FormatError(
      `${where}: expected a header of at most ${Math.min(mostHeaderBytes, size - 8)} bytes, got the length ${length}; this is no safetensors file, or it is cut short`,
    );
  }
  const text = new Uint8Array(Number(length));
  await readFully(handle, text, 8, `${where}: the header`);
  return parseHeader(caller, file, decodeUtf8(caller, `the header of ${file}`, text), 8 + text.length, size);
}

/** Fills `bytes`: a single read may give fewer than asked for. */
async function readFully(handle: OpenFile, bytes: Uint8Array, position: number, where: string): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const bytesRead = await handle.read(bytes.subarray(done), position + done).catch((cause: Error) => {
      throw new FormatError(`${where}: cannot be read (${cause.message}); check the file`, { cause });
    });
    if (bytesRead === 0) {
      throw new FormatError(
        `${where}: expected ${bytes.length} bytes at byte ${position}, got ${done}; the file is cut short, fetch it again`,
      );
    }
    done += bytesRead;
  }
}
