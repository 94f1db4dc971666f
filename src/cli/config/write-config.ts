/** A configuration as the file it could have come from. */
import { stringify } from 'yaml';

/** The YAML text of a configuration; keys without a value are left out. */
export function configText(config: object): string {
  return stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}
