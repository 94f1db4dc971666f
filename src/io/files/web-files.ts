import { NotImplementedError } from '../../core/errors.js';
import type { Files, OpenFile } from './files.js';

/**
 * Gives access to the files that a web server offers below an address, such as a checkpoint on a hub or beside a page.
 * Each range is one request. If the server does not support ranges, the whole file is fetched on opening and kept until
 * it is closed.
 *
 * @param base - the address that paths are relative to, such as `https://example.org/models/`.
 * @returns read-only files; `list` and `write` throw a {@link NotImplementedError}, since a web server offers neither.
 */
export function webFiles(base: string | URL): Files {
  const addressOf = (path: string): URL => new URL(path, base);
  const unavailable = (name: string, remedy: string) => (): never => {
    throw new NotImplementedError(`webFiles: a web server does not offer ${name}; ${remedy}`);
  };
  return {
    async describe(path) {
      const answer = await fetch(addressOf(path), { method: 'HEAD' });
      if (answer.status === 404) return undefined;
      requireSuccess(answer);
      return { kind: 'file', bytes: Number(answer.headers.get('content-length') ?? 0) };
    },
    open: async (path) => openAt(addressOf(path)),
    list: unavailable('the names in a folder', 'name the file itself'),
    write: unavailable('writing', 'write with nodeFiles, or with Files of your own'),
    join: (folder, name) => `${folder.replace(/\/$/, '')}/${name}`,
  };
}

async function openAt(address: URL): Promise<OpenFile> {
  const first = await fetch(address, { headers: { range: 'bytes=0-0' } });
  requireSuccess(first);
  const length = /\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1];
  if (first.status !== 206 || length === undefined) return openWhole(new Uint8Array(await first.arrayBuffer()));
  await first.arrayBuffer();
  const bytes = Number(length);
  return {
    bytes,
    async read(target, position) {
      const end = Math.min(position + target.length, bytes);
      if (end <= position) return 0;
      const answer = await fetch(address, { headers: { range: `bytes=${position}-${end - 1}` } });
      requireSuccess(answer);
      const part = new Uint8Array(await answer.arrayBuffer());
      if (answer.status !== 206 || part.length > end - position)
        throw new Error(`${address.href}: expected the bytes ${position} to ${end - 1}, got ${part.length} bytes`);
      target.set(part);
      return part.length;
    },
    close: async () => undefined,
  };
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

function requireSuccess(answer: Response): void {
  if (!answer.ok) throw new Error(`${answer.url}: the server answers ${answer.status} ${answer.statusText}`.trim());
}
