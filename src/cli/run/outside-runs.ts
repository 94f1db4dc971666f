/** Keeps what commands write out of the folders of runs. */
import { ConfigError } from '../../core/errors.js';
import { exists } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { adapterFiles } from '../../lora/index.js';
import { checkpointFolders, runFiles, runFolders } from './run-layout.js';

/**
 * Requires a folder that is no run and lies in none: a model or an adapter in the folder of a run would be taken for
 * what the run made, and what lies in its `best` is lost when that is replaced.
 *
 * @throws ConfigError naming the run.
 */
export async function checkOutsideRuns(caller: string, out: string): Promise<void> {
  const folder = path.resolve(out);
  for (let above = folder; ; above = path.dirname(above)) {
    if (await isRun(above)) {
      const what = above === folder ? 'that is no run, got that of a run' : `outside of runs, got one within the run ${above}`;
      throw new ConfigError(`${caller}: expected an --out ${what}, ${out}; choose another --out`);
    }
    if (above === path.dirname(above)) return;
  }
}

/**
 * Returns true for a folder that commands take for a run. A config.yaml alone makes none: a folder of one's own may
 * have the file from which runs are begun.
 */
async function isRun(folder: string): Promise<boolean> {
  if (await exists(path.join(folder, runFolders.best, adapterFiles.config))) return true;
  if ((await checkpointFolders(folder)).length > 0) return true;
  if (!(await exists(path.join(folder, runFiles.config)))) return false;
  for (const record of [runFiles.fingerprints, runFiles.environment, runFiles.metrics])
    if (await exists(path.join(folder, record))) return true;
  return false;
}
