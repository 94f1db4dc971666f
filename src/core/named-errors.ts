/** Errors of parts, under the name of the function that the user called. */
import { BuresError } from './errors.js';

/**
 * Runs a computation. An error of the library that it throws comes out under the caller's name, in place of the name of
 * the part that found it, which the user need not know; that error is its `cause`.
 *
 * @param caller - the function that the user called.
 */
export function underName<Result>(caller: string, compute: () => Result): Result {
  try {
    return compute();
  } catch (error) {
    if (!(error instanceof BuresError) || error.message.startsWith(`${caller}: `)) throw error;
    const Kind = error.constructor as new (message: string, options: { readonly cause: unknown }) => BuresError;
    throw new Kind(`${caller}: ${error.message.replace(/^[A-Za-z][\w.]*: /, '')}`, { cause: error });
  }
}
