/** Folders that are made for a file, and removed again where writing it fails. */
import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
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

/**
 * Removes the folders that were made for nothing; one that holds anything stays.
 *
 * @param folder - the innermost.
 * @param made - the outermost that were made, as `mkdir` returns them.
 */
export async function removeEmptyFolders(folder: string, made: readonly string[]): Promise<void> {
  if (!made.some((top) => folder === top || folder.startsWith(top + path.sep))) return;
  const removed = await rmdir(folder).then(
    () => true,
    () => false,
  );
  if (removed) await removeEmptyFolders(path.dirname(folder), made);
}
