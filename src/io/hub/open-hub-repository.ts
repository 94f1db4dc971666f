/** Repositories of a Hugging Face hub: their files, downloaded into the cache that Python's library uses too. */
import { openCached } from '#platform/io/hub/hub-repository';
import { choice, declareOptions, option } from '../../core/options.js';
import type { DownloadProgress, HubRepository } from './hub-repository.js';
import { checkRepository } from './repository-name.js';

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
 * BackendError if the hub cannot be reached and the cache does not know the revision; NotImplementedError on a page,
 * which has no cache: {@link hubFiles} reads from the hub there.
 */
export async function openHubRepository(repository: string, options: OpenHubRepositoryOptions = {}): Promise<HubRepository> {
  const { kind, revision, signal, onProgress, onNotice, caller } = openHubRepositoryOptions.read('openHubRepository', options);
  checkRepository(caller, repository, revision);
  return openCached(repository, { kind, revision, signal, onProgress, onNotice, caller });
}
