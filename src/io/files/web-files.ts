import { BackendError, ConfigError, NotImplementedError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { Files, OpenFile } from './files.js';
import { openBytes } from './memory-files.js';
import { joinSlash } from './slash-path.js';

/**
 * Gives access to the files that a web server offers below an address, such as a checkpoint on a hub or beside a page.
 * Each range is one request. If the server does not support ranges, the whole file is fetched on opening and kept until
 * it is closed. A file that the server replaces meanwhile is an error of the next read, as far as the server tells by
 * an `ETag` or the time of the last change.
 *
 * @param base - the http or https address of the folder that paths are relative to, such as
 * `https://example.org/models/`; on a page also one relative to it. The last slash may be missing.
 * @returns read-only files; `list`, `write` and `remove` throw a NotImplementedError, since a web server offers none of
 * them. The others throw a BackendError, naming the address, if the server cannot be reached or answers otherwise than
 * expected. A web server does not tell a folder from a file: `describe` says `file` of all that the server answers.
 * @throws ConfigError for another kind of address.
 */
export function webFiles(base: string | URL): Files {
  return serverFiles({
    caller: 'webFiles',
    root: rootOf(base),
    headers: {},
    refused: 'check the address, and that it may be read without signing in',
  });
}

/** A folder of a server, and how it is asked. */
export interface Server {
  /** The public function that errors name. */
  readonly caller: string;
  /** Address of the folder, with a slash at the end. */
  readonly root: URL;
  /** What is sent with each request. */
  readonly headers: Readonly<Record<string, string>>;
  /** What to do about a refusal, for messages. */
  readonly refused: string;
}

/** Gives access to the files below the address of a server. */
export function serverFiles(server: Server): Files {
  const fileAt = (path: string): RemoteFile => ({
    ...server,
    address: new URL(path.split('/').filter(Boolean).map(encodeURIComponent).join('/'), server.root),
  });
  const unavailable = (name: string, remedy: string) => async (): Promise<never> => {
    throw new NotImplementedError(`${server.caller}: a web server does not offer ${name}; ${remedy}`);
  };
  const unwritable = unavailable('writing', 'write with nodeFiles, opfsFiles or memoryFiles, or with Files of your own');
  return {
    async describe(path) {
      const file = fileAt(path);
      const found = await probe(file);
      if (found === undefined) return undefined;
      return { kind: 'file', bytes: found.ranged ? found.bytes : await lengthOf(file, found.answer) };
    },
    open: async (path) => openAt(fileAt(path)),
    list: unavailable('the names in a folder', 'name the file itself'),
    write: unwritable,
    remove: unwritable,
    join: joinSlash,
  };
}

/** A file of a server. */
interface RemoteFile extends Server {
  readonly address: URL;
}

/** The address of the folder, with a slash at the end, so that paths are resolved below it. */
function rootOf(base: string | URL): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  const root = URL.canParse(String(base), location?.href) ? new URL(base, location?.href) : undefined;
  if (root?.protocol !== 'http:' && root?.protocol !== 'https:') {
    throw new ConfigError(
      `webFiles: expected an http or https address, got ${describeValue(base instanceof URL ? base.href : base)}; pass one such as 'https://example.org/models/'`,
    );
  }
  if (!root.pathname.endsWith('/')) root.pathname += '/';
  return root;
}

/** What a server says of a file: its length if it gives ranges, else the answer with the whole content. */
type Found =
  | { readonly ranged: true; readonly bytes: number; readonly version: Version }
  | { readonly ranged: false; readonly answer: Response };

/** What a server says of the version of a file; null where it does not. A weak `ETag` is not one of bytes. */
interface Version {
  readonly tag: string | null;
  readonly changed: string | null;
}

function versionOf({ headers }: Response): Version {
  const tag = headers.get('etag');
  return { tag: tag?.startsWith('W/') ? null : tag, changed: headers.get('last-modified') };
}

/** Returns true if two answers are of different versions. */
function differ(one: Version, other: Version): boolean {
  if (one.tag !== null && other.tag !== null) return one.tag !== other.tag;
  return one.changed !== null && other.changed !== null && one.changed !== other.changed;
}

