/** What killed programs leave in the folder of a run. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { isStagingName } from '../../core/staging.js';
import { restoreBest } from './best-folder.js';
import { runFiles, runFolders } from './run-layout.js';
import { lockFile } from './run-lock.js';

/** Whether a folder holds nothing but the beginning of a run that was killed before it had written its configuration. */
export function isBeginning(entries: readonly string[]): boolean {
  // The lock itself, or what was to become it.
  const isLocked = entries.some((name) => name.startsWith(lockFile));
  const first: readonly string[] = [lockFile, runFiles.environment, runFiles.fingerprints];
  return isLocked && entries.every((name) => first.includes(name) || isStagingName(name));
}

/** Removes what was being written when a program was killed, but for a best adapter that had no other in its place. Only the process that has the run may. */
export async function removeHalfWritten(run: string): Promise<void> {
  await restoreBest(run);
  for (const folder of [run, path.join(run, runFolders.checkpoints)]) {
    const names: readonly string[] = await readdir(folder).catch(() => []);
    for (const name of names.filter(isStagingName)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
