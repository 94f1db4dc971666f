/**
 * The cache of a repository, in the layout that Python's `huggingface_hub` reads and writes too:
 *
 * ```
 * models--OWNER--NAME/
 *   blobs/ETAG                       contents, by SHA-256 (large files) or git's SHA-1
 *   blobs/ETAG.incomplete            the part that has been downloaded
 *   refs/main                        the commit of a branch or tag
 *   snapshots/COMMIT/model.safetensors → ../../blobs/ETAG
 *   trees/COMMIT.json                the list of files of a commit
 * ```
 */
import { copyFile, link, lstat, mkdir, readdir, readFile, stat, symlink, unlink } from 'node:fs/promises';
import path from 'node:path';
import { writeAtomic } from '../files/write-atomic.node.js';
import { isSystemError, writeError } from '../files/write-error.js';
import { isJsonObject } from '../parse-json.js';
import type { HubSettings } from './hub-settings.node.js';
import { isCommit, type RepositoryKind } from './repository-name.js';

/** A file of a repository at a commit. */
export interface HubFile {
  /** Path in the repository, with slashes. */
  readonly path: string;
  /** Length in bytes. */
  readonly bytes: number;
  /** SHA-1 of git's object: of the contents, or of the pointer to a large file. */
  readonly blobId: string;
  /** SHA-256 of the contents of a large file; `undefined` for others. */
  readonly sha256: string | undefined;
  /** Hash of the hub's other store of large files; `undefined` without one. Kept for Python. */
  readonly xetHash: string | undefined;
}

/** Returns the name of a file's contents in the cache. */
export function etagOf({ sha256, blobId }: HubFile): string {
  return sha256 ?? blobId;
}

/** Version of the lists of files that Python writes. */
const treeVersion = 1;

/** The cache of one repository. */
export class RepositoryCache {
  /** Folder of the repository. */
  readonly folder: string;
  readonly #caller: string;
  readonly #locks: string;

  constructor(caller: string, { cache }: Pick<HubSettings, 'cache'>, kind: RepositoryKind, repository: string) {
    const name = [`${kind}s`, ...repository.split('/')].join('--');
    this.#caller = caller;
    this.folder = path.join(cache, name);
    this.#locks = path.join(cache, '.locks', name);
  }

  snapshot(commit: string): string {
    return path.join(this.folder, 'snapshots', commit);
  }

  blob(etag: string): string {
    return path.join(this.folder, 'blobs', etag);
  }

