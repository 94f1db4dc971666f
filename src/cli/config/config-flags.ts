import type { z } from 'zod';
import type { Flags, TextFlag } from '../flags.js';
import { flagName } from './flag-source.js';
import { choicesOf } from './schema-parts.js';

/** Lists the keys of a configuration as flags for the help, with meaning, default and choices. */
export function configFlags(schema: z.ZodObject): Flags {
  return Object.fromEntries(
    Object.entries(schema.shape).map(([key, value]): [string, TextFlag] => {
      const { description = '' } = value as z.ZodType;
      const parsed = (value as z.ZodType).safeParse(undefined);
      const standard = parsed.success && parsed.data !== undefined ? ` (default ${JSON.stringify(parsed.data)})` : '';
      const choices = choicesOf(value);
      const flag = { kind: 'text', placeholder: 'VALUE', description: description + standard } as const;
      return [flagName(key), choices === undefined ? flag : { ...flag, choices }];
    }),
  );
}
