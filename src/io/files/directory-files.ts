import { BackendError, BuresError, ConfigError, NotImplementedError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { openBlob } from './blob-file.js';
import type { DirectoryHandle, FileHandle } from './directory-handle.js';
import type { Files } from './files.js';
import { joinSlash, namesOf } from './slash-path.js';
import { isStagedName, writeInto } from './write-handle.js';

/**
 * The files in a folder for which a page has a handle: one that the user picked (`showDirectoryPicker()`) or dropped
 * there (`item.getAsFileSystemHandle()`).
 *
 * @param handle - a `FileSystemDirectoryHandle`; paths are relative to it. To write, the user has to allow it:
 * `showDirectoryPicker({ mode: 'readwrite' })`.
 * @returns files to read and to write. A file is written beside its place and then moved there, so that a reader finds
 * the old file or the new one; where a browser cannot move it, it is copied.
 * @throws ConfigError for anything but a handle of a folder. The functions throw a {@link BackendError} with the remedy
 * for what the browser refuses.
 */
export function directoryFiles(handle: DirectoryHandle): Files {
  if (typeof handle?.getDirectoryHandle !== 'function')
    throw new ConfigError(
      `directoryFiles: expected the handle of a folder, got ${describeValue(handle)}; pass what showDirectoryPicker() returns`,
    );
  return handleFiles('directoryFiles', async () => handle);
}

/**
 * The files that a browser keeps for the origin of a page (the origin private file system): models that are not to be
 * fetched again, and runs that outlive a reload. Pages and workers of one origin share them. In Safari before 26 only
 * workers can write.
 *
 * @returns files to read and to write, with paths from the root such as `models/qwen`. Ask
 * `navigator.storage.persist()` for files that the browser does not remove when space is short.
 * @throws NotImplementedError, on first use, where there is no such file system: outside of browsers, and on pages that
 * are not secure (https, or localhost).
 */
export function opfsFiles(): Files {
  return handleFiles('opfsFiles', async () => {
    const { navigator } = globalThis as { readonly navigator?: { readonly storage?: { getDirectory?(): Promise<DirectoryHandle> } } };
    const storage = navigator?.storage;
    if (storage?.getDirectory !== undefined) return storage.getDirectory();
    throw new NotImplementedError(
      'opfsFiles: expected the origin private file system of a browser, there is none (it takes a page served by https or from localhost); use memoryFiles, or nodeFiles in Node.js',
    );
  });
}

/** The files below a folder of handles. */
function handleFiles(caller: string, rootOf: () => Promise<DirectoryHandle>): Files {
  const at = async (names: readonly string[], create = false): Promise<DirectoryHandle> => {
    let folder = await rootOf();
    for (const name of names) folder = await folder.getDirectoryHandle(name, { create });
    return folder;
  };
  const fail = (what: string): ((cause: unknown) => never) => {
    return (cause) => {
      throw refusal(caller, what, cause);
    };
  };
  /** Returns the entry at a path; undefined if there is none. */
  const find = async (path: string): Promise<FileHandle | 'folder' | undefined> => {
    const names = namesOf(path);
    try {
      const folder = await at(names.slice(0, -1));
      return names.length === 0 ? 'folder' : await fileOrFolder(folder, names[names.length - 1]);
    } catch (cause) {
      // Something above the path is missing, or is a file.
      if (['NotFoundError', 'TypeMismatchError'].includes((cause as Error).name)) return undefined;
      throw cause;
    }
  };
  return {
    async describe(path) {
      const found = await find(path).catch(fail(`read ${path}`));
      if (found === 'folder') return { kind: 'folder', bytes: 0 };
      return found && { kind: 'file', bytes: (await found.getFile().catch(fail(`read ${path}`))).size };
    },
    async open(path) {
      const found = await find(path).catch(fail(`read ${path}`));
      if (found === undefined || found === 'folder') {
        const got = found === undefined ? 'nothing there' : 'a folder';
        throw new BackendError(`${caller}: expected a file at ${path}, got ${got}; check the path`);
      }
      return openBlob(await found.getFile().catch(fail(`read ${path}`)), fail(`read ${path}`));
    },
    async list(folder) {
      const names: string[] = [];
      try {
        const found = await at(namesOf(folder));
        if (found.keys === undefined)
          throw new NotImplementedError(`${caller}: this browser does not list the files of a folder; name the files themselves`);
        for await (const name of found.keys()) if (!isStagedName(name)) names.push(name);
      } catch (cause) {
        throw refusal(caller, `list ${folder}`, cause);
      }
      return names;
    },
    async write(path, content) {
      const names = namesOf(path);
      if (names.length === 0 || (await find(path).catch(fail(`write ${path}`))) === 'folder')
        throw new ConfigError(`${caller}: expected the path of a file, got the directory ${path}; add a file name`);
      const folder = await at(names.slice(0, -1), true).catch(fail(`write ${path}`));
      await writeInto(folder, names[names.length - 1], content, fail(`write ${path}`), `${caller}: ${names.join('/')}`);
    },
    async remove(path) {
      const found = await find(path).catch(fail(`remove ${path}`));
      if (found === undefined) return;
      if (found === 'folder')
        throw new ConfigError(`${caller}: expected the path of a file, got the directory ${path}; remove the files in it`);
      const names = namesOf(path);
      const folder = await at(names.slice(0, -1)).catch(fail(`remove ${path}`));
      await folder.removeEntry(names[names.length - 1]).catch(fail(`remove ${path}`));
    },
    join: joinSlash,
  };
}

async function fileOrFolder(folder: DirectoryHandle, name: string): Promise<FileHandle | 'folder'> {
  try {
    return await folder.getFileHandle(name);
  } catch (cause) {
    if ((cause as Error).name !== 'TypeMismatchError') throw cause;
    return 'folder';
  }
}

/** Remedies by the name of the browser's error. */
const remedies: Readonly<Record<string, string>> = {
  NotFoundError: 'check the path',
  TypeMismatchError: 'check the path: a file is in the place of a folder, or a folder in that of a file',
  NotAllowedError: "ask the user for it: await handle.requestPermission({ mode: 'readwrite' }), in the handler of a click",
  QuotaExceededError: 'remove files that are no longer needed, or free space on the disk',
  NoModificationAllowedError: 'another page or worker has the file open: let it close the file, and try again',
  NotReadableError: 'the file has changed since it was opened, or cannot be read: open it again',
};

/** Returns the error of a browser that refuses; errors of the library are returned as they are. */
function refusal(caller: string, what: string, cause: unknown): unknown {
  if (cause instanceof BuresError) return cause;
  const { name, message } = cause as Error;
  // Chromium names the quota only where it was asked for room; a pipe that breaks has none left either.
  const otherwise = what.startsWith('write ')
    ? 'the browser may have no room left: remove what is no longer needed, and try again'
    : 'try again';
  return new BackendError(`${caller}: cannot ${what} (${message || name}); ${remedies[name] ?? otherwise}`, { cause });
}