/** Asks for the first byte of a file. @returns undefined if there is no such file. */
async function probe(file: RemoteFile): Promise<Found | undefined> {
  const answer = await request(file, '0-0');
  if (answer.status === 200) return { ranged: false, answer };
  await answer.body?.cancel();
  const range = answer.headers.get('content-range') ?? 'no range';
  if (answer.status === 404 || answer.status === 410) return undefined;
  // No byte is the first of an empty file.
  if (answer.status === 416 && range === 'bytes */0') return { ranged: true, bytes: 0, version: versionOf(answer) };
  // Of a server of another origin, a page sees the range only if the server lets it.
  const total = answer.headers.has('content-range') ? /^bytes 0-0\/(\d+|\*)$/.exec(range)?.[1] : '*';
  if (answer.status !== 206 || total === undefined) throw unexpected(file, 'the bytes 0-0', answer);
  // A server that does not say the length is asked for everything.
  if (total === '*') return { ranged: false, answer: await request(file) };
  return { ranged: true, bytes: Number(total), version: versionOf(answer) };
}

async function openAt(file: RemoteFile): Promise<OpenFile> {
  const found = await probe(file);
  if (found === undefined)
    throw new BackendError(`${file.caller}: expected a file at ${file.address.href}, there is none; check the address`);
  if (!found.ranged) return openBytes(await contentOf(file, found.answer));
  const { bytes, version } = found;
  return {
    bytes,
    async read(target, position) {
      const end = Math.min(position + target.length, bytes);
      return end <= position ? 0 : readRange(file, target, [position, end], { bytes, version });
    },
    close: async () => undefined,
  };
}

/** Reads from `begin` to before `end`, or less if the server gives less. @returns how many bytes were read. */
async function readRange(
  file: RemoteFile,
  target: Uint8Array,
  [begin, end]: readonly [number, number],
  { bytes, version }: { readonly bytes: number; readonly version: Version },
): Promise<number> {
  const answer = await request(file, `${begin}-${end - 1}`);
  if (differ(version, versionOf(answer))) {
    await answer.body?.cancel();
    throw new BackendError(
      `${file.caller}: expected ${file.address.href} as it was when it was opened, but it has changed since; open it again`,
    );
  }
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
  if (answer.status !== 206 || Number(first) !== begin || Number(last) >= end || Number(total) !== bytes) {
    await answer.body?.cancel();
    throw unexpected(file, `the bytes ${begin}-${end - 1}/${bytes}`, answer);
  }
  const part = await contentOf(file, answer);
  if (part.length !== Number(last) + 1 - begin)
    throw new BackendError(
      `${file.caller}: expected the bytes ${begin}-${last} of ${file.address.href}, got ${part.length} bytes; ${otherwise}`,
    );
  target.set(part);
  return part.length;
}

/** Length of an answer's content, which is not fetched if the server states its length. */
async function lengthOf(file: RemoteFile, answer: Response): Promise<number> {
  const stated = answer.headers.has('content-encoding') ? null : answer.headers.get('content-length');
  if (stated === null) return (await contentOf(file, answer)).length;
  await answer.body?.cancel();
  return Number(stated);
}

async function request(file: RemoteFile, range?: string): Promise<Response> {
  const headers: Record<string, string> = { ...file.headers, ...(range === undefined ? {} : { range: `bytes=${range}` }) };
  const answer = await fetch(file.address, { headers }).catch((cause: Error) => {
    throw failed(file, cause);
  });
  const expected = range === undefined ? [200] : [200, 206, 404, 410, 416];
  if (expected.includes(answer.status)) return answer;
  await answer.body?.cancel();
  throw unexpected(file, range === undefined ? 'the content' : `the bytes ${range}`, answer);
}

async function contentOf(file: RemoteFile, answer: Response): Promise<Uint8Array> {
  const content = await answer.arrayBuffer().catch((cause: Error) => {
    throw failed(file, cause);
  });
  return new Uint8Array(content);
}

/** What a user can do about an answer that is no refusal. */
const otherwise = 'try again later, or fetch the whole file and read that';

/** The error for an answer with another status or range than asked for. */
function unexpected(file: RemoteFile, expected: string, { status, statusText, headers }: Response): BackendError {
  const range = headers.get('content-range');
  const got = `${status} ${statusText}${range === null ? '' : ` with the range '${range}'`}`.trim();
  // 408 and 429 are refusals for now.
  const refuses = status >= 400 && status < 500 && status !== 408 && status !== 429;
  const remedy = refuses ? file.refused : otherwise;
  return new BackendError(`${file.caller}: expected ${expected} of ${file.address.href}, got the answer ${got}; ${remedy}`);
}

/** The error for a connection that cannot be made or breaks off. What fetch throws tells the reason in its cause. */
function failed(file: RemoteFile, cause: Error): BackendError {
  const reason = cause.cause instanceof Error && cause.cause.message !== '' ? cause.cause.message : cause.message;
  return new BackendError(
    `${file.caller}: cannot read ${file.address.href} (${reason}); check the address and the network, then try again`,
    {
      cause,
    },
  );
}
