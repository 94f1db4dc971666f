/** The folder of the best adapter, and the record of it. */
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { isStagingName } from '../../core/staging.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { writeError } from '../../core/write-error.js';
import { type LoraAdapter, type SavedAdapter, saveAdapter } from '../../lora/index.js';
import { exists, verifyIfThere } from '../adapter/adapter-folder.js';
import type { RunProgress } from './checkpoint.js';
import { replaceFolder } from './replace-folder.js';
import { damagedEnd, runFolders } from './run-layout.js';
import { isForbidden, problemOf } from './sound-checkpoint.js';

/** Which adapter is the best. */
interface BestRecord {
  readonly step: number;
  readonly loss: number;
  /** How often changed inputs had been accepted; none where they never were. */
  readonly changes?: number;
}

const recordFile = 'best.json';

/** Saves the best adapter with its record, in the place of the one before, and says what {@link saveAdapter} says. @throws BackendError if the file system refuses. */
export async function writeBest(run: string, adapter: LoraAdapter, baseModel: string, record: BestRecord): Promise<SavedAdapter> {
  const folder = path.join(run, runFolders.best);
  const saved = await replaceFolder('best', folder, async (staging) => {
    const result = await saveAdapter(adapter, staging, { baseModel });
    await writeAtomic(path.join(staging, recordFile), `${JSON.stringify(record)}\n`);
    return result;
  });
  await rm(folder + damagedEnd, { recursive: true, force: true });
  return saved;
}

/**
 * Puts the best adapter back where a process was killed while it replaced it: the one before or the new one, either of which is complete. Only the process that has the run
 * may, before what is half-written is removed.
 */
export async function restoreBest(run: string): Promise<void> {
  const folder = path.join(run, runFolders.best);
  if (await exists(folder)) return;
  for (const name of (await readdir(run)).filter((one) => isStagingName(one) && one.startsWith(`.${runFolders.best}.`))) {
    // One that is not complete is none.
    const record = await readBest(path.join(run, name)).catch(() => undefined);
    if (record !== undefined) return rename(path.join(run, name), folder);
  }
}

/**
 * Brings the best of a run that is resumed into order. What inputs of before had led to is kept apart, since its loss cannot be compared any more; a best adapter that is
 * not there any more does not count, and one that is damaged is put aside.
 *
 * @param from - where the run goes on; `undefined` for the start.
 * @param changes - how often changed inputs have been accepted, just now included.
 * @param notice - is told what was done.
 * @returns the progress to go on with.
 * @throws BackendError if the file system refuses; FormatError if a file may not be read.
 */
export async function settleBest(
  run: string,
  from: { readonly step: number; readonly progress: RunProgress } | undefined,
  changes: number,
  notice: (line: string) => void,
): Promise<RunProgress | undefined> {
  const folder = path.join(run, runFolders.best);
  const best = from?.progress.best;
  const isMissing = !(await exists(folder));
  const record = isMissing ? undefined : await readBestOrPutAside(folder, changes, best, notice);
  if (record !== undefined && (record.changes ?? 0) !== changes) {
    const aside = await freeName(`${folder}-until-step-${from?.step ?? record.step}`);
    await move(folder, aside);
    notice(`the best adapter of before is kept as ${aside}; the next evaluation begins a new best`);
  }
  if (from === undefined) return undefined;
  const { progress } = from;
  if ((progress.changes ?? 0) !== changes) return withoutBest(progress, changes);
  if (best === undefined || record !== undefined) return progress;
  if (isMissing)
    notice(`warning: the best adapter, of step ${best.step}, is not in ${folder} any more; the next evaluation begins a new best`);
  return withoutBest(progress, changes);
}

function withoutBest({ seconds, tokens, loss }: RunProgress, changes: number): RunProgress {
  return { seconds, tokens, evaluationsSinceBest: 0, ...(loss === undefined ? {} : { loss }), ...(changes === 0 ? {} : { changes }) };
}

/** The record of the best adapter; `undefined` where it was damaged, and is put aside now. */
async function readBestOrPutAside(
  folder: string,
  changes: number,
  best: RunProgress['best'],
  notice: (line: string) => void,
): Promise<BestRecord | undefined> {
  try {
    const record = await readBest(folder);
    // A later one is of an evaluation after the checkpoint, which will happen again.
    const isOfRun = best === undefined || record.step > best.step || (record.step === best.step && record.loss === best.loss);
    if ((record.changes ?? 0) === changes && !isOfRun)
      throw new FormatError(`resume: ${path.join(folder, recordFile)} is not the record of the best adapter, of step ${best.step}`);
    return record;
  } catch (error) {
    if (!(error instanceof FormatError) || isForbidden(error.cause)) throw error;
    const aside = folder + damagedEnd;
    await rm(aside, { recursive: true, force: true });
    await move(folder, aside);
    notice(
      `warning: ${folder} is damaged (${problemOf(error.message)}); it is kept as ${path.basename(aside)}, and the next evaluation begins a new best`,
    );
    return undefined;
  }
}

async function move(folder: string, aside: string): Promise<void> {
  await rename(folder, aside).catch((cause) => {
    throw writeError('resume', folder, cause);
  });
}

/** Reads the record, and holds the files against their checksums. @throws FormatError if a file is missing, malformed or not as it was written. */
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

/** A name that nothing has. */
async function freeName(wanted: string): Promise<string> {
  let name = wanted;
  for (let count = 2; await exists(name); count++) name = `${wanted}.${count}`;
  return name;
}
