/** Which folder holds the adapter that a path means: an adapter's own, or that of a run. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, FormatError } from '../../core/errors.js';
import { abandonedIn } from '../../core/staging.js';
import { trainedWeightsFile } from '../../lora/index.js';
import { checksumFile, verifyChecksums } from '../run/checksums.js';
import { checkpointFolders, runFolders } from '../run/run-layout.js';

/** The names of PEFT's files. */
export const adapterFiles = { config: 'adapter_config.json', tensors: 'adapter_model.safetensors' } as const;

/**
 * Holds an adapter's files against their checksums where it has any. One without must have PEFT's files.
 *
 * @throws FormatError naming the first file that is missing or not as it was written.
 */
export async function verifyIfThere(caller: string, folder: string): Promise<void> {
  if (await exists(path.join(folder, checksumFile))) return verifyChecksums(caller, folder);
  for (const name of Object.values(adapterFiles))
    if (!(await exists(path.join(folder, name))))
      throw new FormatError(`${caller}: ${path.join(folder, name)} is missing; remove ${folder}`);
}

/**
 * The folder of an adapter. For a run that is its best checkpoint or, before one has been chosen, its latest.
 *
 * @throws ConfigError if there is no adapter in PEFT's format; FormatError if that of the run is damaged.
 */
export async function findAdapter(caller: string, location: string): Promise<string> {
  if (await exists(path.join(location, adapterFiles.config))) return location;
  for (const folder of [path.join(location, runFolders.best), ...(await checkpointFolders(location)).toReversed()]) {
    if (!(await exists(folder))) continue;
    await verifyIfThere(caller, folder);
    return folder;
  }
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
