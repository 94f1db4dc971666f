/**
 * Writing of several files that belong together: at once where the files are those of this machine, else one after
 * another.
 */
import type { FileContent } from './file-content.js';
import { type Files, readAll } from './files.js';
import { memoryFiles } from './memory-files.js';
import { namesOf } from './slash-path.js';

/**
 * Order in which files are moved into an existing folder. They are moved one after another, so that a killed process
 * may leave only some of them there.
 */
export interface PlacingOrder {
  /** Files of an earlier result, removed before the first new file is moved. */
  readonly stale?: readonly string[];
  /** Files moved last, in this order: without the last one the folder does not count as complete. */
  readonly last?: readonly string[];
}

/** Files that are removed with the writing of others, and the function or command that errors name. */
export interface WriteAllOptions {
  readonly stale?: readonly string[];
  readonly caller?: string;
}

/** Writes files into a folder, which may be in other `Files` than the one that they are for. */
type Fill<Result> = (files: Files, folder: string) => Promise<Result>;

/** Files that are written beside their place and renamed into it, several of them at once. */
export interface StagingFiles extends Files {
  /** Returns a path that is the same for all paths of one place. */
  resolve(path: string): string;
  /** See {@link writeAll}. */
  writeAll(contents: ReadonlyMap<string, FileContent>, options: WriteAllOptions): Promise<void>;
  /** See {@link writeFolder}. */
  writeFolder<Result>(caller: string, out: string, fill: Fill<Result>, order: PlacingOrder): Promise<Result>;
}

const canStage = (files: Files): files is StagingFiles => 'writeFolder' in files;

/** Returns a path that is the same for all paths of one place. */
export function resolvedPath(files: Files, path: string): string {
  return canStage(files) ? files.resolve(path) : namesOf(path).join('/');
}

/**
 * Writes several files that belong together, in the order given, so that the last one shows that the set is complete.
 * On this machine all are complete before the first is in its place; elsewhere each is by itself.
 *
 * @param options - files that do not belong to the set (`stale`), which are removed; the function or command that
 * errors name (`caller`).
 */
export async function writeAll(files: Files, contents: ReadonlyMap<string, FileContent>, options: WriteAllOptions = {}): Promise<void> {
  if (canStage(files)) return files.writeAll(contents, options);
  // The first file is the one for which space is most likely to lack: until it is written, all is as before.
  let stale = options.stale ?? [];
  for (const [path, content] of contents) {
    await files.write(path, content);
    for (const old of stale) await files.remove(old);
    stale = [];
  }
}

/**
 * Writes a folder completely or not at all on this machine; elsewhere it is filled in memory, and its files are then
 * written one after another.
 *
 * @param fill - writes the files into the given folder.
 * @param order - the order in which files are put into an existing folder.
 * @returns what `fill` returns.
 * @throws what `fill` throws, and what writing throws.
 */
export async function writeFolder<Result>(
  files: Files,
  caller: string,
  out: string,
  fill: Fill<Result>,
  order: PlacingOrder = {},
): Promise<Result> {
  if (canStage(files)) return files.writeFolder(caller, out, fill, order);
  const staged = memoryFiles();
  const result = await fill(staged, '');
  const names = (await staged.list('')).toSorted();
  const late = (order.last ?? []).filter((name) => names.includes(name));
  const contents = new Map<string, FileContent>();
  for (const name of [...names.filter((one) => !late.includes(one)), ...late])
    contents.set(files.join(out, name), await readAll(staged, name));
  await writeAll(files, contents, { caller, stale: (order.stale ?? []).map((name) => files.join(out, name)) });
  return result;
}
