/** Checkpoints: an adapter in PEFT's format, and the state from which training continues bit for bit. */

import { ConfigError, FormatError } from '../../core/errors.js';
import { checksumFile, verifyChecksums } from '../../io/files/checksums.node.js';
import { exists, makeOneFolder, remove } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { replaceFolder } from '../../io/files/replace-folder.node.js';
import { writeError } from '../../io/files/write-error.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import {
  type AdapterCard,
  type LoraAdapter,
  loadTrainingState,
  type SavedAdapter,
  saveAdapter,
  saveTrainingState,
  type TrainingState,
  trainingStateFiles,
} from '../../lora/index.js';
import { checkpointFolder, checkpointFolders, damagedFolders, stepOfFolder } from './run-layout.js';

/** Progress of a run, besides the state of its trainer. */
export interface RunProgress {
  /** Training time so far, in seconds. */
  readonly seconds: number;
  /** Number of tokens trained on so far. */
  readonly tokens: number;
  /** The least validation loss and its step; absent before the first evaluation. */
  readonly best?: { readonly step: number; readonly loss: number };
  /** Number of evaluations since the best one. */
  readonly evaluationsSinceBest: number;
  /** Training loss of the last step; absent before the first. */
  readonly loss?: number;
  /** Number of times changed inputs had been accepted; absent if never. An earlier best does not count afterwards. */
  readonly changes?: number;
}

/** A checkpoint that has been read. */
export interface Checkpoint {
  readonly state: TrainingState;
  readonly progress: RunProgress;
}

/** From this version of the state's files on, a checkpoint has checksums. */
const versionWithChecksums = 2;

/**
 * Writes a checkpoint. A single rename puts the complete folder in place, where it replaces an earlier one.
 *
 * @param run - folder of the run, which must exist.
 * @returns the result of {@link saveAdapter}.
 * @throws BackendError if the file system refuses. Earlier checkpoints are then untouched, and nothing of this one
 * stays.
 */
export async function writeCheckpoint(
  run: string,
  adapter: LoraAdapter,
  { baseModel, card }: { readonly baseModel: string; readonly card: AdapterCard },
  { state, progress }: Checkpoint,
): Promise<SavedAdapter> {
  const folder = checkpointFolder(run, state.step);
  // Folders above it are not created: a run that was removed must not reappear in parts.
  await makeOneFolder(path.dirname(folder)).catch((cause) => {
    if (cause.code !== 'EEXIST') throw writeError('checkpoint', folder, cause);
  });
  return replaceFolder('checkpoint', folder, async (staging) => {
    const saved = await saveAdapter(adapter, staging, { baseModel, card });
    await saveTrainingState(staging, state, { progress });
    return saved;
  });
}

/**
 * Reads a checkpoint, and verifies it against its checksums.
 *
 * @throws FormatError if a file is missing, malformed or changed; ConfigError if its state is of another step than its
 * folder.
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const file = path.join(folder, trainingStateFiles.numbers);
  const remedy = `remove ${folder} to resume from the checkpoint before it`;
  const head = await readJson('resume', file);
  if (!isHead(head)) throw new FormatError(`resume: ${file} does not hold the state of a training; ${remedy}`);
  const { version = 1, step, progress } = head;
  const expected = stepOfFolder(folder) ?? step;
  if (step !== expected) {
    throw new ConfigError(
      `resume: expected the training state of step ${expected} in ${file}, got that of step ${step}; put it into the folder of its step, or ${remedy}`,
    );
  }
  if (version >= versionWithChecksums || (await exists(path.join(folder, checksumFile)))) await verifyChecksums('resume', folder);
  const { state } = await loadTrainingState(folder, { caller: 'resume' }).catch((error: unknown) => {
    if (!(error instanceof FormatError)) throw error;
    throw new FormatError(`${error.message.replace(/; [^;]*$/, '')}; ${remedy}`, { cause: error.cause });
  });
  // The run's own record tells what has changed since, of which some may be accepted.
  const { configuration: _, ...rest } = state;
  return { state: rest, progress };
}

/** What is read of a checkpoint before its files are compared with their checksums. */
interface CheckpointHead {
  readonly version?: number;
  readonly step: number;
  readonly progress: RunProgress;
}

function isHead(head: unknown): head is CheckpointHead {
  return isJsonObject(head) && Number.isSafeInteger(head.step) && typeof (head.version ?? 1) === 'number' && isProgress(head.progress);
}

function isProgress(progress: unknown): progress is RunProgress {
  if (!isJsonObject(progress)) return false;
  const { seconds, tokens, evaluationsSinceBest, best, loss, changes } = progress;
  if (best !== undefined && !isJsonObject(best)) return false;
  const bestNumbers = best === undefined ? [] : [best.step, best.loss];
  return [seconds, tokens, evaluationsSinceBest, loss ?? 0, changes ?? 0, ...bestNumbers].every((value) => typeof value === 'number');
}

/** Removes all but the latest checkpoints, and the damaged ones up to the latest step. */
export async function removeOldCheckpoints(run: string, keep: number): Promise<void> {
  const folders = await checkpointFolders(run);
  const reached = stepOfFolder(folders.at(-1) ?? '') ?? -1;
  const damaged = (await damagedFolders(run)).filter(({ step }) => step <= reached).map(({ folder }) => folder);
  for (const folder of [...folders.slice(0, -keep), ...damaged]) await remove(folder);
}

/** Returns the folder of the latest checkpoint of a run; `undefined` if there is none. */
export async function latestCheckpoint(run: string): Promise<string | undefined> {
  return (await checkpointFolders(run)).at(-1);
}
