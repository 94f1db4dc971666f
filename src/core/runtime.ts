import type { Koffi } from './native-library.js';

/**
 * What the mathematics asks of whatever runs it: Node.js (Deno and Bun count as it), or a page. `runtime.node.ts` and
 * `runtime.web.ts` implement it.
 */
export interface Runtime {
  /** Environment variables by name. A page has none. */
  readonly environment: Record<string, string | undefined>;
  /** Returns the bytes that can still be allocated, in the container if there is one. Infinite where nobody knows. */
  availableBytes(): number;
  /** Gives a line to whoever runs the program: to Node's warnings, or to the console of a page. */
  warn(line: string): void;
  /** Says how to get packages that are missing, as the end of an error message. */
  toInstall(packages: string): string;
  /** Loads koffi, now and synchronously. Returns the reason why there is none, with what to do, where that fails. */
  loadKoffi(): Koffi | string;
}
