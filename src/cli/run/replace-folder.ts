/** Folders of a run that are replaced whole. */
import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { flushFolder, stagingPath } from '../../core/staging.js';
import { writeError } from '../../core/write-error.js';
import { exists } from '../adapter/adapter-folder.js';
import { writeChecksums } from './checksums.js';

/**
 * Writes a folder with the checksums of its files. It takes its place complete, by one renaming, and replaces what is in that place. A process that is killed between putting
 * the old one aside and renaming the new one leaves neither in its place, and both beside it.
 *
 * @param folder - its parent must be there: a run that was removed is not begun again by its parts.
 * @param fill - writes the files into the folder that it is given.
 * @returns what `fill` returns.
 * @throws what `fill` throws; BackendError if the file system refuses. What was there is untouched then, and nothing is left behind.
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
    if (await exists(folder)) await rename(folder, replaced).catch(refuse);
    await rename(staging, folder).catch(refuse);
    await flushFolder(path.dirname(folder));
    return result;
  } finally {
    for (const left of [staging, replaced]) await rm(left, { recursive: true, force: true }).catch(() => undefined);
  }
}
