/** The keys of a configuration as the flags that the help lists. */
import type { z } from 'zod';
import type { Flags, TextFlag } from '../flags.js';
import { flagName } from './flag-source.js';

/** One flag a key, with its meaning and default. */
export function configFlags(schema: z.ZodObject): Flags {
  return Object.fromEntries(
    Object.entries(schema.shape).map(([key, value]): [string, TextFlag] => {
      const { description = '' } = value as z.ZodType;
      const parsed = (value as z.ZodType).safeParse(undefined);
      const standard = parsed.success && parsed.data !== undefined ? ` (default ${JSON.stringify(parsed.data)})` : '';
      return [flagName(key), { kind: 'text', placeholder: 'VALUE', description: description + standard }];
    }),
  );
}
