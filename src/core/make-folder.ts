/** Folders that are taken back where nothing comes to be in them. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { removeEmptyFolders } from './write-atomic.js';
import { writeError } from './write-error.js';

/**
 * Makes a folder and those above it, where they are missing.
 *
 * @returns a function that removes again what was made, as far as it is empty.
 * @throws BackendError if the file system refuses.
 */
export async function makeFolder(caller: string, folder: string): Promise<() => Promise<void>> {
  const made = await mkdir(folder, { recursive: true }).catch((cause) => {
    throw writeError(caller, folder, cause);
  });
  return async () => {
    if (made !== undefined) await removeEmptyFolders(path.resolve(folder), [path.resolve(made)]);
  };
}
