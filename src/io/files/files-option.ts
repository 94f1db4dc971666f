/** The option `files` of all that reads or writes files. */
import { ConfigError } from '../../core/errors.js';
import { describeValue, option } from '../../core/options.js';
import type { Files } from './files.js';
import { nodeFiles } from './node-files.js';

/** Functions that every {@link Files} has. */
const functions = ['describe', 'open', 'list', 'write', 'remove', 'join'] as const;

/** Declares where files lie: on this machine, unless the option says otherwise. */
export const filesOption = option<Files, { readonly default: Files }>({ default: nodeFiles }, (caller, name, value) => {
  const lacking = functions.find((one) => typeof (value as Partial<Files> | null)?.[one] !== 'function');
  if (lacking === undefined) return;
  throw new ConfigError(
    `${caller}: ${name} must be Files, with the function ${lacking}, got ${describeValue(value)}; pass webFiles(address), fileListFiles(input.files), memoryFiles() or others of bures/io`,
  );
});
