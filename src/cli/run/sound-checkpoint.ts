/** Finds the point where a run continues: its latest sound checkpoint. */

import { FormatError } from '../../core/errors.js';
import { move, remove } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { writeError } from '../../io/files/write-error.js';
import { type Checkpoint, readCheckpoint } from './checkpoint.js';
import { checkpointFolders, damagedFolder, runFiles, stepOfFolder } from './run-layout.js';

/**
 * Reads the latest sound checkpoint. Later ones, which are damaged, are set aside, so that training can reach their
 * steps again. Only the process that holds the run may call this.
 *
 * @param notice - receives a message about each damaged one.
 * @returns `undefined` if there is no checkpoint yet.
 * @throws FormatError if all checkpoints are damaged; nothing is moved then. ConfigError for one in the folder of
 * another step; BackendError if the file system refuses.
 */
export async function readSoundCheckpoint(run: string, notice: (line: string) => void): Promise<Checkpoint | undefined> {
  const folders = (await checkpointFolders(run)).toReversed();
  if (folders.length === 0) return undefined;
  const reasons = new Map<string, string>();
  for (const folder of folders) {
    try {
      const checkpoint = await readCheckpoint(folder);
      for (const [damaged, reason] of reasons) {
        const aside = await putAside(run, damaged);
        notice(
          `warning: ${damaged} is damaged (${problemOf(reason)}); the run continues from the checkpoint before it, and the damaged one is kept as ${path.basename(aside)}`,
        );
      }
      return checkpoint;
    } catch (error) {
      if (!(error instanceof FormatError) || isForbidden(error.cause)) throw error;
      reasons.set(folder, error.message);
    }
  }
  const list = [...reasons.values()].map((reason) => `\n  ${reason}`).join('');
  throw new FormatError(
    `resume: expected an undamaged checkpoint in ${run}, got only damaged ones:${list}\nrestore one from a copy, or begin again with: bures finetune ${path.join(run, runFiles.config)} --out ANOTHER`,
  );
}

/** Strips a message of its caller and of its remedy, which has been carried out. */
export function problemOf(message: string): string {
  return message.replace(/^resume: /, '').replace(/; [^;]*$/, '');
}

/** Returns true if a file may not be read, or not now; it then does not count as damaged. */
export function isForbidden(cause: unknown): boolean {
  return ['EACCES', 'EPERM', 'EMFILE', 'ENFILE'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '');
}

async function putAside(run: string, folder: string): Promise<string> {
  const aside = damagedFolder(run, stepOfFolder(folder) ?? 0);
  try {
    await remove(aside);
    await move(folder, aside);
  } catch (cause) {
    throw writeError('resume', folder, cause);
  }
  return aside;
}
