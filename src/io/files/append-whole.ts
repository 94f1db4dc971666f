import { type FileHandle, open } from 'node:fs/promises';
import { writeError } from './write-error.js';

/**
 * Appends to a file, all or nothing: if the disk fills up, the part written is cut off again and the run can go on.
 * Creates the file if it is missing.
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
