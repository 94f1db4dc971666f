import { BackendError } from '../../core/errors.js';

/**
 * Returns the error for an array for which JavaScript has no memory. The heap of WebAssembly reports its own.
 *
 * @param command - the command that trains.
 * @returns `undefined` if something else was thrown.
 */
export function memoryError(command: string, thrown: unknown): BackendError | undefined {
  if (!(thrown instanceof RangeError && /allocation failed|Invalid (typed )?array( buffer)? length/.test(thrown.message))) return undefined;
  const { rss } = process.memoryUsage();
  return new BackendError(
    `${command}: expected memory for an array, got none (${thrown.message}; the process has ${rss} bytes); train with shorter rows, a smaller batch or a lower rank`,
    { cause: thrown },
  );
}
