/** A training's state in files: what a program, a page or the command resumes from, bit for bit. */
import { callerOption, givenCaller } from '../../core/caller-option.js';
import { ConfigError, FormatError } from '../../core/errors.js';
import { checkJson } from '../../core/json-value.js';
import { declareOptions, describeValue, option } from '../../core/options.js';
import type { Files } from '../../io/files/files.js';
import { filesOption } from '../../io/files/files-option.js';
import { writeAll } from '../../io/files/staging-files.js';
import { isJsonObject, readJson } from '../../io/parse-json.js';
import { openSafetensors } from '../../io/safetensors/open-safetensors.js';
import type { TensorData } from '../../io/safetensors/serialize-tensors.js';
import { safetensorsContent } from '../../io/safetensors/write-safetensors.js';
import type { SavedArray, TrainingState } from './saved-state.js';
import { checkSavedState, wrongContents } from './saved-state.js';

/** Options of {@link saveTrainingState}. */
export interface SaveTrainingStateOptions {
  /**
   * What else a program has to know to go on, as a value that JSON can hold: the `state()` of its batch stream, the
   * losses so far. Default: nothing.
   */
  readonly progress?: unknown;
  /** Where to write. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
}

/** Options of {@link loadTrainingState}. */
export interface LoadTrainingStateOptions {
  /** Where the state lies. Default: `nodeFiles`, the files of this machine. */
  readonly files?: Files;
  /** Name of the function or command that errors name. Default: `'loadTrainingState'`. */
  readonly caller?: string;
}

/** A saved training. */
export interface SavedTraining {
  /** The state, for the trainer's option `state`. */
  readonly state: TrainingState;
  /** What the program saved with it; `undefined` if nothing. */
  readonly progress: unknown;
}

const saveOptions = declareOptions<SaveTrainingStateOptions>()({ progress: option({ optional: true }), files: filesOption });
const loadOptions = declareOptions<LoadTrainingStateOptions>()({ files: filesOption, caller: callerOption });

/** Names of the files of a training's state in its folder. */
export const trainingStateFiles = {
  /** The arrays of the state, in safetensors format. */
  arrays: 'training_state.safetensors',
  /** Its numbers, and the program's own progress. */
  numbers: 'training_state.json',
} as const;

/**
 * Version of the files. Of version 2, the command's have checksums; from 3 on, the arrays name their step; from 4 on,
 * the numbers name the configuration, and all that the state holds.
 */
const version = 4;

/**
 * Saves what `LoraTrainer.state` returned: the arrays in safetensors format, the numbers and the program's own progress
 * as JSON. Write the adapter itself beside it by {@link saveAdapter}, for those who only use it.
 *
 * @param folder - the folder, created if missing. On this machine both files are put in place at once; elsewhere the
 * JSON comes last, and a state whose files are of different steps is refused when it is read.
 * @throws FormatError if this is no state of a trainer, or one that lacks a part; ConfigError for a progress that JSON
 * cannot hold as it is; BackendError if the file system refuses.
 */
export async function saveTrainingState(folder: string, state: TrainingState, options: SaveTrainingStateOptions = {}): Promise<void> {
  const caller = 'saveTrainingState';
  const { progress, files } = saveOptions.read(caller, options);
  if (typeof folder !== 'string') throw new ConfigError(`${caller}: folder must be a path, got ${describeValue(folder)}; name a folder`);
  checkSavedState(caller, state);
  checkJson(caller, 'progress', progress);
  const { step, learningRate, numbers, configuration, contents: held } = state;
  const arrays = new Map<string, TensorData>(
    Object.entries(state.arrays).map(([name, { shape, data }]) => [name, { dtype: 'F32', shape, data }]),
  );
  const content = { version, step, learningRate, numbers, configuration, contents: held, progress };
  const contents = new Map([
    [files.join(folder, trainingStateFiles.arrays), safetensorsContent(caller, arrays, { step: String(step) })],
    [files.join(folder, trainingStateFiles.numbers), `${JSON.stringify(content, null, 2)}\n`],
  ]);
  await writeAll(files, contents, { caller });
}

/**
 * Loads the state of a training, for the option `state` of {@link trainer}: `trainer(adapter, { …, state })`, on an
 * adapter created in the same way.
 *
 * @throws FormatError, naming the file, if one is missing, malformed, of a later version, or of another step or another
 * training than the other.
 */
export async function loadTrainingState(folder: string, options: LoadTrainingStateOptions = {}): Promise<SavedTraining> {
  const { files, caller = 'loadTrainingState' } = loadOptions.read(givenCaller('loadTrainingState', options), options);
  const file = files.join(folder, trainingStateFiles.numbers);
  const content = await readJson(caller, file, files);
  if (!isNumbers(content)) throw new FormatError(`${caller}: ${file} does not hold the state of a training; save it again`);
  const { version: written = 1, progress, ...rest } = content;
  if (!Number.isSafeInteger(written) || written < 1 || written > version)
    throw new FormatError(
      `${caller}: ${file} must be of a version from 1 to ${version}, got ${describeValue(written)}; load it with the bures that wrote it, or a later one`,
    );
  const place = files.join(folder, trainingStateFiles.arrays);
  const { step, learningRate, numbers, configuration, contents } = rest;
  const state: TrainingState = {
    step,
    ...(learningRate === undefined ? {} : { learningRate }),
    numbers,
    arrays: await readArrays(caller, files, place, step),
    ...(configuration === undefined ? {} : { configuration }),
    ...(contents === undefined ? {} : { contents }),
  };
  const wrong = wrongContents(state);
  if (wrong !== undefined)
    throw new FormatError(
      `${caller}: ${place} and ${trainingStateFiles.numbers} beside it are not of one state, which ${wrong}; restore both from one copy`,
    );
  return { state, progress };
}

type Numbers = Omit<TrainingState, 'arrays'> & { readonly version?: number; readonly progress?: unknown };

function isNumbers(content: unknown): content is Numbers {
  if (!isJsonObject(content) || !isJsonObject(content.numbers)) return false;
  const { step, learningRate = 0, numbers, configuration = {}, contents = {} } = content;
  return (
    isJsonObject(configuration) &&
    isJsonObject(contents) &&
    Object.values(contents).every((shape) => Array.isArray(shape)) &&
    Number.isSafeInteger(step) &&
    (step as number) >= 0 &&
    typeof learningRate === 'number' &&
    Object.values(numbers).every((value) => typeof value === 'number')
  );
}

async function readArrays(caller: string, files: Files, file: string, step: number): Promise<Readonly<Record<string, SavedArray>>> {
  const store = await openSafetensors(file, { files, caller });
  try {
    const { step: own = String(step) } = store.metadata;
    if (own !== String(step)) {
      throw new FormatError(
        `${caller}: ${file} is of step ${own}, and ${trainingStateFiles.numbers} beside it of step ${step}; restore both from one copy, or resume from an earlier state`,
      );
    }
    const arrays: [string, SavedArray][] = [];
    for (const [name, { shape }] of store.entries) {
      const data = await store.read(name);
      if (!(data instanceof Float32Array))
        throw new FormatError(`${caller}: ${file}: '${name}' must hold F32 numbers; save the state again`);
      arrays.push([name, { shape, data }]);
    }
    return Object.fromEntries(arrays);
  } finally {
    await store.close();
  }
}