  /** Returns the path of the lock on a download. Python locks another file, since it locks in another way. */
  lock(etag: string): string {
    return path.join(this.#locks, `${etag}.bures.lock`);
  }

  /** Returns the commit of a branch or tag when it was last asked for; `undefined` if that is not known. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(this.#ref(revision), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  /** Records the commit of a branch or tag. */
  async keepCommit(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    await writeAtomic(this.#ref(revision), commit);
  }

  #ref(revision: string): string {
    return path.join(this.folder, 'refs', ...revision.split('/'));
  }

  /** Returns the list of files of a commit; `undefined` if it is not known. */
  async files(commit: string): Promise<readonly HubFile[] | undefined> {
    const text = await readFile(this.#tree(commit), 'utf8').catch(() => '{}');
    try {
      const content: unknown = JSON.parse(text);
      if (!isJsonObject(content) || content.format_version !== treeVersion || !isJsonObject(content.files)) return undefined;
      const files = Object.entries(content.files).map(([place, entry]) => readEntry(place, entry));
      return files.includes(undefined) ? undefined : (files as readonly HubFile[]);
    } catch {
      // A list that cannot be read is asked for again.
      return undefined;
    }
  }

  /** Records the list of files of a commit. */
  async keepFiles(commit: string, files: readonly HubFile[]): Promise<void> {
    const entries = files.map(({ path: place, bytes, blobId, sha256, xetHash }) => [
      place,
      {
        size: bytes,
        blob_id: blobId,
        ...(sha256 === undefined ? {} : { lfs_sha256: sha256, lfs_size: bytes }),
        ...(xetHash === undefined ? {} : { xet_hash: xetHash }),
      },
    ]);
    await writeAtomic(this.#tree(commit), JSON.stringify({ format_version: treeVersion, files: Object.fromEntries(entries) }, null, 1));
  }

  #tree(commit: string): string {
    return path.join(this.folder, 'trees', `${commit}.json`);
  }

  /** Returns true if a snapshot holds a file. */
  async holds(commit: string, file: string): Promise<boolean> {
    return (await stat(this.#place(commit, file)).catch(() => undefined))?.isFile() ?? false;
  }

  #place(commit: string, file: string): string {
    return path.join(this.snapshot(commit), ...file.split('/'));
  }

  /** Lists what a snapshot holds, with the lengths; other facts of the files are not known. */
  async held(commit: string): Promise<readonly HubFile[]> {
    const root = this.snapshot(commit);
    const names = await readdir(root, { recursive: true }).catch(() => []);
    const found = await Promise.all(
      names.map(async (name): Promise<HubFile | undefined> => {
        const about = await stat(path.join(root, name)).catch(() => undefined);
        if (!about?.isFile()) return undefined;
        return { path: name.split(path.sep).join('/'), bytes: about.size, blobId: '', sha256: undefined, xetHash: undefined };
      }),
    );
    return found.filter((file) => file !== undefined);
  }

  /**
   * Puts a file into a snapshot, as a relative link to its contents.
   *
   * @throws BackendError if the file system refuses.
   */
  async place(commit: string, file: string, etag: string): Promise<void> {
    const place = this.#place(commit, file);
    const blob = this.blob(etag);
    try {
      await mkdir(path.dirname(place), { recursive: true });
      if ((await stat(place).catch(() => undefined)) !== undefined) return;
      // A link to contents that were removed.
      if ((await lstat(place).catch(() => undefined)) !== undefined) await unlink(place);
      await symlink(path.relative(path.dirname(place), blob), place).catch(async (cause: NodeJS.ErrnoException) => {
        if (cause.code === 'EEXIST') return;
        // On Windows, links of this kind are a privilege.
        if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(cause.code ?? '')) throw cause;
        await link(blob, place).catch(() => copyFile(blob, place));
      });
    } catch (cause) {
      throw isSystemError(cause) ? writeError(this.#caller, place, cause) : cause;
    }
  }
}

function readEntry(place: string, entry: unknown): HubFile | undefined {
  if (!isJsonObject(entry)) return undefined;
  return checkedFile({
    path: place,
    bytes: entry.lfs_size ?? entry.size,
    blobId: entry.blob_id,
    sha256: entry.lfs_sha256,
    xetHash: entry.xet_hash,
  });
}

/**
 * Checks what a hub, or its cache, says of a file: names and hashes become paths.
 *
 * @returns `undefined` for what cannot be a file of a repository.
 */
export function checkedFile(entry: Readonly<Record<keyof HubFile, unknown>>): HubFile | undefined {
  const { path: place, bytes, blobId, sha256, xetHash } = entry;
  const isPlace = typeof place === 'string' && place !== '' && place.split('/').every((name) => !/^\.{0,2}$|[\\\0]|^[A-Za-z]:/.test(name));
  const isHash = (hash: unknown, pattern: RegExp): hash is string => typeof hash === 'string' && pattern.test(hash);
  if (!isPlace || !Number.isSafeInteger(bytes) || (bytes as number) < 0 || !isHash(blobId, /^[0-9a-f]{40}$/)) return undefined;
  if (sha256 !== undefined && !isHash(sha256, /^[0-9a-f]{64}$/)) return undefined;
  return { path: place, bytes: bytes as number, blobId, sha256, xetHash: typeof xetHash === 'string' ? xetHash : undefined };
}
