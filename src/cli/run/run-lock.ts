/** Locks a run for one process; two would corrupt its files. */

import { BackendError, ConfigError } from '../../core/errors.js';
import { exists, remove } from '../../io/files/entries.node.js';
import { ownerOf, ownLock, placeLock, readLock, removeLock } from '../../io/files/lock-file.node.js';
import { removeEmptyFolders } from '../../io/files/make-folder.node.js';
import { path } from '../../io/files/path.node.js';
import { isStagingName } from '../../io/files/staging.node.js';
import { isSystemError, writeError } from '../../io/files/write-error.js';
import { runFiles, runFolders } from './run-layout.js';

/** Name of the lock file, which names the process that holds a run. */
const lockFile = '.lock';

/** A run that this process holds. */
export interface RunLock {
  /**
   * Checks that the folder of the run still exists and still belongs to this process; called before each write to a run
   * that has begun.
   *
   * @throws BackendError if the folder, its configuration or the lock was removed or replaced.
   */
  check(): Promise<void>;
  /**
   * Writes a folder of the run between two checks. If the run was removed meanwhile, what was written is removed as
   * well, so that no part of a run reappears.
   *
   * @param folder - a folder in the run, or in a folder of it.
   * @throws BackendError as {@link RunLock.check}; what `write` throws.
   */
  write<Result>(folder: string, write: () => Promise<Result>): Promise<Result>;
  /** Releases the run. @throws BackendError if the file system refuses. */
  release(): Promise<void>;
}

/**
 * Locks a run for this process. The lock of a dead process is taken over.
 *
 * @throws ConfigError if another process, or this one, already holds it; BackendError if the file system refuses.
 */
export async function lockRun(run: string): Promise<RunLock> {
  const file = path.join(run, lockFile);
  const own = await ownLock();
  const refuse = (error: unknown): never => {
    throw isSystemError(error) ? writeError('run', file, error) : error;
  };
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      const found = await readLock(file);
      if (found === undefined) {
        if (await placeLock(file, own)) return heldLock(run, own, refuse);
        continue;
      }
      const owner = await ownerOf(found);
      if (owner !== undefined) {
        throw new ConfigError(
          `run: ${run} is in use by process ${owner}; wait for it, or end it (if that process is not bures, remove ${file})`,
        );
      }
      await removeLock(file, found);
    }
  } catch (error) {
    return refuse(error);
  }
  throw new ConfigError(`run: another process has just taken ${run}; try again`);
}

function heldLock(run: string, own: string, refuse: (error: unknown) => never): RunLock {
  const check = (): Promise<void> => checkLock(run, own).catch(refuse);
  return {
    check,
    async write(folder, write) {
      await check();
      try {
        const result = await write();
        await check();
        return result;
      } catch (error) {
        await check().catch(async (lost) => {
          // With a configuration there, the folder may belong to a run that has come in the place of this one.
          if (!(await exists(path.join(run, runFiles.config)))) {
            await remove(folder);
            await removeEmptyFolders(path.dirname(folder), [run]);
          }
          throw lost;
        });
        throw error;
      }
    },
    release: () => removeLock(path.join(run, lockFile), own).catch(refuse),
  };
}

async function checkLock(run: string, own: string): Promise<void> {
  const file = path.join(run, lockFile);
  const found = await readLock(file);
  const config = path.join(run, runFiles.config);
  if (found === own && (await exists(config))) return;
  const stopped = 'so nothing more is written to the run';
  if (!(await exists(run)))
    throw new BackendError(`run: ${run} was removed or renamed during training, ${stopped}; resume it where it is now, or begin again`);
  if (!(await exists(config)))
    throw new BackendError(`run: ${config} was removed during training, ${stopped}; put it back and resume, or begin again`);
  const owner = found === undefined ? undefined : await ownerOf(found);
  const change = owner === undefined ? 'was removed or replaced' : `was replaced by that of process ${owner}`;
  throw new BackendError(`run: ${file} ${change} during training, ${stopped}; leave the lock to the process that holds the run`);
}

/** Returns the living process that holds a run; `undefined` if there is none. */
export async function lockOwner(run: string): Promise<number | undefined> {
  return ownerOf((await readLock(path.join(run, lockFile)).catch(() => undefined)) ?? '');
}

/** Returns true if a folder holds only the beginning of a run that was killed before it wrote its configuration. */
export function isBeginning(entries: readonly string[]): boolean {
  // The lock itself, or its staging file.
  const isLocked = entries.some((name) => name.startsWith(lockFile));
  const first: readonly string[] = [lockFile, runFiles.environment, runFiles.fingerprints, runFolders.initial];
  return isLocked && entries.every((name) => first.includes(name) || isStagingName(name));
}
