/** Checkpoints: an adapter in PEFT's format, and the state from which training continues bit for bit. */

import { ConfigError, FormatError } from '../../core/errors.js';
import { checksumFile, verifyChecksums } from '../../io/files/checksums.node.js';
import { exists, makeOneFolder, remove } from '../../io/files/entries.node.js';
import { path } from '../../io/files/path.node.js';
import { replaceFolder } from '../../io/files/replace-folder.node.js';
import { writeAtomic } from '../../io/files/write-atomic.node.js';
import { writeError } from '../../io/files/write-error.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../../io/index.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import {
  type AdapterCard,
  type LoraAdapter,
  type SavedAdapter,
  type SavedArray,
  saveAdapter,
  type TrainingState,
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

const stateFiles = { arrays: 'training_state.safetensors', numbers: 'training_state.json' } as const;

/** Version of the state file. From version 2 on, a checkpoint has checksums. */
const stateVersion = 2;

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
    await writeSafetensors(path.join(staging, stateFiles.arrays), toTensors(state.arrays), { metadata: {} });
    const { step, learningRate, numbers } = state;
    const content = { version: stateVersion, step, learningRate, numbers, progress };
    await writeAtomic(path.join(staging, stateFiles.numbers), `${JSON.stringify(content, null, 2)}\n`);
    return saved;
  });
}

function toTensors(arrays: TrainingState['arrays']): ReadonlyMap<string, TensorData> {
  return new Map(Object.entries(arrays).map(([name, { shape, data }]) => [name, { dtype: 'F32', shape, data }]));
}

/**
 * Reads a checkpoint, and verifies it against its checksums.
 *
 * @throws FormatError if a file is missing, malformed or changed; ConfigError if its state is of another step than its
 * folder.
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const file = path.join(folder, stateFiles.numbers);
  const content = await readJson('resume', file);
  if (!isState(content)) {
    throw new FormatError(
      `resume: ${file} does not hold the state of a training; remove ${folder} to resume from the checkpoint before it`,
    );
  }
  const { version = 1, step, learningRate, numbers, progress } = content;
  const expected = stepOfFolder(folder) ?? step;
  if (step !== expected) {
    throw new ConfigError(
      `resume: expected the training state of step ${expected} in ${file}, got that of step ${step}; put it into the folder of its step, or remove ${folder} to resume from the checkpoint before it`,
    );
  }
  if (version >= stateVersion || (await exists(path.join(folder, checksumFile)))) await verifyChecksums('resume', folder);
  return { state: { step, learningRate, numbers, arrays: await readArrays(path.join(folder, stateFiles.arrays)) }, progress };
}

type StateContent = Omit<TrainingState, 'arrays'> & { readonly version?: number; readonly progress: RunProgress };

function isState(content: unknown): content is StateContent {
  if (!isJsonObject(content) || !isJsonObject(content.numbers) || !isJsonObject(content.progress)) return false;
  const { seconds, tokens, evaluationsSinceBest, best, loss, changes } = content.progress;
  const bestNumbers = isJsonObject(best) ? [best.step, best.loss] : [];
  return (
    (best === undefined || isJsonObject(best)) &&
    Number.isSafeInteger(content.step) &&
    Object.values(content.numbers).every((value) => typeof value === 'number') &&
    [content.version ?? 1, content.learningRate, seconds, tokens, evaluationsSinceBest, loss ?? 0, changes ?? 0, ...bestNumbers].every(
      (value) => typeof value === 'number',
    )
  );
}

async function readArrays(file: string): Promise<Readonly<Record<string, SavedArray>>> {
  const store = await openSafetensors(file);
  try {
    const arrays: [string, SavedArray][] = [];
    for (const [name, { shape }] of store.entries) {
      const data = await store.read(name);
      if (!(data instanceof Float32Array))
        throw new FormatError(`resume: ${file}: '${name}' must hold F32 numbers; remove that checkpoint`);
      arrays.push([name, { shape, data }]);
    }
    return Object.fromEntries(arrays);
  } finally {
    await store.close();
  }
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
