import type { z } from 'zod';
import { validateConfig } from './validate.js';
import { type ConfigSource, readYaml } from './yaml-source.js';

/**
 * Reads and validates a configuration from a file and flags.
 *
 * @param file - YAML file. Default: none, the flags give everything.
 * @param flags - take precedence over the file.
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
