/** A server on the loopback interface whose pages may run only its own scripts, and compile none but WebAssembly. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** The policy: no code from strings, none from elsewhere. */
export const strictPolicy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:";

const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' };

/** A running server. */
export interface Served {
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Serves a folder.
 *
 * @param mounted - other folders, by the beginning of the path under which they are served.
 */
export async function serve(folder: string, mounted: Readonly<Record<string, string>> = {}): Promise<Served> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const prefix = Object.keys(mounted).find((one) => pathname.startsWith(one));
    const file = prefix === undefined ? path.join(folder, pathname) : path.join(mounted[prefix], pathname.slice(prefix.length));
    response.setHeader('Content-Security-Policy', strictPolicy);
    try {
      const content = await readFile(file);
      response.setHeader('Content-Type', types[path.extname(file)] ?? 'application/octet-stream');
      response.end(content);
    } catch {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
