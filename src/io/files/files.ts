/** The port to a file system or a server, on which every reader and writer of a file format is built. */
import type { FileContent } from './file-content.js';

/** A file or folder at a path. */
export interface FileInfo {
  /** Kind of the entry. */
  readonly kind: 'file' | 'folder';
  /** Length of a file in bytes; 0 for a folder. */
  readonly bytes: number;
}

/**
 * A file that is open for reading. If it is replaced meanwhile, it gives what was there, or refuses: never a mixture.
 */
export interface OpenFile {
  /** Length in bytes when the file was opened. */
  readonly bytes: number;
  /**
   * Reads a range into the given memory.
   *
   * @param target - filled from its beginning.
   * @param position - the first byte of the file to read.
   * @returns how many bytes were read: fewer than the target holds if the system gives fewer at once, 0 at the end of
   * the file.
   * @throws the error of the file system or the server.
   */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Closes the file. */
  close(): Promise<void>;
}

/**
 * Access to files by their paths: {@link nodeFiles} to those of this machine, {@link webFiles} and {@link hubFiles} to
 * those of a server, {@link fileListFiles} and {@link directoryFiles} to what the user of a page chose,
 * {@link opfsFiles} to what a browser keeps for a page, {@link memoryFiles} to those of this program. To read from a
 * database or an archive, write an object with these six functions.
 *
 * What reads or writes files takes one as the option `files`, and paths in it.
 */
export interface Files {
  /** Describes the file or folder at a path; `undefined` if there is none. @throws if this cannot be determined. */
  describe(path: string): Promise<FileInfo | undefined>;
  /** Opens a file for reading by ranges. @throws if it is missing or may not be read. */
  open(path: string): Promise<OpenFile>;
  /** Lists the names in a folder, in no particular order. @throws if it cannot be listed. */
  list(folder: string): Promise<readonly string[]>;
  /**
   * Writes a file atomically: a reader finds the old one or the new one, never a part.
   *
   * @throws if it cannot be written; the old file is then untouched.
   */
  write(path: string, content: FileContent): Promise<void>;
  /** Removes a file, if there is one. @throws if it cannot be removed. */
  remove(path: string): Promise<void>;
  /** Returns the path of a file in a folder. */
  join(folder: string, name: string): string;
}

/**
 * Reads a whole file.
 *
 * @throws any error of opening or reading it.
 */
export async function readAll(files: Files, path: string): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    const bytes = new Uint8Array(file.bytes);
    let done = 0;
    while (done < bytes.length) {
      const read = await file.read(bytes.subarray(done), done);
      if (read === 0) break;
      done += read;
    }
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}

/** Bytes read at a time. */
const chunkBytes = 2 ** 18;

/**
 * Reads a file piece by piece, each in memory of its own.
 *
 * @throws any error of opening or reading it.
 */
export async function* chunksOf(files: Files, path: string): AsyncGenerator<Uint8Array, void> {
  const file = await files.open(path);
  try {
    for (let position = 0; ; ) {
      const chunk = new Uint8Array(chunkBytes);
      const read = await file.read(chunk, position);
      if (read === 0) return;
      position += read;
      yield chunk.subarray(0, read);
    }
  } finally {
    await file.close();
  }
}

/** Returns true if there is such a file or folder; false as well if this cannot be determined. */
export async function isThere(files: Files, path: string): Promise<boolean> {
  return (await files.describe(path).catch(() => undefined)) !== undefined;
}
