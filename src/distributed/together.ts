/** Work that succeeds in all processes, or fails in all of them with one error. */
import type { Awaitable } from '../core/awaitable.js';
import {
  BackendError,
  type BuresError,
  ConfigError,
  DomainError,
  FormatError,
  NotImplementedError,
  NumericalError,
  ShapeError,
} from '../core/errors.js';
import type { Communicator } from './communicator.js';

const classes = { BackendError, ConfigError, DomainError, FormatError, NotImplementedError, NumericalError, ShapeError };

/** Errors that all processes have thrown. */
const shared = new WeakSet<Error>();

/** What a process brings: a result, and numbers that are summed over the processes. */
export interface Contribution<Result> {
  readonly value: Result;
  readonly numbers: readonly number[];
}

/**
 * Runs work in every process. If it fails in any, it fails in all: with its own error where it failed, elsewhere with
 * the error of the first process where it did, of the same class and with the name of that process. No process then
 * waits for one that has given up.
 *
 * @param work - it may not call the communicator, since others may have left it by an error.
 * @returns what the work gave in this process.
 * @throws the error of the work; errors of the communication.
 */
export async function together<Result>(communicator: Communicator, work: () => Awaitable<Result>): Promise<Result> {
  return (await summedTogether(communicator, 0, async () => ({ value: await work(), numbers: [] }))).value;
}

/**
 * Returns true if an error, or one that led to it, has been thrown in all processes, so that one of them can report it
 * for all.
 */
export function failedTogether(error: unknown): boolean {
  return error instanceof Error && (shared.has(error) || failedTogether(error.cause));
}

/**
 * Runs work as {@link together} does, and sums numbers over the processes in the same call.
 *
 * @param count - how many numbers the work gives, the same in every process.
 */
export async function summedTogether<Result>(
  communicator: Communicator,
  count: number,
  work: () => Awaitable<Contribution<Result>>,
): Promise<Contribution<Result>> {
  let outcome: Contribution<Result> | undefined;
  let failure: unknown;
  try {
    outcome = await work();
  } catch (error) {
    failure = error;
  }
  const sums = new Float64Array(1 + count);
  if (outcome === undefined) sums[0] = 1;
  else sums.set(outcome.numbers, 1);
  await communicator.sum(sums);
  if (sums[0] > 0) throw await agreedError(communicator, outcome === undefined, failure);
  return { value: (outcome as Contribution<Result>).value, numbers: Array.from(sums.subarray(1)) };
}

/** Tells the processes of their errors, and returns the one to throw here. */
async function agreedError(communicator: Communicator, failed: boolean, failure: unknown): Promise<Error> {
  const own = failure instanceof Error ? failure : new Error(String(failure));
  const text = failed ? JSON.stringify({ name: own.name, message: own.message }) : '';
  const told = await communicator.gather(new TextEncoder().encode(text));
  const rank = told.findIndex((bytes) => bytes.length > 0);
  const error = failed ? own : remoteError(communicator.names[rank], new TextDecoder().decode(told[rank]));
  shared.add(error);
  return error;
}

/** Makes an error of the class that another process has thrown. */
function remoteError(where: string, told: string): BuresError {
  const { name, message } = JSON.parse(told) as { readonly name: string; readonly message: string };
  const make = Object.hasOwn(classes, name) ? classes[name as keyof typeof classes] : BackendError;
  return new make(`${where}: ${message}`);
}
