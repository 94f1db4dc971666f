/**
 * A hub on loopback that speaks the requests of Hugging Face's that downloads make: the commit of a revision, lists of
 * files by pages, files with entity tags, ranges, and redirects of large ones to another port. It keeps a record of
 * what it was asked, and fails as it is told to.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** A request as it came. */
export interface HubRequest {
  /** `hub`, or `store` for the other port. */
  readonly server: 'hub' | 'store';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** A failure of the next answer for a file or an interface. */
export type Fault =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Breaks the connection after so many bytes of this answer. */
  | { readonly breakAfter: number }
  /** Sends the headers and so many bytes, and then nothing more. */
  | { readonly silentAfter: number }
  /** Sends other bytes of the same number. */
  | { readonly corrupt: true }
  /** Sends everything, whatever range was asked for. */
  | { readonly ignoreRange: true };

/** A repository to serve. */
export interface ServedRepository {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  /** Token that may read it. Default: everyone may. */
  readonly token?: string;
  /** If true, those without that token are told that they have to accept terms. */
  readonly gated?: boolean;
  /** Other names of its one commit. Default: `main`. */
  readonly revisions?: readonly string[];
}

/** Files of this length or more are large: they lie on the other port. */
const largeFrom = 20_000;

interface Served {
  readonly path: string;
  readonly bytes: Buffer;
  readonly blobId: string;
  readonly sha256: string;
  readonly large: boolean;
}

/** A running hub. */
export interface LoopbackHub {
  /** Its address, for HF_ENDPOINT. */
  readonly endpoint: string;
  /** What was asked since the start, or the last `forget`. */
  readonly requests: HubRequest[];
  /** Serves a repository: `models/owner/name` or `datasets/owner/name`. A second call makes a new commit. */
  serve(place: string, repository: ServedRepository): string;
  /** Makes the next answers fail whose path contains a text. */
  fail(within: string, ...faults: readonly Fault[]): void;
  /** Forgets the requests. */
  forget(): void;
  /** Requests for contents of files. */
  downloads(): readonly HubRequest[];
  close(): Promise<void>;
}

/** Returns the files of a folder, for a repository. */
export function filesOf(folder: string, include: (name: string) => boolean = () => true): Record<string, Buffer> {
  const names = readdirSync(folder).filter(include);
  return Object.fromEntries(names.map((name) => [name, readFileSync(path.join(folder, name))]));
}

/** Starts a hub. */
export async function startLoopbackHub({ pageSize = 1000 } = {}): Promise<LoopbackHub> {
  const requests: HubRequest[] = [];
  const faults: { readonly within: string; readonly fault: Fault }[] = [];
  const repositories = new Map<string, ServedRepository & { readonly commit: string; readonly entries: readonly Served[] }>();
  const stored = new Map<string, Served>();
  const record = (server: HubRequest['server'], request: IncomingMessage): void => {
    const { method = '', url = '', headers } = request;
    requests.push({ server, method, path: url, range: headers.range, authorization: headers.authorization });
  };
  const nextFault = (url: string): Fault | undefined => {
    const at = faults.findIndex(({ within }) => url.includes(within));
    return at < 0 ? undefined : faults.splice(at, 1)[0].fault;
  };

  const store = createServer((request, response) => {
    record('store', request);
    const [sha256, ...names] = decodeURIComponent(new URL(request.url ?? '', 'http://store').pathname.slice(1)).split('/');
    const served = stored.get(sha256);
    if (served === undefined) return void response.writeHead(404).end();
    sendFile(request, response, served, nextFault(`store:${names.join('/')}`));
  });
  // Under another name, since Python tells the hub from other hosts by the name alone.
  await listen(store, 'localhost');

  const hub = createServer((request, response) => {
    record('hub', request);
    const url = new URL(request.url ?? '', 'http://hub');
    const fault = nextFault(url.pathname);
    if (fault !== undefined && 'status' in fault) {
      response.writeHead(fault.status, fault.headers).end();
      return;
    }
    answer(request, response, url, fault);
  });
  await listen(hub);
  const endpoint = addressOf(hub);

  const refuse = (response: ServerResponse, status: number, code: string, message: string): void => {
    response.writeHead(status, { 'x-error-code': code, 'x-error-message': message, 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: message }));
  };
  const answer = (request: IncomingMessage, response: ServerResponse, url: URL, fault: Fault | undefined): unknown => {
    const api = /^\/api\/(?<place>(?:models|datasets)\/[^/]+\/[^/]+)\/(?<what>revision|tree)\/(?<revision>[^/]+)(?<folder>\/.*)?$/.exec(
      url.pathname,
    )?.groups;
    const file = /^\/(?<kind>datasets\/)?(?<name>[^/]+\/[^/]+)\/resolve\/(?<revision>[^/]+)\/(?<file>.+)$/.exec(url.pathname)?.groups;
    const place = api?.place ?? (file && `${file.kind ?? 'models/'}${file.name}`) ?? '';
    const repository = repositories.get(place);
    const { authorization } = request.headers;
    if (authorization !== undefined && !authorization.startsWith('Bearer hf_'))
      return refuse(response, 401, '', 'Invalid credentials in Authorization header');
    // As the hub does: whoever is not known does not learn what exists.
    if (repository === undefined) return refuse(response, authorization === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found');
    const mayRead = repository.token === undefined || authorization === `Bearer ${repository.token}`;
    if (!mayRead && !repository.gated)
      return refuse(response, authorization === undefined ? 401 : 404, 'RepoNotFound', 'Repository not found');
    const revision = decodeURIComponent(api?.revision ?? file?.revision ?? '');
    if (![repository.commit, ...(repository.revisions ?? ['main'])].includes(revision))
      return refuse(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
    if (api?.what === 'revision') return sendJson(response, { _id: '1', id: place.split('/').slice(1).join('/'), sha: repository.commit });
    if (api?.what === 'tree') return sendTree(response, url, repository.entries, decodeURIComponent(api.folder ?? '').slice(1));
    if (!mayRead) return refuse(response, authorization === undefined ? 401 : 403, 'GatedRepo', 'Access to this resource is restricted');
    const served = repository.entries.find((entry) => entry.path === decodeURIComponent(file?.file ?? ''));
    if (served === undefined) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
    response.setHeader('x-repo-commit', repository.commit);
    if (!served.large) return sendFile(request, response, served, fault);
    response.setHeader('x-linked-etag', `"${served.sha256}"`);
    response.setHeader('x-linked-size', String(served.bytes.length));
    return response
      .writeHead(302, {
        location: `${addressOf(store, 'localhost')}/${served.sha256}/${served.path.split('/').map(encodeURIComponent).join('/')}?signature=1`,
        etag: `"${served.sha256}"`,
      })
      .end();
  };
  const sendTree = (response: ServerResponse, url: URL, all: readonly Served[], folder: string): unknown => {
    const isIn = (place: string): boolean => folder === '' || place.startsWith(`${folder}/`);
    const isDirect = (place: string): boolean => !place.slice(folder === '' ? 0 : folder.length + 1).includes('/');
    const within = all.filter((entry) => isIn(entry.path));
    if (within.length === 0 && folder !== '') return refuse(response, 404, 'EntryNotFound', `${folder} does not exist`);
    const recursive = url.searchParams.get('recursive') === 'true';
    const entries = recursive ? within : within.filter((entry) => isDirect(entry.path));
    const deeper = within.filter((entry) => !isDirect(entry.path)).map((entry) => entry.path.slice(folder === '' ? 0 : folder.length + 1));
    const folders = recursive ? ['folder'] : [...new Set(deeper.map((place) => place.split('/')[0]))];
    const begin = Number(url.searchParams.get('cursor') ?? 0);
    if (begin + pageSize < entries.length) {
      const next = new URL(url.pathname + url.search, endpoint);
      next.searchParams.set('cursor', String(begin + pageSize));
      response.setHeader('link', `<${next.href}>; rel="next"`);
    }
    const page = entries.slice(begin, begin + pageSize).map(({ path: place, bytes, blobId, sha256, large }) => ({
      type: 'file',
      oid: blobId,
      size: bytes.length,
      path: place,
      ...(large ? { lfs: { oid: sha256, size: bytes.length, pointerSize: 130 } } : {}),
    }));
    const listed = folders.map((name) => ({
      type: 'directory',
      oid: '0'.repeat(40),
      size: 0,
      path: folder === '' ? name : `${folder}/${name}`,
    }));
    return sendJson(response, [...listed, ...page]);
  };

  return {
    endpoint,
    requests,
    serve(place, repository) {
      const entries = Object.entries(repository.files).map(([name, content]) => toServed(name, Buffer.from(content)));
      for (const entry of entries) if (entry.large) stored.set(entry.sha256, entry);
      const commit = createHash('sha1')
        .update(place + entries.map(({ path: name, sha256 }) => name + sha256).join())
        .digest('hex');
      repositories.set(place, { ...repository, commit, entries });
      return commit;
    },
    fail: (within, ...more) => void faults.push(...more.map((fault) => ({ within, fault }))),
    forget: () => void requests.splice(0),
    downloads: () => requests.filter(({ server, path: place }) => server === 'store' || place.includes('/resolve/')),
    async close() {
      for (const server of [hub, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

function toServed(name: string, bytes: Buffer): Served {
  const gitHash = (content: Buffer): string => createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const large = bytes.length >= largeFrom;
  const pointer = Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${bytes.length}\n`);
  return { path: name, bytes, blobId: gitHash(large ? pointer : bytes), sha256, large };
}

/** Sends a file, or the range of it that was asked for. */
function sendFile(request: IncomingMessage, response: ServerResponse, served: Served, fault: Fault | undefined): void {
  if (fault !== undefined && 'status' in fault) {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  const ignored = fault !== undefined && 'ignoreRange' in fault;
  const [, first = '0', last = ''] = (ignored ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')) ?? [];
  const begin = Number(first);
  const bytes = fault !== undefined && 'corrupt' in fault ? Buffer.alloc(served.bytes.length, 0x2e) : served.bytes;
  const end = last === '' ? bytes.length : Math.min(Number(last) + 1, bytes.length);
  if (request.headers.range !== undefined && !ignored) {
    // No byte is the first of an empty file.
    if (bytes.length === 0) return void response.writeHead(416, { 'content-range': 'bytes */0' }).end();
    response.statusCode = 206;
    response.setHeader('content-range', `bytes ${begin}-${end - 1}/${bytes.length}`);
  }
  response.setHeader('etag', `"${served.large ? served.sha256 : served.blobId}"`);
  response.setHeader('content-length', end - begin);
  response.setHeader('accept-ranges', 'bytes');
  if (request.method === 'HEAD') return void response.end();
  const rest = bytes.subarray(begin, end);
  if (fault !== undefined && 'breakAfter' in fault) {
    response.write(rest.subarray(0, fault.breakAfter), () => response.socket?.destroy());
    return;
  }
  if (fault !== undefined && 'silentAfter' in fault) {
    response.write(rest.subarray(0, fault.silentAfter));
    return;
  }
  response.end(rest);
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

async function listen(server: Server, host = '127.0.0.1'): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
}

function addressOf(server: Server, host = '127.0.0.1'): string {
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}
