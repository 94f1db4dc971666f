import { BackendError, ConfigError } from '../../core/errors.js';
import { nearestNames } from '../../core/nearest-names.js';
import { downloadBlob } from './download-blob.node.js';
import { etagOf, type HubFile, RepositoryCache } from './hub-cache.node.js';
import type { HubClient } from './hub-client.node.js';
import { askCommit, askFiles } from './hub-listing.node.js';
import type { HubRepository, Opening } from './hub-repository.js';
import { readHubSettings } from './hub-settings.node.js';
import { isCommit, type RepositoryKind, repositoryText } from './repository-name.js';

/** Number of files that are downloaded at a time. */
const atOnce = 4;

/** Attempts to ask for a commit where the cache has an answer as well. */
const briefAttempts = 1;

/** Opens a repository in the cache of this machine. @throws as {@link openHubRepository} does. */
export async function openCached(
  repository: string,
  { kind, revision, signal, onProgress, onNotice, caller }: Opening,
): Promise<HubRepository> {
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
