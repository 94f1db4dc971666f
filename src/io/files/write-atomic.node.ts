/** Atomic writing: files are written beside their place, flushed to the disk, then renamed. */
import { chmod, type FileHandle, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { type FileContent, pour } from './file-content.js';
import { removeEmptyFolders } from './make-folder.node.js';
import { flushFolder, removeAbandoned, stagingPath } from './staging.node.js';
import { isSystemError, writeError } from './write-error.js';

/**
 * Writes a file so that a reader, or a crash at any moment, finds the old file or the new one, never a part. Missing
 * folders above it are created. A symbolic link stays one: its target is replaced. Permissions are kept. What a killed
 * process has left of the same file is removed.
 *
 * @param file - the path.
 * @param content - the new content.
 * @param caller - the function or command that errors name.
 * @throws BackendError if the file system refuses; whatever `content` throws. In both cases the old file is untouched
 * and nothing is left behind.
 */
export async function writeAtomic(file: string, content: FileContent, caller = 'writeAtomic'): Promise<void> {
  await writeAllAtomic(new Map([[file, content]]), { caller });
}

/**
 * Writes several files that belong together. All are complete on the disk before the first is renamed. They are renamed
 * in the order given, so the last one, such as an index of the others, shows that the set is complete.
 *
 * @param files - contents by path.
 * @param options - files that do not belong to the set (`stale`), which are removed when all contents are complete, and
 * before the first of them is in place; the function or command that errors name (`caller`).
 * @throws as {@link writeAtomic} does. Only an error in the renaming of the new files, after the first of them, can
 * leave some files new and the others old.
 */
export async function writeAllAtomic(
  files: ReadonlyMap<string, FileContent>,
  { stale = [], caller = 'writeAtomic' }: { readonly stale?: readonly string[]; readonly caller?: string } = {},
): Promise<void> {
  const staged: StagedFile[] = [];
  /** The stale files, aside until the new ones are in place. */
  const aside: StagedFile[] = [];
  let renamed = 0;
  const folders: string[] = [];
  try {
    for (const [file, content] of files) {
      const folder = await mkdir(path.dirname(path.resolve(file)), { recursive: true });
      if (folder !== undefined) folders.push(folder);
      const target = await realpath(file).catch(() => path.resolve(file));
      await removeAbandoned(target);
      const staging = await stagingPath(target);
      staged.push({ target, staging });
      await stage(caller, staging, target, content);
    }
    for (const file of stale) await setAside(file, aside);
    for (const { target, staging } of staged) {
      await rename(staging, target);
      renamed++;
    }
    for (const { staging } of aside) await rm(staging, { force: true }).catch(() => undefined);
    for (const folder of new Set(staged.map(({ target }) => path.dirname(target)))) await flushFolder(folder);
  } catch (cause) {
    for (const { staging } of staged) await rm(staging, { force: true }).catch(() => undefined);
    for (const { target, staging } of aside) await (renamed === 0 ? rename(staging, target) : rm(staging)).catch(() => undefined);
    for (const { target } of staged.toReversed()) await removeEmptyFolders(path.dirname(target), folders);
    throw isSystemError(cause) ? writeError(caller, [...files.keys()].join(', '), cause) : cause;
  }
}

/** Moves a file, if there is one, to a name beside its place. */
async function setAside(file: string, aside: StagedFile[]): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) return;
  const staging = await stagingPath(path.resolve(file));
  await rename(file, staging);
  aside.push({ target: file, staging });
}

interface StagedFile {
  readonly target: string;
  readonly staging: string;
}

/** Writes the content to a new file and flushes it. */
async function stage(caller: string, staging: string, target: string, content: FileContent): Promise<void> {
  const handle = await open(staging, 'wx');
  try {
    await pour(content, { write: (bytes) => writeFully(handle, bytes) });
    await handle.sync();
  } finally {
    await handle.close();
  }
  const existing = await stat(target).catch(() => undefined);
  if (existing?.isDirectory())
    throw new ConfigError(`${caller}: expected the path of a file, got the directory ${target}; add a file name`);
  if (existing !== undefined) await chmod(staging, existing.mode);
}

/** Writes all bytes: a single write may take fewer than it was given, and no more than 2³¹. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  const mostAtOnce = 2 ** 26;
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(mostAtOnce, bytes.length - done));
    done += bytesWritten;
  }
}
