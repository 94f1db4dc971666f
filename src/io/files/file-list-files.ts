import { BackendError, ConfigError, NotImplementedError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type FileBytes, openBlob } from './blob-file.js';
import type { Files } from './files.js';
import { joinSlash, namesOf } from './slash-path.js';

/** What is read of a browser's `File`. */
export interface ChosenFile extends FileBytes {
  /** Its name, without a folder. */
  readonly name: string;
  /** Its path from the chosen folder on, that folder's name first; empty or absent if files were chosen one by one. */
  readonly webkitRelativePath?: string;
}

/**
 * The files that a user chose on a page, by `<input type="file" multiple>` or, with their folder, by
 * `<input type="file" webkitdirectory>`, or dropped there (`event.dataTransfer.files`). Nothing is read before it is
 * asked for.
 *
 * @param chosen - the `files` of the input, or any `File`s. Their paths are their names; those of a chosen folder begin
 * with the folder's name, as in `model/config.json`.
 * @returns read-only files; `write` and `remove` throw a NotImplementedError.
 * @throws ConfigError if two of them have one path.
 */
export function fileListFiles(chosen: Iterable<ChosenFile>): Files {
  const files = new Map<string, ChosenFile>();
  const isList = typeof (chosen as Partial<Iterable<ChosenFile>> | null | undefined)?.[Symbol.iterator] === 'function';
  const list: readonly ChosenFile[] = isList ? [...chosen] : [];
  const wrong = isList ? list.find((file) => typeof file?.name !== 'string' || typeof file.slice !== 'function') : chosen;
  if (!isList || wrong !== undefined) {
    const got = isList ? `a list with ${describeValue(wrong)}` : describeValue(wrong);
    throw new ConfigError(`fileListFiles: expected the files of an input or a list of File objects, got ${got}; pass input.files`);
  }
  for (const file of list) {
    const path = namesOf(file.webkitRelativePath || file.name).join('/');
    if (files.has(path)) throw new ConfigError(`fileListFiles: expected files of different paths, got ${path} twice; choose one of them`);
    files.set(path, file);
  }
  const keyOf = (path: string): string => namesOf(path).join('/');
  const inFolder = (key: string): string[] => {
    const start = key === '' ? '' : `${key}/`;
    return [...files.keys()].filter((path) => path.startsWith(start)).map((path) => path.slice(start.length).split('/')[0]);
  };
  const isFolder = (key: string): boolean => key === '' || inFolder(key).length > 0;
  const missing = (path: string, expected: string): BackendError => {
    const found = inFolder('');
    const there = found.length === 0 ? 'none' : describeValue([...new Set(found)].slice(0, 12).join(', '));
    return new BackendError(
      `fileListFiles: expected ${expected} at ${path}, which is not among those that were chosen (${there}); choose it as well`,
    );
  };
  const unwritable = async (): Promise<never> => {
    throw new NotImplementedError(
      'fileListFiles: files that a user chose cannot be written; write with opfsFiles, memoryFiles, or directoryFiles of a folder',
    );
  };
  return {
    async describe(path) {
      const file = files.get(keyOf(path));
      if (file !== undefined) return { kind: 'file', bytes: file.size };
      return isFolder(keyOf(path)) ? { kind: 'folder', bytes: 0 } : undefined;
    },
    async open(path) {
      const file = files.get(keyOf(path));
      if (file === undefined) throw missing(path, 'a file');
      return openBlob(file, (cause) => {
        throw new BackendError(
          `fileListFiles: cannot read ${path} (${(cause as Error).message}); it may have changed since: choose it again`,
          { cause },
        );
      });
    },
    async list(folder) {
      if (!isFolder(keyOf(folder))) throw missing(folder, 'a folder');
      return [...new Set(inFolder(keyOf(folder)))];
    },
    write: unwritable,
    remove: unwritable,
    join: joinSlash,
  };
}
