/** Folders that are created for a file, and removed again if writing it fails. */
import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { writeError } from './write-error.js';

/**
 * Creates a folder and those above it if they are missing.
 *
 * @returns a function that removes the created folders again, as far as they are empty.
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
 * Removes created folders again; one that holds anything stays.
 *
 * @param folder - the innermost.
 * @param made - the outermost ones created, as `mkdir` returns them.
 */
export async function removeEmptyFolders(folder: string, made: readonly string[]): Promise<void> {
  if (!made.some((top) => folder === top || folder.startsWith(top + path.sep))) return;
  const removed = await rmdir(folder).then(
    () => true,
    () => false,
  );
  if (removed) await removeEmptyFolders(path.dirname(folder), made);
}
