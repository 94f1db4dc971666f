import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeChecksums } from './checksums.node.js';
import { exists } from './entries.node.js';
import { flushFolder, stagingPath } from './staging.node.js';
import { writeError } from './write-error.js';

/**
 * Writes a folder of a run with the checksums of its files. The complete folder replaces an old one by a renaming. A
 * process that is killed after moving the old one aside and before renaming the new one leaves both beside their place.
 *
 * @param folder - its parent must exist: a run that was removed is not recreated by its parts.
 * @param fill - writes the files into the given folder.
 * @returns what `fill` returns.
 * @throws what `fill` throws; BackendError if the file system refuses. Then the old folder is untouched, and nothing is
 * left behind.
 */
export async function replaceFolder<Result>(caller: string, folder: string, fill: (staging: string) => Promise<Result>): Promise<Result> {
  const [staging, replaced] = [await stagingPath(folder), await stagingPath(folder)];
  const refuse = (cause: unknown): never => {
    throw writeError(caller, folder, cause);
  };
  try {
    await mkdir(staging).catch(refuse);
    const result = await fill(staging);
    await writeChecksums(staging);
    const replaces = await exists(folder);
    if (replaces) await rename(folder, replaced).catch(refuse);
    try {
      await rename(staging, folder);
    } catch (cause) {
      if (replaces) await rename(replaced, folder).catch(() => undefined);
      refuse(cause);
    }
    await flushFolder(path.dirname(folder));
    await rm(replaced, { recursive: true, force: true }).catch(() => undefined);
    return result;
  } finally {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
  }
}
