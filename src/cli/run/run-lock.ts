/** One process a run: two would tear its files apart. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BackendError, ConfigError } from '../../core/errors.js';
import { isSameProcess, lifeOf } from '../../core/process-life.js';
import { isSystemError, writeError } from '../../core/write-error.js';
import { exists } from '../adapter/adapter-folder.js';
import { runFiles } from './run-layout.js';

/** Names the process that has a run. */
export const lockFile = '.lock';

/** A run that is in this process's hands. */
export interface RunLock {
  /**
   * Makes sure, before anything is written to a run that has begun, that its folder is still there and still this process's.
   *
   * @throws BackendError if the folder, its configuration or the lock was removed or replaced.
   */
  check(): Promise<void>;
  /** Gives it back. @throws BackendError if the file system refuses. */
  release(): Promise<void>;
}

/**
 * Takes a run for this process. The lock of a process that has died is taken over.
 *
 * @throws ConfigError if another process has it, or this one already; BackendError if the file system refuses.
 */
export async function lockRun(run: string): Promise<RunLock> {
  const file = path.join(run, lockFile);
  const { start } = await lifeOf(process.pid);
  // The last word tells this lock from all others.
  const own = `${process.pid} ${start} ${randomUUID()}`;
  const refuse = (error: unknown): never => {
    throw isSystemError(error) ? writeError('run', file, error) : error;
  };
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      const found = await readLock(file);
      if (found === undefined) {
        if (await placeLock(file, own))
          return { check: () => checkLock(run, own).catch(refuse), release: () => removeLock(file, own).catch(refuse) };
        continue;
      }
      const owner = await ownerOf(found);
      if (owner !== undefined) {
        throw new ConfigError(
          `run: ${run} is in the hands of process ${owner}; wait for it, or end it (and if that is no bures, remove ${file})`,
        );
      }
      await removeLock(file, found);
    }
  } catch (error) {
    return refuse(error);
  }
  throw new ConfigError(`run: ${run} was taken by another process just now; try again`);
}

async function checkLock(run: string, own: string): Promise<void> {
  const file = path.join(run, lockFile);
  const found = await readLock(file);
  const config = path.join(run, runFiles.config);
  if (found === own && (await exists(config))) return;
  const stopped = 'nothing more is written to it';
  if (!(await exists(run)))
    throw new BackendError(
      `run: ${run} was removed or renamed while it was in training, ${stopped}; go on where it is now, or begin again`,
    );
  if (!(await exists(config)))
    throw new BackendError(`run: ${config} was removed while the run was in training, ${stopped}; put it back and resume, or begin again`);
  const owner = found === undefined ? undefined : await ownerOf(found);
  const change = owner === undefined ? 'was removed or replaced' : `was replaced by that of process ${owner}`;
  throw new BackendError(
    `run: ${file} ${change} while the run was in training, ${stopped}; leave the lock to the process that has the run`,
  );
}

/** The living process that has a run; `undefined` if there is none. */
export async function lockOwner(run: string): Promise<number | undefined> {
  return ownerOf(await readFile(path.join(run, lockFile), 'utf8').catch(() => ''));
}

/** What a lock says; `undefined` if there is none. */
async function readLock(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** A name beside a lock that no other process uses, and that is cleared away as half-written files are. */
function beside(file: string): string {
  return `${file}.${randomUUID()}.tmp`;
}

/** Makes a lock that is complete from its first moment. @returns whether there was none. */
async function placeLock(file: string, content: string): Promise<boolean> {
  const staging = beside(file);
  try {
    await writeFile(staging, content, { flag: 'wx' });
    await link(staging, file).catch((error: NodeJS.ErrnoException) => {
      // Some disks, such as exFAT, have no links. There a rival may find the lock empty for a moment.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code ?? '')) throw error;
      return copyFile(staging, file, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    // The process that has the run may have cleared the staging file away.
    if (code === 'EEXIST' || (code === 'ENOENT' && syscall === 'link')) return false;
    throw error;
  } finally {
    await rm(staging, { force: true }).catch(() => undefined);
  }
}

/** Removes a lock if it says what is expected. One that has come to be in its place meanwhile is put back. */
async function removeLock(file: string, expected: string): Promise<void> {
  if ((await readLock(file)) !== expected) return;
  const aside = beside(file);
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    const found = await readLock(aside);
    if (found !== undefined && found !== expected) await placeLock(file, found);
  } finally {
    await rm(aside, { force: true });
  }
}

/** The living process that a lock names; `undefined` if there is none. */
async function ownerOf(content: string): Promise<number | undefined> {
  const [pid = '', begun = ''] = content.split(' ');
  const owner = Number(pid);
  if (!Number.isInteger(owner) || owner <= 0) return undefined;
  return (await isSameProcess(owner, begun)) ? owner : undefined;
}
