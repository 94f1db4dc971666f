/**
 * Lock files, which name the process that holds something. A lock is complete from its first moment, and is taken over
 * from a process that has died.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isSameProcess, lifeOf } from './process-life.node.js';

/** Returns the content of a new lock of this process. Its last word tells it from all others. */
export async function ownLock(): Promise<string> {
  const { start } = await lifeOf(process.pid);
  return `${process.pid} ${start} ${randomUUID()}`;
}

/** Returns the content of a lock; `undefined` if there is none. */
export async function readLock(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/** Returns a name beside a lock that no other process uses, and that is cleared away as half-written files are. */
function beside(file: string): string {
  return `${file}.${randomUUID()}.tmp`;
}

/** Creates a lock that is complete from its first moment. @returns true unless there was one already. */
export async function placeLock(file: string, content: string): Promise<boolean> {
  const staging = beside(file);
  try {
    await writeFile(staging, content, { flag: 'wx' });
    await link(staging, file).catch((error: NodeJS.ErrnoException) => {
      // Some disks, such as exFAT, have no links. There another process may find the lock empty for a moment.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(error.code ?? '')) throw error;
      return copyFile(staging, file, constants.COPYFILE_EXCL);
    });
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    // The process that holds the run may have removed the staging file.
    if (code === 'EEXIST' || (code === 'ENOENT' && syscall === 'link')) return false;
    throw error;
  } finally {
    await rm(staging, { force: true }).catch(() => undefined);
  }
}

/** Removes a lock if its content is the expected one. One that has appeared there meanwhile is put back. */
export async function removeLock(file: string, expected: string): Promise<void> {
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

/** Returns the living process that a lock names; `undefined` if there is none. */
export async function ownerOf(content: string): Promise<number | undefined> {
  const [pid = '', begun = ''] = content.split(' ');
  const owner = Number(pid);
  if (!Number.isInteger(owner) || owner <= 0) return undefined;
  return (await isSameProcess(owner, begun)) ? owner : undefined;
}
