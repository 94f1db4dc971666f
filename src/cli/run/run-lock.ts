/** One process a run: two would tear its files apart. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { writeError } from '../../core/write-error.js';

/** Names the process that has a run. */
export const lockFile = '.lock';

/**
 * Takes a run for this process. The lock of a process that has died is taken over.
 *
 * @returns the function that gives it back.
 * @throws ConfigError if another process has it; BackendError if the file system refuses.
 */
export async function lockRun(run: string): Promise<() => Promise<void>> {
  const file = path.join(run, lockFile);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const { start } = await lifeOf(process.pid);
      await writeFile(file, `${process.pid} ${start}`, { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        // A full disk lets a file be made that it has no room for.
        await rm(file, { force: true }).catch(() => undefined);
        throw writeError('run', file, cause);
      }
      const owner = await lockOwner(run);
      if (owner !== undefined && owner !== process.pid) {
        throw new ConfigError(
          `run: ${run} is in the hands of process ${owner}; wait for it, or end it (and if that is no bures, remove ${file})`,
          { cause },
        );
      }
      await rm(file, { force: true });
    }
  }
  throw new ConfigError(`run: ${run} was taken by another process just now; try again`);
}

/** The living process that has a run; `undefined` if there is none. */
export async function lockOwner(run: string): Promise<number | undefined> {
  const [pid = '', begun = ''] = (await readFile(path.join(run, lockFile), 'utf8').catch(() => '')).split(' ');
  const owner = Number(pid);
  if (!Number.isInteger(owner) || owner <= 0) return undefined;
  const { alive, start } = await lifeOf(owner);
  // A number is given to another process once its own has died.
  const isAnother = begun !== '' && start !== '' && begun !== start;
  return alive && !isAnother ? owner : undefined;
}

/** Whether a process lives, and when it began, in the system's own count; empty where the system does not tell. */
async function lifeOf(pid: number): Promise<{ readonly alive: boolean; readonly start: string }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return { alive: isAlive(pid), start: '' };
  // proc_pid_stat(5): the state is the third field, the start the 22nd; the second, a name in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended, and only waits for its parent to notice.
  return { alive: fields[0] !== 'Z' && fields[0] !== 'X', start: fields[19] };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
