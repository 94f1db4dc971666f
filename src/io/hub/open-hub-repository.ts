/** Repositories of a Hugging Face hub: their files, downloaded into the cache that Python's library uses too. */
import { BackendError, ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { choice, declareOptions, option } from '../../core/options.js';
import { downloadBlob } from './download-blob.js';
import { etagOf, type HubFile, RepositoryCache } from './hub-cache.js';
import type { HubClient } from './hub-client.js';
import { askCommit, askFiles } from './hub-listing.js';
import { readHubSettings } from './hub-settings.js';
import { checkRepository, isCommit, type RepositoryKind, repositoryText } from './repository-name.js';

/** State of a download. */
export interface DownloadProgress {
  /** `owner/name`. */
  readonly repository: string;
  /** Path of the file of which bytes have come, in the repository. */
  readonly file: string;
  /** Number of bytes that are there, of all files of this download. */
  readonly bytes: number;
  /** Number of bytes of all of them. */
  readonly totalBytes: number;
}

/** Options of {@link openHubRepository}. */
export interface OpenHubRepositoryOptions {
  /**
   * Whether the repository holds a model or a data set, which have names of their own on the hub. Default: `'model'`.
   */
  readonly kind?: 'model' | 'dataset';
  /** Branch, tag or commit hash of 40 digits. Default: `'main'`. */
  readonly revision?: string;
  /** Signal that ends a download; what has come stays, and the next one goes on from there. Default: none. */
  readonly signal?: AbortSignal;
  /** Receives the state of a download, whenever bytes have come. Default: none. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Receives a line of text about waits, resumed downloads, and a cache that is used without asking. Default: none. */
  readonly onNotice?: (line: string) => void;
  /** The function or command that errors name. Default: `'openHubRepository'`. */
  readonly caller?: string;
}

const openHubRepositoryOptions = declareOptions<OpenHubRepositoryOptions>()({
  kind: choice(['model', 'dataset'], { default: 'model' }),
  revision: option({ optional: true }),
  signal: option({ optional: true }),
  onProgress: option({ optional: true }),
  onNotice: option({ optional: true }),
  caller: option({ default: 'openHubRepository' }),
});

/** A repository at one commit. */
export interface HubRepository {
  /** `owner/name`. */
  readonly repository: string;
  /** Hash of the commit. */
  readonly commit: string;
  /** The local folder of this commit, in which downloaded files lie under their own names. */
  readonly folder: string;
  /**
   * Paths of the files, with slashes; without a connection, and if their list is not known, of those that have been
   * downloaded.
   */
  readonly paths: readonly string[];
  /**
   * Downloads files, those that are not there yet.
   *
   * @param paths - paths of files, of those that the repository has.
   * @returns the folder.
   * @throws ConfigError for a path that the repository does not have, or a refusal of the hub; BackendError if the hub
   * cannot be reached (or may not be, with `HF_HUB_OFFLINE`), or the file system refuses; FormatError if what comes has
   * not the checksum that the hub names.
   */
  download(paths: readonly string[]): Promise<string>;
}

/** Number of files that are downloaded at a time. */
const atOnce = 4;

/** Attempts to ask for a commit where the cache has an answer as well. */
const briefAttempts = 1;

/**
 * Opens a repository of a Hugging Face hub, at the commit that its revision means now. Without a connection it is the
 * commit that it meant when it was last asked for.
 *
 * Environment variables mean what they mean to Python's `huggingface_hub`, and the cache is the same, so that each
 * finds what the other has downloaded: `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_CACHE`,
 * `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT`.
 *
 * @param repository - `owner/name`.
 * @param options - see {@link OpenHubRepositoryOptions}.
 * @returns the repository. Nothing but its list of files has been downloaded.
 * @throws ConfigError if there is no such repository or revision, it may not be read, or a variable has no meaning;
 * BackendError if the hub cannot be reached and the cache does not know the revision.
 */
export async function openHubRepository(repository: string, options: OpenHubRepositoryOptions = {}): Promise<HubRepository> {
  const { kind, revision, signal, onProgress, onNotice, caller } = openHubRepositoryOptions.read('openHubRepository', options);
  checkRepository(caller, repository, revision);
  const settings = await readHubSettings(caller);
  const client: HubClient = { caller, settings, signal, notice: (line) => onNotice?.(line) };
  const cache = new RepositoryCache(caller, settings, kind, repository);
  const name = { repository, revision };
  const commit = await commitOf(client, cache, { kind, ...name });
  const subject = { kind, repository, revision: commit };
  const known = await cache.files(commit);
  let files = known;
  if (files === undefined && !settings.offline)
    files = await askFiles(client, subject).catch(async (error: unknown) => {
      if (!(error instanceof BackendError) || (await cache.held(commit)).length === 0) throw error;
      client.notice(`${error.message}; using what the cache has of ${repository}`);
      return undefined;
    });
  if (files !== undefined && known === undefined) await cache.keepFiles(commit, files);
  const isComplete = files !== undefined;
  const listed = new Map((files ?? (await cache.held(commit))).map((file) => [file.path, file]));
  const missing = (place: string): Error => {
    if (isComplete || settings.offline === false)
      return new ConfigError(`${caller}: ${repositoryText(name)} has no file ${place}; ${nearText(place, listed.keys())}`);
    return offlineError(caller, `${place} of ${repositoryText(name)}`, cache.folder);
  };
  return {
    repository,
    commit,
    folder: cache.snapshot(commit),
    paths: [...listed.keys()],
    async download(paths) {
      const wanted: HubFile[] = [];
      for (const place of new Set(paths)) {
        const file = listed.get(place);
        if (file === undefined) throw missing(place);
        if (await cache.holds(commit, place)) continue;
        if (settings.offline) throw offlineError(caller, `${place} of ${repositoryText(name)}`, cache.folder);
        wanted.push(file);
      }
      const totalBytes = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
      const there = new Map<string, number>();
      await inParallel(wanted, signal, async (file, stop) => {
        const progress = (bytes: number): void => {
          there.set(file.path, bytes);
          const sum = [...there.values()].reduce((one, other) => one + other, 0);
          onProgress?.({ repository, file: file.path, bytes: sum, totalBytes });
        };
        await downloadBlob({ client: { ...client, signal: stop }, cache, subject: { ...subject, file: file.path }, file, progress });
        await cache.place(commit, file.path, etagOf(file));
      });
      return cache.snapshot(commit);
    },
  };
}

/** Returns the commit of a revision: the hub's answer, or the cache's without a connection. */
async function commitOf(
  client: HubClient,
  cache: RepositoryCache,
  subject: { readonly kind: RepositoryKind; readonly repository: string; readonly revision: string | undefined },
): Promise<string> {
  const { revision = 'main' } = subject;
  // A commit means the same for ever.
  if (isCommit(revision)) return revision;
  const known = await cache.commitOf(revision);
  if (client.settings.offline) {
    if (known !== undefined) return known;
    throw offlineError(client.caller, repositoryText(subject), cache.folder);
  }
  try {
    const commit = await askCommit(client, subject, known === undefined ? undefined : briefAttempts);
    await cache.keepCommit(revision, commit);
    return commit;
  } catch (error) {
    // A hub that refuses is an answer; one that cannot be reached is none.
    if (!(error instanceof BackendError) || known === undefined) throw error;
    client.notice(`${error.message}; using the commit ${known} of ${subject.repository} from the cache`);
    return known;
  }
}

function offlineError(caller: string, what: string, folder: string): BackendError {
  return new BackendError(
    `${caller}: expected ${what} in the cache, since HF_HUB_OFFLINE is set, found it not in ${folder}; unset HF_HUB_OFFLINE to download it`,
  );
}

function nearText(place: string, paths: Iterable<string>): string {
  const near = nearestNames(place, paths);
  return near.length === 0 ? 'check its name' : `did you mean ${near.join(', ')}?`;
}

/**
 * Does work on all items, a few at a time. The first failure stops the others, and is thrown.
 *
 * @param work - is to end when the signal that it is given is aborted.
 */
async function inParallel<Item>(
  items: readonly Item[],
  signal: AbortSignal | undefined,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const follow = (): void => stop.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener('abort', follow, { once: true });
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !stop.signal.aborted) {
      await work(items[next++], stop.signal).catch((error: unknown) => {
        failures.push(error);
        stop.abort(error);
      });
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  } finally {
    signal?.removeEventListener('abort', follow);
  }
  if (failures.length > 0) throw failures[0];
  signal?.throwIfAborted();
}
