import { BuresError } from '../core/errors.js';

/** The command line is not valid: an unknown command or flag, a missing argument. */
export class UsageError extends BuresError {
  override readonly name = 'UsageError';
  readonly code = 'BURES_USAGE';
}

/**
 * Returns the error for an unknown flag.
 * @param nearest - the flag that was probably meant, without dashes, if there is one.
 */
export function unknownFlag(command: string, written: string, nearest: string | undefined): UsageError {
  const hint = nearest === undefined ? '' : `did you mean --${nearest}? Or `;
  return new UsageError(`bures ${command}: unknown flag ${written}; ${hint}see bures ${command} --help`);
}
