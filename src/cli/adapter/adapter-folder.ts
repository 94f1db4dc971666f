/** Which folder holds the adapter that a path means: an adapter's own, or that of a run. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '../../core/errors.js';
import { abandonedIn } from '../../core/staging.js';
import { trainedWeightsFile } from '../../lora/index.js';
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

/**
 * How an adapter of pairs takes its place in a folder that was there before. Without its configuration it is none yet; trained weights of before would be taken for its own.
 */
export const adapterOrder = { stale: [trainedWeightsFile], last: [adapterFiles.tensors, adapterFiles.config] } as const;

/** @throws ConfigError if the folder has an adapter. Its tensors alone, beside what a killed process was writing, are a part of that. */
export async function checkNoAdapter(caller: string, out: string): Promise<void> {
  const isCutOff = (await abandonedIn(path.resolve(out), path.resolve(out))).length > 0;
  for (const name of isCutOff ? [adapterFiles.config] : Object.values(adapterFiles)) {
    if (await exists(path.join(out, name)))
      throw new ConfigError(
        `${caller}: expected a folder without an adapter, found ${name} in ${out}; choose another --out, or remove it first`,
      );
  }
}

/** Whether there is such a file or folder. */
export async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined)) !== undefined;
}
