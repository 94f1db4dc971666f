/**
 * What the published declarations know of the globals of pages and of Node.js, so that a project type-checks with the
 * types of either or of neither. `npm run build` imports these where a declaration names one
 * (tools/build-declarations.ts); the globals themselves have all of it.
 */

/** The part of an `AbortSignal` that the library uses. */
export interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The part of a `URL` that the library uses. */
export interface URL {
  readonly href: string;
}

/** An open file of Node.js, which only the library's own code handles. */
export type FileHandle = object;
