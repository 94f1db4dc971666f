/** The folder of the best adapter, and the record of it. */
import { rename } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { writeError } from '../../core/write-error.js';
import { type LoraAdapter, type SavedAdapter, saveAdapter } from '../../lora/index.js';
import { exists } from '../adapter/adapter-folder.js';
import type { RunProgress } from './checkpoint.js';
import { runFolders } from './run-layout.js';

/** Which adapter is the best. */
interface BestRecord {
  readonly step: number;
  readonly loss: number;
  /** How often changed inputs had been accepted; none where they never were. */
  readonly changes?: number;
}

const recordFile = 'best.json';

/** Saves the best adapter, in the place of the one before, and says what {@link saveAdapter} says. @throws BackendError if the file system refuses. */
export async function writeBest(run: string, adapter: LoraAdapter, baseModel: string, record: BestRecord): Promise<SavedAdapter> {
  const folder = path.join(run, runFolders.best);
  const saved = await saveAdapter(adapter, folder, { baseModel });
  await writeAtomic(path.join(folder, recordFile), `${JSON.stringify(record)}\n`);
  return saved;
}

/**
 * Brings the best of a run that is resumed into order. What inputs of before had led to is kept apart, since its loss cannot be compared any more; a best adapter that is
 * not there any more does not count.
 *
 * @param from - where the run goes on; `undefined` for the start.
 * @param changes - how often changed inputs have been accepted, just now included.
 * @param notice - is told what was done.
 * @returns the progress to go on with.
 * @throws FormatError if the record is damaged; BackendError if the file system refuses.
 */
export async function settleBest(
  run: string,
  from: { readonly step: number; readonly progress: RunProgress } | undefined,
  changes: number,
  notice: (line: string) => void,
): Promise<RunProgress | undefined> {
  const folder = path.join(run, runFolders.best);
  const record = await readRecord(folder);
  const isOld = record !== undefined && (record.changes ?? 0) !== changes;
  if (isOld) {
    const aside = await freeName(`${folder}-until-step-${from?.step ?? record.step}`);
    await rename(folder, aside).catch((cause) => {
      throw writeError('resume', folder, cause);
    });
    notice(`the best adapter of before is kept as ${aside}; the next evaluation begins a new best`);
  }
  if (from === undefined) return undefined;
  const { progress } = from;
  const { best } = progress;
  if ((progress.changes ?? 0) !== changes) return withoutBest(progress, changes);
  if (best === undefined) return progress;
  if (record === undefined) {
    notice(`warning: the best adapter, of step ${best.step}, is not in ${folder} any more; the next evaluation begins a new best`);
    return withoutBest(progress, changes);
  }
  // A later one is of an evaluation after the checkpoint, which will happen again.
  if (record.step < best.step || (record.step === best.step && record.loss !== best.loss)) throw damaged(folder);
  return progress;
}

function withoutBest({ seconds, tokens, loss }: RunProgress, changes: number): RunProgress {
  return { seconds, tokens, evaluationsSinceBest: 0, ...(loss === undefined ? {} : { loss }), ...(changes === 0 ? {} : { changes }) };
}

async function readRecord(folder: string): Promise<BestRecord | undefined> {
  const file = path.join(folder, recordFile);
  if (!(await exists(file))) return undefined;
  const content = await readJson('resume', file).catch((error: Error) => error);
  if (isJsonObject(content)) {
    const { step, loss, changes = 0 } = content;
    if (Number.isSafeInteger(step) && typeof loss === 'number' && Number.isSafeInteger(changes)) return content as unknown as BestRecord;
  }
  throw damaged(folder, content instanceof Error ? content : undefined);
}

function damaged(folder: string, cause?: Error): FormatError {
  return new FormatError(
    `resume: ${path.join(folder, recordFile)} must hold the step and the loss of the best adapter, it is damaged; remove ${folder}, and the next evaluation begins a new best`,
    { cause },
  );
}

/** A name that nothing has. */
async function freeName(wanted: string): Promise<string> {
  let name = wanted;
  for (let count = 2; await exists(name); count++) name = `${wanted}.${count}`;
  return name;
}
