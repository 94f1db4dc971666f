import { BackendError, ConfigError } from '../../core/errors.js';
import { choice, declareOptions, describeValue, option } from '../../core/options.js';
import type { Files } from '../files/files.js';
import { namesOf } from '../files/slash-path.js';
import { serverFiles } from '../files/web-files.js';
import { isJsonObject } from '../parse-json.js';
import { parseRepositoryName } from './repository-name.js';

/** Options of {@link hubFiles}. */
export interface HubFilesOptions {
  /**
   * Whether the repository holds a model or a data set, which have names of their own on the hub. Default: `'model'`.
   */
  readonly kind?: 'model' | 'dataset';
  /** Token of an account that may read the repository, sent to the hub alone. Default: none. */
  readonly token?: string;
  /** Address of the hub. Default: `'https://huggingface.co'`. */
  readonly endpoint?: string;
}

const hubFilesOptions = declareOptions<HubFilesOptions>()({
  kind: choice(['model', 'dataset'], { default: 'model' }),
  token: option({ optional: true }, (caller, name, token) => {
    // A header cannot carry anything else, and an error that fetch makes of it would show the token.
    if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return;
    throw new ConfigError(`${caller}: ${name} must be of printable ASCII characters without spaces, got another; copy it anew`);
  }),
  endpoint: option({ default: 'https://huggingface.co' }, (caller, name, endpoint) => {
    if (typeof endpoint === 'string' && /^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) return;
    throw new ConfigError(
      `${caller}: ${name} must be the address of a hub, with http: or https:, got ${describeValue(endpoint)}; correct it`,
    );
  }),
});

/**
 * Gives access to the files of a repository on a Hugging Face hub, by requests for the ranges that are read: on a page,
 * where there is no cache of the hub. {@link openHubRepository} downloads them in Node.js, and keeps them.
 *
 * @param repository - `owner/name`, or `owner/name@revision` with a branch, a tag or a commit. Default: `main`.
 * @param options - see {@link HubFilesOptions}.
 * @returns read-only files, whose paths are those of the repository; its root is the empty path. `write` and `remove`
 * throw a NotImplementedError; the others throw a BackendError if the hub cannot be reached, or refuses.
 * @throws ConfigError for another name, and for options that do not fit.
 *
 * @example
 * ```ts
 * import { hubFiles } from 'bures/io';
 * import { loadTokenizer } from 'bures/models';
 *
 * export const tokenizer = () => loadTokenizer('', { files: hubFiles('Qwen/Qwen3-0.6B') });
 * ```
 */
export function hubFiles(repository: string, options: HubFilesOptions = {}): Files {
  const caller = 'hubFiles';
  const { kind, token, endpoint } = hubFilesOptions.read(caller, options);
  const name = typeof repository === 'string' ? parseRepositoryName(repository) : undefined;
  if (name === undefined) {
    throw new ConfigError(
      `${caller}: expected the name of a repository on the hub, owner/name or owner/name@revision, got ${describeValue(repository)}; pass its owner and its name`,
    );
  }
  const revision = encodeURIComponent(name.revision ?? 'main');
  const hub = endpoint.replace(/\/+$/, '');
  const server = {
    caller,
    root: new URL(`${hub}/${kind === 'dataset' ? 'datasets/' : ''}${name.repository}/resolve/${revision}/`),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    refused: `check owner, name and revision; if the repository is private or gated, ${token === undefined ? 'pass the token of' : 'the token must be of'} an account that may read it`,
  };
  const files = serverFiles(server);
  const tree = `${hub}/api/${kind}s/${name.repository}/tree/${revision}`;
  const list = (folder: string): Promise<readonly string[] | undefined> => namesInTree(server, tree, namesOf(folder));
  return {
    ...files,
    async describe(path) {
      const isRoot = namesOf(path).length === 0;
      const file = isRoot ? undefined : await files.describe(path);
      return file ?? ((await list(path)) === undefined ? undefined : { kind: 'folder', bytes: 0 });
    },
    async list(folder) {
      const names = await list(folder);
      if (names !== undefined) return names;
      throw new BackendError(`${caller}: expected a folder at ${folder} in ${repository}, there is none; check the path`);
    },
  };
}

/** Asks for the names in a folder, page by page. @returns undefined if there is no such folder. */
async function namesInTree(
  { caller, headers, refused }: { readonly caller: string; readonly headers: Readonly<Record<string, string>>; readonly refused: string },
  tree: string,
  folder: readonly string[],
): Promise<readonly string[] | undefined> {
  const names: string[] = [];
  let next: string | undefined = [tree, ...folder.map(encodeURIComponent)].join('/');
  while (next !== undefined) {
    const address: string = next;
    const answer = await fetch(address, { headers }).catch((cause: Error) => {
      throw new BackendError(`${caller}: cannot read ${address} (${cause.message}); check the address and the network, then try again`, {
        cause,
      });
    });
    if (answer.status === 404) return undefined;
    const entries: unknown = answer.ok ? await answer.json().catch(() => undefined) : undefined;
    if (!Array.isArray(entries)) {
      const remedy = answer.ok ? 'check endpoint' : refused;
      throw new BackendError(
        `${caller}: expected the list of files of ${address}, got the answer ${answer.status} ${answer.statusText}; ${remedy}`,
      );
    }
    for (const entry of entries)
      if (isJsonObject(entry) && typeof entry.path === 'string') names.push(entry.path.slice(entry.path.lastIndexOf('/') + 1));
    next = /<([^>]+)>;\s*rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    // The token goes to the hub alone.
    if (next !== undefined && new URL(next).origin !== new URL(tree).origin) next = undefined;
  }
  return [...new Set(names)];
}
