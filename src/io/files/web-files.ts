import { BackendError, ConfigError, NotImplementedError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { Files, OpenFile } from './files.js';

/**
 * Gives access to the files that a web server offers below an address, such as a checkpoint on a hub or beside a page.
 * Each range is one request. If the server does not support ranges, the whole file is fetched on opening and kept until
 * it is closed.
 *
 * @param base - the http or https address of the folder that paths are relative to, such as
 * `https://example.org/models/`. The last slash may be missing.
 * @returns read-only files; `list` and `write` throw a {@link NotImplementedError}, since a web server offers neither.
 * The others throw a {@link BackendError}, naming the address, if the server cannot be reached or answers otherwise
 * than expected. A web server does not tell a folder from a file: `describe` says `file` of all that the server
 * answers.
 * @throws ConfigError for another kind of address.
 */
export function webFiles(base: string | URL): Files {
  const root = rootOf(base);
  const addressOf = (path: string): URL => new URL(path.split('/').filter(Boolean).map(encodeURIComponent).join('/'), root);
  const unavailable = (name: string, remedy: string) => async (): Promise<never> => {
    throw new NotImplementedError(`webFiles: a web server does not offer ${name}; ${remedy}`);
  };
  return {
    async describe(path) {
      const found = await probe(addressOf(path));
      if (found === undefined) return undefined;
      return { kind: 'file', bytes: found.ranged ? found.bytes : await lengthOf(addressOf(path), found.answer) };
    },
    open: async (path) => openAt(addressOf(path)),
    list: unavailable('the names in a folder', 'name the file itself'),
    write: unavailable('writing', 'write with nodeFiles, or with Files of your own'),
    join: (folder, name) => [folder.replace(/\/+$/, ''), name].filter(Boolean).join('/'),
  };
}

/** The address of the folder, with a slash at the end, so that paths are resolved below it. */
function rootOf(base: string | URL): URL {
  const root = URL.canParse(String(base)) ? new URL(base) : undefined;
  if (root?.protocol !== 'http:' && root?.protocol !== 'https:') {
    throw new ConfigError(
      `webFiles: expected an http or https address, got ${describeValue(base instanceof URL ? base.href : base)}; pass one such as 'https://example.org/models/'`,
    );
  }
  if (!root.pathname.endsWith('/')) root.pathname += '/';
  return root;
}

/** What a server says of a file: its length if it gives ranges, else the answer with the whole content. */
type Found = { readonly ranged: true; readonly bytes: number } | { readonly ranged: false; readonly answer: Response };

/** Asks for the first byte of a file. @returns undefined if there is no such file. */
async function probe(address: URL): Promise<Found | undefined> {
  const answer = await request(address, '0-0');
  if (answer.status === 200) return { ranged: false, answer };
  await answer.body?.cancel();
  const range = answer.headers.get('content-range') ?? 'no range';
  if (answer.status === 404 || answer.status === 410) return undefined;
  // No byte is the first of an empty file.
  if (answer.status === 416 && range === 'bytes */0') return { ranged: true, bytes: 0 };
  const total = /^bytes 0-0\/(\d+|\*)$/.exec(range)?.[1];
  if (answer.status !== 206 || total === undefined) throw unexpected(address, 'the bytes 0-0', answer);
  // A server that does not say the length is asked for everything.
  if (total === '*') return { ranged: false, answer: await request(address) };
  return { ranged: true, bytes: Number(total) };
}

async function openAt(address: URL): Promise<OpenFile> {
  const found = await probe(address);
  if (found === undefined) throw new BackendError(`webFiles: expected a file at ${address.href}, there is none; check the address`);
  if (!found.ranged) return openWhole(await contentOf(address, found.answer));
  const { bytes } = found;
  return {
    bytes,
    async read(target, position) {
      const end = Math.min(position + target.length, bytes);
      return end <= position ? 0 : readRange(address, target, position, end, bytes);
    },
    close: async () => undefined,
  };
}

/** Reads from `begin` to before `end`, or less if the server gives less. @returns how many bytes were read. */
async function readRange(address: URL, target: Uint8Array, begin: number, end: number, bytes: number): Promise<number> {
  const answer = await request(address, `${begin}-${end - 1}`);
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(answer.headers.get('content-range') ?? '') ?? [];
  if (answer.status !== 206 || Number(first) !== begin || Number(last) >= end || Number(total) !== bytes) {
    await answer.body?.cancel();
    throw unexpected(address, `the bytes ${begin}-${end - 1}/${bytes}`, answer);
  }
  const part = await contentOf(address, answer);
  if (part.length !== Number(last) + 1 - begin)
    throw new BackendError(`webFiles: expected the bytes ${begin}-${last} of ${address.href}, got ${part.length} bytes; ${remedies.other}`);
  target.set(part);
  return part.length;
}

function openWhole(content: Uint8Array): OpenFile {
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

/** Length of an answer's content, which is not fetched if the server states its length. */
async function lengthOf(address: URL, answer: Response): Promise<number> {
  const stated = answer.headers.has('content-encoding') ? null : answer.headers.get('content-length');
  if (stated === null) return (await contentOf(address, answer)).length;
  await answer.body?.cancel();
  return Number(stated);
}

async function request(address: URL, range?: string): Promise<Response> {
  const headers: Record<string, string> = range === undefined ? {} : { range: `bytes=${range}` };
  const answer = await fetch(address, { headers }).catch((cause: Error) => {
    throw failed(address, cause);
  });
  if (answer.ok || [404, 410, 416].includes(answer.status)) return answer;
  await answer.body?.cancel();
  throw unexpected(address, range === undefined ? 'the content' : `the bytes ${range}`, answer);
}

async function contentOf(address: URL, answer: Response): Promise<Uint8Array> {
  const content = await answer.arrayBuffer().catch((cause: Error) => {
    throw failed(address, cause);
  });
  return new Uint8Array(content);
}

/** What a user can do about an answer. */
const remedies = {
  refused: 'check the address, and that it may be read without signing in',
  other: 'try again later, or fetch the file and read it with nodeFiles',
} as const;

/** The error for an answer with another status or range than asked for. */
function unexpected(address: URL, expected: string, { status, statusText, headers }: Response): BackendError {
  const range = headers.get('content-range');
  const got = `${status} ${statusText}${range === null ? '' : ` with the range '${range}'`}`.trim();
  const remedy = status >= 400 && status < 500 ? remedies.refused : remedies.other;
  return new BackendError(`webFiles: expected ${expected} of ${address.href}, got the answer ${got}; ${remedy}`);
}

/** The error for a connection that cannot be made or breaks off. What fetch throws tells the reason in its cause. */
function failed(address: URL, cause: Error): BackendError {
  const reason = cause.cause instanceof Error && cause.cause.message !== '' ? cause.cause.message : cause.message;
  return new BackendError(`webFiles: cannot read ${address.href} (${reason}); check the address and the network, then try again`, {
    cause,
  });
}
