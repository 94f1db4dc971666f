/** Finds the folder of the adapter that a path means: an adapter's own folder, or one in a run. */

import { ConfigError, FormatError } from '../../core/errors.js';
import { checksumFile, verifyChecksums } from '../../io/files/checksums.node.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { abandonedIn } from '../../io/files/staging.node.js';
import { adapterFiles, trainedWeightsFile } from '../../lora/index.js';
import { checkOutsideRuns } from '../run/outside-runs.js';
import { checkpointFolders, runFolders } from '../run/run-layout.js';

/**
 * Verifies an adapter's files against their checksums, if it has any. Otherwise, PEFT's files must exist.
 *
 * @throws FormatError naming the first file that is missing or changed.
 */
export async function verifyIfThere(caller: string, folder: string): Promise<void> {
  if (await exists(path.join(folder, checksumFile))) return verifyChecksums(caller, folder);
  for (const name of Object.values(adapterFiles))
    if (!(await exists(path.join(folder, name))))
      throw new FormatError(`${caller}: ${path.join(folder, name)} is missing; remove ${folder}`);
}

/**
 * Finds the folder of an adapter. In a run it is the best checkpoint or, before one has been chosen, the latest.
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
 * The order in which an adapter of pairs enters an existing folder. Without its configuration it does not count as an
 * adapter yet; trained weights of an earlier one, which would be taken for its own, are removed.
 */
export const adapterOrder = { stale: [trainedWeightsFile], last: [adapterFiles.tensors, adapterFiles.config] } as const;

/**
 * Requires a folder without an adapter, outside of runs.
 *
 * @throws ConfigError if it has one, or belongs to a run. Tensors alone, beside files that a killed process was
 * writing, do not count.
 */
export async function checkNoAdapter(caller: string, out: string): Promise<void> {
  await checkOutsideRuns(caller, out);
  const isCutOff = (await abandonedIn(path.resolve(out), path.resolve(out))).length > 0;
  for (const name of isCutOff ? [adapterFiles.config] : Object.values(adapterFiles)) {
    if (await exists(path.join(out, name)))
      throw new ConfigError(
        `${caller}: expected a folder without an adapter, found ${name} in ${out}; choose another --out, or remove it first`,
      );
  }
}
