import { BuresError } from '../core/errors.js';

/** The command line does not say what to do: an unknown command or flag, a missing argument. */
export class UsageError extends BuresError {
  override readonly name = 'UsageError';
  readonly code = 'BURES_USAGE';
}

/** For a flag that a command does not take. @param nearest - the flag that was meant, without dashes, where one is near. */
export function unknownFlag(command: string, written: string, nearest: string | undefined): UsageError {
  const hint = nearest === undefined ? '' : `did you mean --${nearest}? Or `;
  return new UsageError(`bures ${command}: unknown flag ${written}; ${hint}see bures ${command} --help`);
}
