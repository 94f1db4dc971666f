/** Which folder holds the adapter that a path means: an adapter's own, or that of a run. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { checkpointFolders, runFolders } from '../run/run-layout.js';

/** The names of PEFT's files. */
export const adapterFiles = { config: 'adapter_config.json', tensors: 'adapter_model.safetensors' } as const;

/**
 * The folder of an adapter. For a run that is its best checkpoint or, before one has been chosen, its latest.
 *
 * @throws ConfigError if there is no adapter in PEFT's format.
 */
export async function findAdapter(caller: string, location: string): Promise<string> {
  const candidates = [location, path.join(location, runFolders.best), ...(await checkpointFolders(location)).toReversed()];
  for (const folder of candidates) if (await exists(path.join(folder, adapterFiles.config))) return folder;
  throw new ConfigError(
    `${caller}: expected a folder with ${adapterFiles.config}, or a run with a checkpoint, found neither in ${location}; check the path`,
  );
}

/** Whether there is such a file or folder. */
export async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
