/** Appending to the files of a run, which go on after an error as if it had not been. */
import { type FileHandle, open } from 'node:fs/promises';
import { writeError } from '../../core/write-error.js';

/**
 * Appends to a file, all or nothing: what a full disk took of it is cut off again. The file is made where it is missing.
 *
 * @throws BackendError naming the file if the file system refuses.
 */
export async function appendWhole(file: string, content: string | Uint8Array): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'a');
    const { size } = await handle.stat();
    try {
      await handle.appendFile(content);
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      throw error;
    }
  } catch (cause) {
    throw writeError('run', file, cause);
  } finally {
    await handle?.close();
  }
}
