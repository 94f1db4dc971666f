/** The form of a training's saved state, and what must be true of it. */
import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';

/** A saved array. */
export interface SavedArray {
  /** The sizes of its axes. */
  readonly shape: readonly number[];
  /** Its entries, row by row. */
  readonly data: Float32Array;
}

/** State of a training run after a whole number of steps. Data and dropout are drawn by the number of the step. */
export interface TrainingState {
  /** Number of steps taken. */
  readonly step: number;
  /** The learning rate of the last step; absent before the first. */
  readonly learningRate?: number | undefined;
  /**
   * Arrays by dotted path: the trained arrays `point.…`, the optimizer's memory `memory.part.name.…`, and the factors
   * that the start took out of the base, `taken.…`.
   */
  readonly arrays: Readonly<Record<string, SavedArray>>;
  /** Numbers in the optimizer's memory, by `part.name`. */
  readonly numbers: Readonly<Record<string, number>>;
  /**
   * What must be the same where it goes on, by the names of options: the method and its parts, α, dropout. Absent in
   * states of earlier versions, which are not compared.
   */
  readonly configuration?: Readonly<Record<string, string>> | undefined;
  /** The shapes of all arrays, and [] for each number, by their names: none may be lost. Absent as above. */
  readonly contents?: Readonly<Record<string, readonly number[]>> | undefined;
}

/** @throws FormatError, in the caller's name, unless the state has the form that `LoraTrainer.state` returns. */
export function checkSavedState(caller: string, state: TrainingState): void {
  const refuse = (what: string, expected: string, got: unknown): never => {
    throw new FormatError(`${caller}: ${what} must be ${expected}, got ${describeValue(got)}; pass what LoraTrainer.state() gave`);
  };
  if (typeof state !== 'object' || state === null) refuse('state', 'a saved state', state);
  const { step, arrays, numbers } = state;
  if (!(Number.isSafeInteger(step) && step >= 0)) refuse('state.step', 'a count of steps', step);
  if (typeof arrays !== 'object' || arrays === null) refuse('state.arrays', 'a record of arrays', arrays);
  if (typeof numbers !== 'object' || numbers === null) refuse('state.numbers', 'a record of numbers', numbers);
  for (const [path, array] of Object.entries(arrays)) {
    if (!isSavedArray(array)) refuse(`state.arrays['${path}']`, '{ shape, data } with as many numbers in a Float32Array', array);
  }
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value)) refuse(`state.numbers['${name}']`, 'a finite number', value);
  }
  const wrong = wrongContents(state);
  if (wrong !== undefined) throw new FormatError(`${caller}: the state ${wrong}; pass what LoraTrainer.state() gave, whole`);
}

/** The shapes of a state's arrays, and [] for each of its numbers, by their names. */
export function contentsOf({ arrays, numbers }: Pick<TrainingState, 'arrays' | 'numbers'>): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries([
    ...Object.entries(arrays).map(([name, { shape }]) => [name, shape] as const),
    ...Object.keys(numbers).map((name) => [name, []] as const),
  ]);
}

/**
 * Says in which part a state is not what it was when it was saved; `undefined` if nothing is lost, added or changed.
 */
export function wrongContents(state: TrainingState): string | undefined {
  const { contents } = state;
  if (contents === undefined) return undefined;
  const found = contentsOf(state);
  for (const [name, shape] of Object.entries(contents)) {
    if (found[name] === undefined) return `lacks '${name}', which it had when it was saved`;
    if (found[name].join() !== shape.join()) return `has '${name}' of shape [${found[name]}], which was [${shape}] when it was saved`;
  }
  const more = Object.keys(found).find((name) => contents[name] === undefined);
  return more === undefined ? undefined : `has '${more}', which it had not when it was saved`;
}

function isSavedArray(array: SavedArray): boolean {
  const { shape, data } = (array ?? {}) as Partial<SavedArray>;
  return Array.isArray(shape) && data instanceof Float32Array && data.length === shape.reduce((product: number, size) => product * size, 1);
}
