/** A configuration as the file it could have come from. */
import { stringify } from 'yaml';
import { ConfigError } from '../../core/errors.js';
import { mostCharacters } from './parse-yaml.js';

/**
 * The YAML text of a configuration; keys without a value are left out.
 *
 * @throws ConfigError for one that could not be read again, since it is longer than readers of configurations take.
 */
export function configText(caller: string, config: object): string {
  const text = stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
  if (text.length <= mostCharacters) return text;
  throw new ConfigError(
    `${caller}: expected a configuration of at most ${mostCharacters} characters when it is written as YAML, got ${text.length}; give lists of names as a pattern, and long texts in a file of data`,
  );
}
