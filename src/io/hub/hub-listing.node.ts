/** What a hub says of a repository: the commit of a revision, and the files of a commit. */
import { BackendError } from '../../core/errors.js';
import { checkedFile, type HubFile } from './hub-cache.node.js';
import { type HubClient, requestHub, withRetries } from './hub-client.node.js';
import type { Subject } from './refusals.js';
import { isCommit } from './repository-name.js';

/** Returns a `fetch` for Hugging Face's library that follows our rules for tokens, redirects, retries and errors. */
function fetchFor(client: HubClient, subject: Subject, what: string, attempts?: number): typeof fetch {
  return (place) =>
    withRetries(
      client,
      what,
      async () => {
        const { response, body } = await requestHub(client, String(place), subject, { accept: 'application/json' });
        const pieces: Uint8Array[] = [];
        for await (const piece of body()) pieces.push(piece);
        return new Response(Buffer.concat(pieces), { headers: response.headers });
      },
      attempts === undefined ? {} : { attempts },
    );
}

/** Runs a call of the library. @throws BackendError if the answer is not what the hub's interface says. */
async function inWords<Result>({ caller, settings }: HubClient, what: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
    throw malformed(caller, settings.endpoint, what, cause);
  }
}

function malformed(caller: string, endpoint: string, what: string, cause?: unknown): BackendError {
  return new BackendError(`${caller}: expected ${what} from ${endpoint}, got an answer of another form; check HF_ENDPOINT`, { cause });
}

/**
 * Asks for the commit of a revision.
 *
 * @param attempts - attempts before giving up. Default: as for all requests.
 * @throws BackendError if the hub cannot be reached; errors of what it refuses.
 */
export async function askCommit(client: HubClient, subject: Subject, attempts?: number): Promise<string> {
  const { datasetInfo, modelInfo } = await import('@huggingface/hub');
  const what = `the commit of ${subject.repository}`;
  const options = {
    name: subject.repository,
    revision: subject.revision ?? 'main',
    hubUrl: client.settings.endpoint,
    fetch: fetchFor(client, subject, what, attempts),
  };
  const { sha } = await inWords(client, what, () =>
    subject.kind === 'dataset'
      ? datasetInfo({ ...options, additionalFields: ['sha'] })
      : modelInfo({ ...options, additionalFields: ['sha'] }),
  );
  if (isCommit(sha)) return sha;
  throw malformed(client.caller, client.settings.endpoint, what);
}

/** Asks for the files of a commit. @throws as {@link askCommit}. */
export async function askFiles(client: HubClient, subject: Subject & { readonly revision: string }): Promise<readonly HubFile[]> {
  const { listFiles } = await import('@huggingface/hub');
  const what = `the list of files of ${subject.repository}`;
  const files: HubFile[] = [];
  await inWords(client, what, async () => {
    const listed = listFiles({
      repo: { type: subject.kind, name: subject.repository },
      recursive: true,
      revision: subject.revision,
      hubUrl: client.settings.endpoint,
      fetch: fetchFor(client, subject, what),
    });
    for await (const { type, path, size, oid, lfs, xetHash } of listed) {
      if (type !== 'file') continue;
      const file = checkedFile({ path, bytes: lfs?.size ?? size, blobId: oid, sha256: lfs?.oid, xetHash });
      if (file === undefined) throw malformed(client.caller, client.settings.endpoint, what);
      files.push(file);
    }
  });
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}
