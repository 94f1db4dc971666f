/** Errors of a file system that refuses to write, with the remedy. */
import { BackendError } from '../../core/errors.js';

/** Remedies by the code of the system's error. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space and try again',
  EDQUOT: 'free some of your quota and try again',
  EFBIG: 'raise the limit on the size of files (ulimit -f) and try again',
  // Node's code if a folder cannot be created on a read-only disk.
  ENOENT: 'choose a folder that can be made: this one may be on a disk that is read-only',
  EROFS: 'choose a folder on a disk that is not read-only',
  EACCES: 'make the folder writable, or choose another',
  EPERM: 'make the folder writable, or choose another',
  ENOTDIR: 'choose another path, a file is in its way',
  EEXIST: 'choose another path, a file is in its way',
  ENOTEMPTY: 'choose another path, another program has written to this one meanwhile',
};

/** Returns true if an error came from the operating system. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** A staging name, as staging.node.ts makes it, with the folder above it. */
const staged = /(\/[^/]+)?\/\.([^/]+)\.\d+-\d*-[0-9a-f]{8}\.[0-9a-f-]{36}\.tmp/g;

/** Replaces staging paths in a text by the paths that the user gave. */
function shownPaths(text: string): string {
  return text.replaceAll(staged, (_, parent: string | undefined, target: string) =>
    parent === `/${target}` ? parent : `${parent ?? ''}/${target}`,
  );
}

/**
 * Returns the error of a caller that could not write.
 *
 * @param what - the file or files.
 */
export function writeError(caller: string, what: string, cause: unknown): BackendError {
  const { message, code = '' } = cause as NodeJS.ErrnoException;
  return new BackendError(
    `${caller}: cannot write ${shownPaths(what)} (${shownPaths(message)}); ${remedies[code] ?? 'check the disk and the path'}`,
    { cause },
  );
}
