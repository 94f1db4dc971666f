import { FormatError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { SavedArray, TrainingState } from './training-state.js';

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
}

function isSavedArray(array: SavedArray): boolean {
  const { shape, data } = (array ?? {}) as Partial<SavedArray>;
  return Array.isArray(shape) && data instanceof Float32Array && data.length === shape.reduce((product: number, size) => product * size, 1);
}
