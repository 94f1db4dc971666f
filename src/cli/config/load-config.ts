/** A configuration from a file and flags. */
import type { z } from 'zod';
import { validateConfig } from './validate.js';
import { type ConfigSource, readYaml } from './yaml-source.js';

/**
 * Reads and validates a configuration.
 *
 * @param file - YAML; without it the flags say everything.
 * @param flags - win over the file.
 * @throws ConfigError, FormatError as {@link readYaml} and {@link validateConfig} do.
 */
export async function loadConfig<Schema extends z.ZodObject>(
  command: string,
  schema: Schema,
  file: string | undefined,
  flags?: ConfigSource,
): Promise<z.infer<Schema>> {
  const sources = [...(file === undefined ? [] : [await readYaml(command, file)]), ...(flags === undefined ? [] : [flags])];
  return validateConfig(schema, sources, { flags: flags !== undefined });
}
