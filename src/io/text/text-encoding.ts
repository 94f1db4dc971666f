/** Finds the encodings of text files, and reads their bytes as UTF-8. */
import { isUtf8 } from '#platform/io/text/is-utf8';
import { BackendError, FormatError } from '../../core/errors.js';
import type { Files, OpenFile } from '../files/files.js';
import { nodeFiles } from '../files/node-files.js';
import { checkEncoding, firstInvalidByte, markedEncoding } from './utf8.js';

/** A file, and the beginning of messages about it. */
export interface NamedFile {
  /** The function or command that the user called. */
  readonly caller: string;
  readonly path: string;
  /** Where it lies. */
  readonly files: Files;
  /** Caller and path: `readTriplets: ratings.csv`. */
  readonly where: string;
}

/** Names a file to be read on behalf of a function or command. */
export function namedFile(caller: string, path: string, files: Files = nodeFiles): NamedFile {
  return { caller, path, files, where: `${caller}: ${path}` };
}

/** Bytes of text in UTF-8, in order. */
export interface TextSource {
  /** The file's encoding: by its mark, as it was given, or else UTF-8. */
  readonly encoding: string;
  /** Reads up to `target.length - offset` bytes into `target`; returns their number, 0 at the end. */
  read(target: Uint8Array, offset: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Opens a text file. A byte-order mark selects UTF-16 and is skipped.
 *
 * @param given - the encoding, if the user names one.
 * @throws BackendError if the file cannot be opened; FormatError if the mark contradicts the user, or names UTF-32;
 * ConfigError for an unknown encoding.
 */
export async function openText(file: NamedFile, given?: string): Promise<TextSource> {
  const wanted = given === undefined ? undefined : checkEncoding(file.caller, given);
  const handle = await file.files.open(file.path).catch((cause: Error) => {
    throw cannotRead(file, cause);
  });
  try {
    const head = new Uint8Array(4);
    const bytesRead = await handle.read(head, 0).catch((cause: Error) => {
      throw cannotRead(file, cause);
    });
    const marked = markedEncoding(head.subarray(0, bytesRead));
    if (marked?.encoding === 'utf-32')
      throw new FormatError(`${file.where}: expected UTF-8 or UTF-16, got UTF-32 by its byte-order mark; save it as UTF-8`);
    if (marked !== undefined && wanted !== undefined && marked.encoding !== wanted) {
      throw new FormatError(
        `${file.where}: expected ${wanted}, as was asked for, got the byte-order mark of ${marked.encoding}; leave the encoding out`,
      );
    }
    const encoding = marked?.encoding ?? wanted ?? 'utf-8';
    const begin = marked?.length ?? 0;
    return encoding === 'utf-8' ? plainSource(file, handle, begin) : decodingSource(file, handle, begin, encoding);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Returns the size of a file in bytes. @throws BackendError if the system does not tell. */
export async function sizeOf(file: NamedFile): Promise<number> {
  const found = await file.files.describe(file.path).catch((cause: Error) => {
    throw cannotRead(file, cause);
  });
  if (found === undefined) throw cannotRead(file, new Error('there is no such file'));
  return found.bytes;
}

function cannotRead(file: NamedFile, cause: Error): BackendError {
  return new BackendError(`${file.caller}: cannot read ${file.path} (${cause.message}); check the path`, { cause });
}

function plainSource(file: NamedFile, handle: OpenFile, begin: number): TextSource {
  let position = begin;
  return {
    encoding: 'utf-8',
    async read(target, offset) {
      const bytesRead = await handle.read(target.subarray(offset), position).catch((cause: Error) => {
        throw cannotRead(file, cause);
      });
      position += bytesRead;
      return bytesRead;
    },
    close: () => handle.close(),
  };
}

/** Bytes decoded at once. */
const sliceBytes = 2 ** 18;

function decodingSource(file: NamedFile, handle: OpenFile, begin: number, encoding: string): TextSource {
  const raw = plainSource(file, handle, begin);
  const decoder = new TextDecoder(encoding, { fatal: true });
  const slice = new Uint8Array(sliceBytes);
  let ready = new Uint8Array(0);
  let [position, ended] = [begin, false];
  const decodeNext = async (): Promise<void> => {
    const read = await raw.read(slice, 0);
    ended = read === 0;
    try {
      ready = new TextEncoder().encode(decoder.decode(slice.subarray(0, read), { stream: !ended }));
    } catch (cause) {
      throw new FormatError(
        `${file.where}: expected text in ${encoding}, got other bytes between bytes ${position} and ${position + read} of the file; correct the encoding`,
        { cause },
      );
    }
    position += read;
  };
  return {
    encoding,
    async read(target, offset) {
      while (ready.length === 0 && !ended) await decodeNext();
      const taken = Math.min(ready.length, target.length - offset);
      target.set(ready.subarray(0, taken), offset);
      ready = ready.subarray(taken);
      return taken;
    },
    close: raw.close,
  };
}

/** Finds the first byte of a text that is not UTF-8, or is NUL; `undefined` if there is none. */
export function badByte(bytes: Uint8Array): number | undefined {
  const nul = bytes.indexOf(0);
  if (isUtf8(bytes)) return nul < 0 ? undefined : nul;
  const at = firstInvalidByte(bytes);
  return nul >= 0 && nul < at ? nul : at;
}
