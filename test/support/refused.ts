/** Calls that must be refused: the class and the code of the error, and its text in the snapshot of the test file. */
import { expect } from 'vitest';
import {
  BackendError,
  type BuresError,
  ConfigError,
  DomainError,
  FormatError,
  NotImplementedError,
  NumericalError,
  ShapeError,
} from '../../src/core/errors.js';

/** The code of each class, which programs compare with. */
export const codes = new Map<ErrorClass, string>([
  [ShapeError, 'BURES_SHAPE'],
  [DomainError, 'BURES_DOMAIN'],
  [NumericalError, 'BURES_NUMERICAL'],
  [NotImplementedError, 'BURES_NOT_IMPLEMENTED'],
  [ConfigError, 'BURES_CONFIG'],
  [FormatError, 'BURES_FORMAT'],
  [BackendError, 'BURES_BACKEND'],
]);

/** A class of the library's errors. */
export type ErrorClass = new (message: string, options?: { cause?: unknown }) => BuresError;

/**
 * Makes a call that must throw, or reject, with an error of just this class and its code. The text, and which of the
 * two it was, is compared with the snapshot.
 *
 * @param kind - the class.
 * @param call - the misuse.
 * @param folder - a folder of the test, whose name differs from run to run.
 */
export async function refused(kind: ErrorClass, call: () => unknown, folder?: string): Promise<void> {
  const { how, error } = await failureOf(call);
  expect(error, `expected a ${kind.name}, got ${error.stack}`).toBeInstanceOf(kind);
  expect([error.name, error.code]).toEqual([kind.name, codes.get(kind)]);
  expect(`${how} ${error.name}: ${withoutMachine(error.message, folder)}`).toMatchSnapshot();
}

async function failureOf(call: () => unknown): Promise<{ readonly how: 'throws' | 'rejects'; readonly error: BuresError }> {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    return { how: 'throws', error: error as BuresError };
  }
  try {
    await result;
  } catch (error) {
    return { how: 'rejects', error: error as BuresError };
  }
  return expect.fail('expected an error, got none');
}

/** Takes what differs between machines out of a text: engines, folders, and sizes of memory. */
function withoutMachine(text: string, folder?: string): string {
  return (
    (folder === undefined ? text : text.replaceAll(folder, 'FOLDER'))
      .replaceAll(process.cwd(), 'PROJECT')
      .replaceAll(/host:blas/g, 'host')
      .replaceAll(/tensor:\w+/g, 'tensor:BACKEND')
      .replaceAll(/expected \d+ bytes (.*) to be available .*, got \d+/g, 'expected BYTES bytes $1 to be available HERE, got BYTES')
      // What is zero but for rounding, which depends on the library of matrix kernels.
      .replaceAll(/-?\d\.\de-1[5-9]/g, 'ROUNDING')
  );
}
