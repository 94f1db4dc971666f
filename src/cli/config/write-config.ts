import { stringify } from 'yaml';
import { ConfigError } from '../../core/errors.js';
import { mostCharacters } from './parse-yaml.js';

/**
 * Formats a configuration as YAML, leaving out keys without a value.
 *
 * @throws ConfigError if the text would be too long to be read again.
 */
export function configText(caller: string, config: object): string {
  const text = stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
  if (text.length <= mostCharacters) return text;
  throw new ConfigError(
    `${caller}: expected a configuration of at most ${mostCharacters} characters when it is written as YAML, got ${text.length}; give lists of names as a pattern, and long texts in a file of data`,
  );
}
