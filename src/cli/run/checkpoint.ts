/** Checkpoints: an adapter in PEFT's format beside all that training needs to go on from there bit for bit. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, FormatError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { writeError } from '../../core/write-error.js';
import { type LoraAdapter, type SavedAdapter, type SavedArray, saveAdapter, type TrainingState } from '../../lora/index.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../../models/index.js';
import { exists } from '../adapter/adapter-folder.js';
import { checksumFile, verifyChecksums } from './checksums.js';
import { replaceFolder } from './replace-folder.js';
import { checkpointFolder, checkpointFolders, damagedFolders, stepOfFolder } from './run-layout.js';

/** Where a run is, besides the state of its trainer. */
export interface RunProgress {
  /** Seconds of training so far. */
  readonly seconds: number;
  /** Tokens trained on so far. */
  readonly tokens: number;
  /** The least validation loss, and its step; none before the first evaluation. */
  readonly best?: { readonly step: number; readonly loss: number };
  /** Evaluations since then. */
  readonly evaluationsSinceBest: number;
  /** Training loss of the last step; none before the first. */
  readonly loss?: number;
  /** How often changed inputs had been accepted; none where they never were. The best of before does not count after that. */
  readonly changes?: number;
}

/** A checkpoint, read. */
export interface Checkpoint {
  readonly state: TrainingState;
  readonly progress: RunProgress;
}

const stateFiles = { arrays: 'training_state.safetensors', numbers: 'training_state.json' } as const;

/** Of the state's file. From 2 on a checkpoint has checksums. */
const stateVersion = 2;

/**
 * Writes a checkpoint. It takes its place complete, by one renaming, and replaces what is in that place.
 *
 * @param run - the folder of the run, which must be there.
 * @returns what {@link saveAdapter} says of the adapter.
 * @throws BackendError if the file system refuses; earlier checkpoints are untouched then, and nothing is left of this one.
 */
export async function writeCheckpoint(
  run: string,
  adapter: LoraAdapter,
  baseModel: string,
  { state, progress }: Checkpoint,
): Promise<SavedAdapter> {
  const folder = checkpointFolder(run, state.step);
  // Not the folders above it: a run that was removed is not begun again by its parts.
  await mkdir(path.dirname(folder)).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EEXIST') throw writeError('checkpoint', folder, cause);
  });
  return replaceFolder('checkpoint', folder, async (staging) => {
    const saved = await saveAdapter(adapter, staging, { baseModel });
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
 * Reads a checkpoint, and holds it against its checksums.
 *
 * @throws FormatError if a file is missing, malformed or not as it was written; ConfigError if it is the state of another step than its folder says.
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const file = path.join(folder, stateFiles.numbers);
  const content = await readJson('resume', file);
  if (!isState(content)) {
    throw new FormatError(`resume: ${file} is not the state of a training; remove ${folder} to resume from the checkpoint before it`);
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

/** Removes all but the latest checkpoints, and the damaged ones that a checkpoint has come to take the place of. */
export async function removeOldCheckpoints(run: string, keep: number): Promise<void> {
  const folders = await checkpointFolders(run);
  const reached = stepOfFolder(folders.at(-1) ?? '') ?? -1;
  const damaged = (await damagedFolders(run)).filter(({ step }) => step <= reached).map(({ folder }) => folder);
  for (const folder of [...folders.slice(0, -keep), ...damaged]) await rm(folder, { recursive: true, force: true });
}

/** The folder of the latest checkpoint of a run. */
export async function latestCheckpoint(run: string): Promise<string | undefined> {
  return (await checkpointFolders(run)).at(-1);
}
