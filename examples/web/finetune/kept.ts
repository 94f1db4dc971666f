/** What the page keeps in the browser's own files: one run, and copies of models. */
import { type Files, readAll } from 'bures/io';
import type { RowsFile, SavedRun } from './protocol.js';

/** Where the run is kept. */
const runFolder = 'run';
/** Its description, which is written last: what it does not name is no part of the run. */
const runFile = `${runFolder}/run.json`;
/** Where copies of models are kept. */
export const modelsFolder = 'models';

/** The folder of a run's own files. */
export const folderOf = ({ id }: SavedRun): string => `${runFolder}/${id}`;

/** Where the rows of a run lie: in a folder of their own, whatever the user's file is called. */
export const rowsPlace = (own: Files, run: SavedRun): string => own.join(`${folderOf(run)}/rows`, run.rows.name);

/** Reads the run that is kept; `'damaged'` if its description cannot be read. */
export async function readRun(own: Files): Promise<SavedRun | 'damaged' | undefined> {
  if ((await own.describe(runFile)) === undefined) return undefined;
  try {
    const run = JSON.parse(new TextDecoder().decode(await readAll(own, runFile))) as Partial<SavedRun>;
    const { id, step, model, rows, settings, records } = run;
    const isWhole =
      typeof id === 'string' && Number.isSafeInteger(step) && model?.again && rows?.name && settings?.methods && records?.balora;
    return isWhole ? (run as SavedRun) : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** Writes the description of a run. */
export const writeRun = (own: Files, run: SavedRun): Promise<void> => own.write(runFile, JSON.stringify(run));

/**
 * Keeps a run at its first step, and gives up the one before: as soon as this one's description is there, and not
 * earlier, so that a page that is closed meanwhile loses neither.
 */
export async function beginRun(own: Files, run: SavedRun, rows: RowsFile): Promise<void> {
  await own.write(rowsPlace(own, run), rows.bytes);
  await writeRun(own, run);
  for (const name of await own.list(runFolder)) {
    const place = own.join(runFolder, name);
    if (place !== runFile && place !== folderOf(run)) await removeFolder(own, place);
  }
}

/** Removes the run that is kept. */
export const forgetRun = (own: Files): Promise<void> => removeFolder(own, runFolder);

/** Removes a folder and all in it, or a file. */
export async function removeFolder(files: Files, folder: string): Promise<void> {
  for (const file of await filesIn(files, folder)) await files.remove(file.path);
}

/** The files of copied models that are in none of the folders in use. */
export async function sparedCopies(own: Files, used: readonly string[]): Promise<readonly KeptFile[]> {
  const all = await filesIn(own, modelsFolder);
  return all.filter(({ path }) => !used.some((folder) => path.startsWith(`${folder}/`)));
}

/** A file, with its length. */
interface KeptFile {
  readonly path: string;
  readonly bytes: number;
}

async function filesIn(files: Files, path: string): Promise<readonly KeptFile[]> {
  const info = await files.describe(path);
  if (info === undefined) return [];
  if (info.kind === 'file') return [{ path, bytes: info.bytes }];
  const below = await Promise.all((await files.list(path)).map((name) => filesIn(files, files.join(path, name))));
  return below.flat();
}
