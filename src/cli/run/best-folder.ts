/** The folder of the best adapter, with its record. */

import { FormatError } from '../../core/errors.js';
import { exists, move, namesIfReadable, namesIn, remove } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { replaceFolder } from '../../io/files/replace-folder.node.js';
import { isStagingName } from '../../io/files/staging.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { writeError } from '../../io/files/write-error.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import { type AdapterCard, type LoraAdapter, type SavedAdapter, saveAdapter } from '../../lora/index.js';
import { verifyIfThere } from '../adapter/adapter-folder.js';
import type { RunProgress } from './checkpoint.js';
import { bestFolder, damagedEnd, runFolders } from './run-layout.js';
import { isForbidden, problemOf } from './sound-checkpoint.js';

/** Record of the best adapter. */
interface BestRecord {
  readonly step: number;
  readonly loss: number;
  /** Number of times changed inputs had been accepted; absent if never. */
  readonly changes?: number;
}

const recordFile = 'best.json';

/**
 * Saves the best adapter with its record in place of the previous one, and returns the result of {@link saveAdapter}.
 *
 * @throws BackendError if the file system refuses.
 */
export async function writeBest(
  run: string,
  adapter: LoraAdapter,
  { baseModel, card }: { readonly baseModel: string; readonly card: AdapterCard },
  record: BestRecord,
): Promise<SavedAdapter> {
  const folder = bestFolder(run);
  const saved = await replaceFolder('best', folder, async (staging) => {
    const result = await saveAdapter(adapter, staging, { baseModel, card });
    await writeAtomic(path.join(staging, recordFile), `${JSON.stringify(record)}\n`);
    return result;
  });
  await remove(folder + damagedEnd);
  return saved;
}

/**
 * Restores the best adapter if a process was killed while replacing it: the old one or the new one, whichever is
 * complete. Only the process that holds the run may call this, before half-written files are removed.
 */
async function restoreBest(run: string): Promise<void> {
  const folder = bestFolder(run);
  if (await exists(folder)) return;
  for (const name of (await namesIn(run)).filter((one) => isStagingName(one) && one.startsWith(`.${runFolders.best}.`))) {
    // An incomplete one does not count.
    const record = await readBest(path.join(run, name)).catch(() => undefined);
    if (record !== undefined) return move(path.join(run, name), folder);
  }
}

/**
 * Settles the best adapter of a resumed run. One that other inputs led to is set aside, because its loss can no longer
 * be compared; a missing one does not count; a damaged one is set aside.
 *
 * @param from - the point where the run continues; `undefined` for the start.
 * @param changes - number of times changed inputs have been accepted, the present one included.
 * @param notice - receives a message about each change.
 * @returns the progress to continue with.
 * @throws BackendError if the file system refuses; FormatError if a file may not be read.
 */
export async function settleBest(
  run: string,
  from: { readonly step: number; readonly progress: RunProgress } | undefined,
  changes: number,
  notice: (line: string) => void,
): Promise<RunProgress | undefined> {
  const folder = bestFolder(run);
  const best = from?.progress.best;
  const isMissing = !(await exists(folder));
  const record = isMissing ? undefined : await readBestOrPutAside(folder, changes, best, notice);
  if (record !== undefined && (record.changes ?? 0) !== changes) {
    const aside = await freeName(`${folder}-until-step-${from?.step ?? record.step}`);
    await setAside(folder, aside);
    notice(`the earlier best adapter is kept as ${aside}; the next evaluation begins a new best`);
  }
  if (from === undefined) return undefined;
  const { progress } = from;
  if ((progress.changes ?? 0) !== changes) return withoutBest(progress, changes);
  if (best === undefined || record !== undefined) return progress;
  if (isMissing)
    notice(`warning: the best adapter, of step ${best.step}, is no longer in ${folder}; the next evaluation begins a new best`);
  return withoutBest(progress, changes);
}

function withoutBest({ seconds, tokens, loss }: RunProgress, changes: number): RunProgress {
  return { seconds, tokens, evaluationsSinceBest: 0, ...(loss === undefined ? {} : { loss }), ...(changes === 0 ? {} : { changes }) };
}

/** Reads the record of the best adapter. A damaged one is set aside, and the result is `undefined`. */
async function readBestOrPutAside(
  folder: string,
  changes: number,
  best: RunProgress['best'],
  notice: (line: string) => void,
): Promise<BestRecord | undefined> {
  try {
    const record = await readBest(folder);
    // A later record belongs to an evaluation after the checkpoint, which will happen again.
    const isOfRun = best === undefined || record.step > best.step || (record.step === best.step && record.loss === best.loss);
    if ((record.changes ?? 0) === changes && !isOfRun)
      throw new FormatError(`resume: ${path.join(folder, recordFile)} is not the record of the best adapter, of step ${best.step}`);
    return record;
  } catch (error) {
    if (!(error instanceof FormatError) || isForbidden(error.cause)) throw error;
    const aside = folder + damagedEnd;
    await remove(aside);
    await setAside(folder, aside);
    notice(
      `warning: ${folder} is damaged (${problemOf(error.message)}); it is kept as ${path.basename(aside)}, and the next evaluation begins a new best`,
    );
    return undefined;
  }
}

async function setAside(folder: string, aside: string): Promise<void> {
  await move(folder, aside).catch((cause) => {
    throw writeError('resume', folder, cause);
  });
}

/**
 * Reads the record, and verifies the files against their checksums.
 *
 * @throws FormatError if a file is missing, malformed or changed.
 */
async function readBest(folder: string): Promise<BestRecord> {
  await verifyIfThere('resume', folder);
  const file = path.join(folder, recordFile);
  const content = await readJson('resume', file);
  if (isJsonObject(content)) {
    const { step, loss, changes = 0 } = content;
    if (Number.isSafeInteger(step) && typeof loss === 'number' && Number.isSafeInteger(changes)) return content as unknown as BestRecord;
  }
  throw new FormatError(`resume: ${file} must hold the step and the loss of the best adapter; remove ${folder}`);
}

/** Returns a name that is not in use. */
async function freeName(wanted: string): Promise<string> {
  let name = wanted;
  for (let count = 2; await exists(name); count++) name = `${wanted}.${count}`;
  return name;
}

/**
 * Removes the half-written files of a killed program. A best adapter that was being replaced is restored first. Only
 * the process that holds the run may call this.
 */
export async function removeHalfWritten(run: string): Promise<void> {
  await restoreBest(run);
  for (const folder of [run, path.join(run, runFolders.checkpoints)]) {
    const names = await namesIfReadable(folder);
    for (const name of names.filter(isStagingName)) await remove(path.join(folder, name));
  }
}
