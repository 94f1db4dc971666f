/**
 * Files and folders that are written beside their place and then renamed into it. Their names tell which process writes
 * them, so that the remains of a killed process are told from what a living one is writing.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { exists } from './entries.node.js';
import { makeFolder } from './make-folder.node.js';
import { isSameProcess, lifeOf } from './process-life.node.js';
import type { PlacingOrder } from './staging-files.js';
import { isSystemError, writeError } from './write-error.js';

/** `.NAME.PID-START-HOST.UUID.tmp` */
const stagingName = /^\.(?<target>.+)\.(?<pid>\d+)-(?<start>\d*)-(?<host>[0-9a-f]{8})\.[0-9a-f-]{36}\.tmp$/s;

/** Longest name in bytes that a staging name repeats: file systems allow 255 for the whole. */
const mostNameBytes = 100;

/**
 * Milliseconds after which what a process of another machine was writing counts as abandoned, since nobody here can ask
 * whether that process is alive.
 */
const foreignAge = 24 * 60 * 60 * 1000;

/** Returns true if a name is that of a file or folder that is, or was, being written. */
export function isStagingName(name: string): boolean {
  return /^\..+\.tmp$/s.test(name);
}

/** Returns an unused name in a folder for what will become `target`. */
export async function stagingPath(target: string, folder: string = path.dirname(target)): Promise<string> {
  const { start } = await lifeOf(process.pid);
  return path.join(folder, `.${stem(target)}.${process.pid}-${start}-${hostMark()}.${randomUUID()}.tmp`);
}

/** Returns the part of a staging name that identifies the target: its name, or a digest of a long one. */
function stem(target: string): string {
  const name = path.basename(target);
  return Buffer.byteLength(name) <= mostNameBytes ? name : digest(name);
}

function hostMark(): string {
  return digest(hostname()).slice(0, 8);
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * Removes what dead processes were writing in a folder for `target`. What a living process writes stays.
 *
 * @param target - the file or folder that was to be written.
 * @param folder - the folder it was staged in. Default: the folder of the target.
 * @returns true if anything was removed.
 */
export async function removeAbandoned(target: string, folder: string = path.dirname(target)): Promise<boolean> {
  const names = await abandonedIn(target, folder);
  // A file that cannot be removed does no harm: its name is never used again.
  for (const name of names) await rm(path.join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  return names.length > 0;
}

/** Lists the names of what dead processes were writing in a folder for `target`. */
export async function abandonedIn(target: string, folder: string = path.dirname(target)): Promise<readonly string[]> {
  const names: readonly string[] = await readdir(folder).catch(() => []);
  const abandoned: string[] = [];
  for (const name of names) {
    const parts = stagingName.exec(name)?.groups;
    if (parts?.target === stem(target) && (await isAbandoned(path.join(folder, name), parts))) abandoned.push(name);
  }
  return abandoned;
}

async function isAbandoned(file: string, { pid, start, host }: Readonly<Record<string, string>>): Promise<boolean> {
  if (host === hostMark()) return !(await isSameProcess(Number(pid), start));
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > foreignAge;
}

/** A folder that is being written. */
export interface StagedFolder {
  /** Folder to write into, empty at first. */
  readonly folder: string;
  /**
   * Moves the files to their place; a folder that did not exist is put there by one renaming.
   *
   * @throws BackendError if the file system refuses.
   */
  commit(order?: PlacingOrder): Promise<void>;
  /** Removes what is not yet in its place, and the folders created for it. Does nothing after `commit`. */
  discard(): Promise<void>;
}

/**
 * Creates a folder to write in beside `out` (or, if `out` exists, inside it), and removes those that killed processes
 * left there.
 *
 * @param caller - the function or command that errors name.
 * @param out - the folder to be written.
 * @throws BackendError if the file system refuses; then nothing is left behind.
 */
export async function stageFolder(caller: string, out: string): Promise<StagedFolder> {
  const target = path.resolve(out);
  const replaces = await exists(target);
  const parent = replaces ? target : path.dirname(target);
  const removeIfEmpty = await makeFolder(caller, parent);
  const refuse = (cause: unknown): never => {
    throw isSystemError(cause) ? writeError(caller, out, cause) : cause;
  };
  const folder = await stagingPath(target, parent);
  try {
    for (const place of new Set([path.dirname(target), parent])) await removeAbandoned(target, place);
    await mkdir(folder);
  } catch (cause) {
    await removeIfEmpty();
    return refuse(cause);
  }
  return {
    folder,
    async commit(order = {}) {
      await (replaces ? moveFiles(caller, folder, target, order) : rename(folder, target)).catch(refuse);
      await flushFolder(parent);
    },
    async discard() {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
      await removeIfEmpty();
    },
  };
}

/** Moves files into a folder that may hold others, those of `last` at the end. On failure removes those new there. */
async function moveFiles(caller: string, from: string, to: string, { stale = [], last = [] }: PlacingOrder): Promise<void> {
  const names = (await readdir(from)).sort();
  const late = last.filter((name) => names.includes(name));
  const before = new Set<string>();
  for (const name of names) {
    const found = await stat(path.join(to, name)).catch(() => undefined);
    if (found?.isDirectory())
      throw new ConfigError(
        `${caller}: expected the place of a file, got the directory ${path.join(to, name)}; choose another folder, or remove it`,
      );
    if (found !== undefined) before.add(name);
  }
  const moved: string[] = [];
  try {
    for (const name of stale) await rm(path.join(to, name), { force: true });
    for (const name of [...names.filter((one) => !late.includes(one)), ...late]) {
      await rename(path.join(from, name), path.join(to, name));
      moved.push(name);
    }
  } catch (cause) {
    for (const name of moved) if (!before.has(name)) await rm(path.join(to, name), { force: true });
    throw cause;
  }
}

/** Makes a renaming durable. On some systems folders cannot be opened; there the file system takes care of it. */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/**
 * Writes a folder completely or not at all.
 *
 * @param fill - writes the files into the given folder.
 * @param order - the order in which files are moved if the folder exists.
 * @returns what `fill` returns.
 * @throws what `fill` throws; BackendError if the file system refuses. Nothing is left behind then.
 */
export async function writeFolder<Result>(
  caller: string,
  out: string,
  fill: (folder: string) => Promise<Result>,
  order: PlacingOrder = {},
): Promise<Result> {
  const staged = await stageFolder(caller, out);
  try {
    const result = await fill(staged.folder);
    await staged.commit(order);
    return result;
  } finally {
    await staged.discard();
  }
}
