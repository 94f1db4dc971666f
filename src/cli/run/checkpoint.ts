/** Checkpoints: an adapter in PEFT's format beside all that training needs to go on from there bit for bit. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '../../core/errors.js';
import { isJsonObject, readJson } from '../../core/parse-json.js';
import { writeFolder } from '../../core/staging.js';
import { writeAtomic } from '../../core/write-atomic.js';
import { type LoraAdapter, type SavedArray, saveAdapter, type TrainingState } from '../../lora/index.js';
import { openSafetensors, type TensorData, writeSafetensors } from '../../models/index.js';
import { exists } from '../adapter/adapter-folder.js';
import { checkpointFolder, checkpointFolders, stepOfFolder } from './run-layout.js';

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
}

/** A checkpoint, read. */
export interface Checkpoint {
  readonly state: TrainingState;
  readonly progress: RunProgress;
}

const stateFiles = { arrays: 'training_state.safetensors', numbers: 'training_state.json' } as const;

/**
 * Writes a checkpoint. It takes its place complete, by one renaming.
 *
 * @param run - the folder of the run.
 * @throws BackendError if the file system refuses; earlier checkpoints are untouched then, and nothing is left of this one.
 */
export async function writeCheckpoint(
  run: string,
  adapter: LoraAdapter,
  baseModel: string,
  { state, progress }: Checkpoint,
): Promise<string> {
  const folder = checkpointFolder(run, state.step);
  if (await exists(folder)) return folder;
  await writeFolder('checkpoint', folder, async (staging) => {
    await saveAdapter(adapter, staging, { baseModel });
    await writeSafetensors(path.join(staging, stateFiles.arrays), toTensors(state.arrays), { metadata: {} });
    const { step, learningRate, numbers } = state;
    await writeAtomic(path.join(staging, stateFiles.numbers), `${JSON.stringify({ step, learningRate, numbers, progress }, null, 2)}\n`);
  });
  return folder;
}

function toTensors(arrays: TrainingState['arrays']): ReadonlyMap<string, TensorData> {
  return new Map(Object.entries(arrays).map(([name, { shape, data }]) => [name, { dtype: 'F32', shape, data }]));
}

/**
 * Reads a checkpoint.
 *
 * @throws FormatError if a file is missing or malformed.
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const file = path.join(folder, stateFiles.numbers);
  const content = await readJson('resume', file);
  if (!isState(content)) {
    throw new FormatError(`resume: ${file} is not the state of a training; remove ${folder} to resume from the checkpoint before it`);
  }
  const { step, learningRate, numbers, progress } = content;
  return { state: { step, learningRate, numbers, arrays: await readArrays(path.join(folder, stateFiles.arrays)) }, progress };
}

function isState(content: unknown): content is Omit<TrainingState, 'arrays'> & { readonly progress: RunProgress } {
  if (!isJsonObject(content) || !isJsonObject(content.numbers) || !isJsonObject(content.progress)) return false;
  const { seconds, tokens, evaluationsSinceBest, best, loss } = content.progress;
  const bestNumbers = isJsonObject(best) ? [best.step, best.loss] : [];
  return (
    (best === undefined || isJsonObject(best)) &&
    Number.isSafeInteger(content.step) &&
    Object.values(content.numbers).every((value) => typeof value === 'number') &&
    [content.learningRate, seconds, tokens, evaluationsSinceBest, loss ?? 0, ...bestNumbers].every((value) => typeof value === 'number')
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

/** Removes all but the latest checkpoints. */
export async function removeOldCheckpoints(run: string, keep: number): Promise<void> {
  for (const folder of (await checkpointFolders(run)).slice(0, -keep)) await rm(folder, { recursive: true, force: true });
}

/** The latest checkpoint of a run and its step. */
export async function latestCheckpoint(run: string): Promise<{ readonly folder: string; readonly step: number } | undefined> {
  const folder = (await checkpointFolders(run)).at(-1);
  return folder === undefined ? undefined : { folder, step: stepOfFolder(folder) ?? 0 };
}
