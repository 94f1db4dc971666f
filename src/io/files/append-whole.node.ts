import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BackendError } from '../../core/errors.js';
import { writeError } from './write-error.js';

/** Opens for appending, and refuses a missing file, which the flag `a` would create. */
const appendToExisting = constants.O_WRONLY | constants.O_APPEND;

/**
 * Appends to a file, all or nothing: if the disk fills up, the part written is cut off again and the run can go on.
 *
 * @param missing - creates or refuses a missing file. A file that has been written to is not created again: it was
 * taken away.
 * @throws BackendError naming the file if the file system refuses.
 */
export async function appendWhole(file: string, content: string | Uint8Array, missing: 'create' | 'refuse'): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, missing === 'create' ? 'a' : appendToExisting);
    const { size } = await handle.stat();
    try {
      await handle.appendFile(content);
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      throw error;
    }
  } catch (cause) {
    if (missing === 'refuse' && (cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new BackendError(`run: expected ${file} to go on with, but it was taken away; put it back, or begin another run`, { cause });
    throw writeError('run', file, cause);
  } finally {
    await handle?.close();
  }
}
