/** Files that killed programs leave in the folder of a run. */
import { namesIfReadable, remove } from '../../io/files/entries.js';
import { path } from '../../io/files/path.js';
import { isStagingName } from '../../io/files/staging.js';
import { restoreBest } from './best-folder.js';
import { runFiles, runFolders } from './run-layout.js';
import { lockFile } from './run-lock.js';

/** Returns true if a folder holds only the beginning of a run that was killed before it wrote its configuration. */
export function isBeginning(entries: readonly string[]): boolean {
  // The lock itself, or its staging file.
  const isLocked = entries.some((name) => name.startsWith(lockFile));
  const first: readonly string[] = [lockFile, runFiles.environment, runFiles.fingerprints];
  return isLocked && entries.every((name) => first.includes(name) || isStagingName(name));
}

/**
 * Removes the half-written files of a killed program. A best adapter that was being replaced is restored first. Only
 * the process that holds the run may call this.
 */
export async function removeHalfWritten(run: string): Promise<void> {
  await restoreBest(run);
  for (const folder of [run, path.join(run, runFolders.checkpoints)]) {
    const names = await namesIfReadable(folder);
    for (const name of names.filter(isStagingName)) await remove(path.join(folder, name));
  }
}
