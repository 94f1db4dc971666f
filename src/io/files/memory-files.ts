import { BackendError, ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type FileContent, joinBytes, pour } from './file-content.js';
import type { Files, OpenFile } from './files.js';
import { joinSlash, namesOf } from './slash-path.js';

/**
 * Files in memory: for pages that keep what they write, such as an adapter to be downloaded, and for tests. Folders
 * exist as long as there are files in them.
 *
 * @param contents - texts and bytes by path, such as `{ 'model/config.json': '{…}' }`. Bytes are not copied. Default:
 * none.
 * @returns files to read and to write. Take a file out with {@link readAll}.
 *
 * @example
 * ```ts
 * import { memoryFiles, readAll } from 'bures/io';
 *
 * const files = memoryFiles({ 'data/train.jsonl': '{"text": "one"}\n' });
 * await files.write('out/copy.jsonl', await readAll(files, 'data/train.jsonl'));
 * ```
 */
export function memoryFiles(contents: Readonly<Record<string, string | Uint8Array>> = {}): Files {
  const files = new Map<string, Uint8Array>();
  const keyOf = (path: string): string => namesOf(path).join('/');
  const isFolder = (key: string): boolean => key === '' || [...files.keys()].some((file) => file.startsWith(`${key}/`));
  if (typeof contents !== 'object' || contents === null) {
    throw new ConfigError(`memoryFiles: expected contents by path, got ${describeValue(contents)}; pass { 'folder/file.txt': 'text' }`);
  }
  for (const [path, content] of Object.entries(contents)) files.set(placeFor('memoryFiles', path), bytesOf(content));

  /** Returns the key of a file to be written. @throws ConfigError or BackendError if something is in its way. */
  function placeFor(caller: string, path: string): string {
    const key = keyOf(path);
    if (isFolder(key)) throw new ConfigError(`${caller}: expected the path of a file, got the directory ${path}; add a file name`);
    const above = namesOf(path).map((_, i, names) => names.slice(0, i).join('/'));
    const file = above.find((folder) => files.has(folder));
    if (file !== undefined) throw new BackendError(`${caller}: cannot write ${path}, since ${file} is a file; choose another path`);
    return key;
  }

  return {
    async describe(path) {
      const key = keyOf(path);
      const bytes = files.get(key);
      if (bytes !== undefined) return { kind: 'file', bytes: bytes.length };
      return isFolder(key) ? { kind: 'folder', bytes: 0 } : undefined;
    },
    async open(path) {
      const bytes = files.get(keyOf(path));
      if (bytes !== undefined) return openBytes(bytes);
      const found = isFolder(keyOf(path)) ? 'a folder' : 'nothing there';
      throw new BackendError(`memoryFiles: expected a file at ${path}, got ${found}; check the path`);
    },
    async list(folder) {
      const key = keyOf(folder);
      const start = key === '' ? '' : `${key}/`;
      if (!isFolder(key)) throw new BackendError(`memoryFiles: expected a folder at ${folder}, there is none; check the path`);
      const names = [...files.keys()].filter((file) => file.startsWith(start)).map((file) => file.slice(start.length).split('/')[0]);
      return [...new Set(names)];
    },
    async write(path, content) {
      placeFor('memoryFiles', path);
      const bytes = await contentBytes(content);
      // Another file may have come to be there meanwhile.
      files.set(placeFor('memoryFiles', path), bytes);
    },
    async remove(path) {
      files.delete(keyOf(path));
    },
    join: joinSlash,
  };
}

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? new TextEncoder().encode(content) : content;
}

/** Returns a content as bytes that nobody else has. */
async function contentBytes(content: FileContent): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  await pour(content, { write: async (bytes) => void pieces.push(bytes.slice()) });
  return pieces.length === 1 ? pieces[0] : joinBytes(pieces);
}

/** Opens bytes in memory for reading by ranges. */
export function openBytes(content: Uint8Array): OpenFile {
  return {
    bytes: content.length,
    async read(target, position) {
      const part = content.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    close: async () => undefined,
  };
}
