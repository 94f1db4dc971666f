/**
 * Operations of the command on whole files and folders: look up, list, rename, remove. The readers and writers of `io`
 * handle contents.
 */
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';

/** Returns true if there is such a file or folder. */
export async function exists(place: string): Promise<boolean> {
  return (await stat(place).catch(() => undefined)) !== undefined;
}

/** Returns true if there is such a folder. */
export async function isFolder(place: string): Promise<boolean> {
  return (await stat(place).catch(() => undefined))?.isDirectory() ?? false;
}

/** Lists the names in a folder; none if there is no such folder. @throws the system's error if it cannot be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw cause;
  });
}

/** Lists the names in a folder; none if it is missing, is no folder or cannot be read. */
export async function namesIfReadable(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

/** Reads the bytes of a small file. @throws the system's error if it cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file);
}

/**
 * Reads the first `length` bytes of a file, or all of them if it is shorter.
 *
 * @throws the system's error if it cannot be read.
 */
export async function readBeginning(file: string, length: number): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Creates one folder in an existing folder. @throws the system's error if it cannot. */
export async function makeOneFolder(folder: string): Promise<void> {
  await mkdir(folder);
}

/** Removes a file, or a folder with all its contents, if it exists. @throws the system's error if it cannot. */
export async function remove(place: string): Promise<void> {
  await rm(place, { recursive: true, force: true });
}

/** Renames a file or folder. @throws the system's error if it cannot. */
export async function move(from: string, to: string): Promise<void> {
  await rename(from, to);
}
