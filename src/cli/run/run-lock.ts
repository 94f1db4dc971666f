/** One process a run: two would tear its files apart. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BackendError, ConfigError } from '../../core/errors.js';

const lockFile = '.lock';

/**
 * Takes a run for this process. The lock of a process that has died is taken over.
 *
 * @returns the function that gives it back.
 * @throws ConfigError if another process has it.
 */
export async function lockRun(run: string): Promise<() => Promise<void>> {
  const file = path.join(run, lockFile);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await writeFile(file, String(process.pid), { flag: 'wx' });
      return () => rm(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new BackendError(
          `run: cannot write ${file} (${(cause as Error).message}); free or allow the space, or choose another folder`,
          { cause },
        );
      }
      const owner = Number(await readFile(file, 'utf8').catch(() => ''));
      if (owner !== process.pid && isAlive(owner)) {
        throw new ConfigError(`run: ${run} is in the hands of process ${owner}; wait for it, or end it`, { cause });
      }
      await rm(file, { force: true });
    }
  }
  throw new ConfigError(`run: ${run} was taken by another process just now; try again`);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
