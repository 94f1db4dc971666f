/** A server on the loopback interface whose pages may run only its own scripts, and compile none but WebAssembly. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** The policy: no code from strings, none from elsewhere. */
export const strictPolicy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:";

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** A running server. */
export interface Served {
  readonly address: string;
  close(): Promise<void>;
}

/** Serves folders: a file of the first that has it. */
export async function serve(folders: readonly string[]): Promise<Served> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const file = folders.map((folder) => path.join(folder, pathname)).find((candidate) => existsSync(candidate));
    response.setHeader('Content-Security-Policy', strictPolicy);
    response.setHeader('Content-Type', types[path.extname(pathname)] ?? 'application/octet-stream');
    if (file === undefined) response.statusCode = 404;
    response.end(file && (await readFile(file)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Connections that a browser opened in advance would be waited for.
        server.closeAllConnections();
      }),
  };
}
