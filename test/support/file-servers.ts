/** Web servers for tests: of a folder, with ranges or without. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** A server on this machine. */
export interface Serving {
  /** Its address. */
  readonly base: string;
  /** The requests that came: paths and ranges. */
  readonly requests: string[];
  stop(): Promise<void>;
}

/** Starts a server. */
export async function startServer(answer: Answer): Promise<Serving> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? 'whole'}`);
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The file of a request below a folder; undefined if there is none. */
async function requested(folder: string, { url = '' }: Pick<IncomingMessage, 'url'>) {
  const file = path.join(folder, decodeURIComponent(new URL(url, 'http://localhost').pathname));
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? { file, size: found.size } : undefined;
}

/** Serves a folder with ranges, as Apache and nginx do. */
export function withRanges(folder: string): Answer {
  return async (request, response) => {
    const found = await requested(folder, request);
    if (found === undefined) return void response.writeHead(404).end('<html>no such page</html>');
    const { file, size } = found;
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (first === undefined) return void createReadStream(file).pipe(response.writeHead(200, { 'content-length': size }));
    if (Number(first) >= size) return void response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    const end = Math.min(Number(last), size - 1);
    response.writeHead(206, { 'content-range': `bytes ${first}-${end}/${size}`, 'content-length': end + 1 - Number(first) });
    createReadStream(file, { start: Number(first), end }).pipe(response);
  };
}

/** Serves a folder without ranges, and does not state lengths. */
export function withoutRanges(folder: string): Answer {
  return async (request, response) => {
    const found = await requested(folder, request);
    if (found === undefined) return void response.writeHead(404).end();
    createReadStream(found.file).pipe(response.writeHead(200));
  };
}
