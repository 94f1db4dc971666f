import { BuresError } from '../core/errors.js';

/** The command line does not say what to do: an unknown command or flag, a missing argument. */
export class UsageError extends BuresError {
  override readonly name = 'UsageError';
  readonly code = 'BURES_USAGE';
}
