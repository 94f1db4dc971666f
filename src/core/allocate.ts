/** Checks that memory which a file or an option asks for is available, before it is allocated. */
import { runtime } from '#platform/core/runtime';
import { BackendError } from './errors.js';

let sharing = 1;

/** Says that several processes of this machine do one work: each takes an equal part of the memory for its own. */
export function shareMemory(processes: number): void {
  sharing = processes;
}

/** Returns the number of processes that share this machine's memory: see {@link shareMemory}. */
export function memorySharing(): number {
  return sharing;
}

/**
 * Returns the bytes this process can still allocate, within its container if it has one, else on the machine: its part
 * where processes share them. Infinite in a page, where nobody knows.
 */
export function availableBytes(): number {
  return runtime.availableBytes() / sharing;
}

/** A request for memory, with the words its error message needs. */
export interface Allocation {
  /** The function, command or file that needs the memory; it begins the error message. */
  readonly where: string;
  /** Number of bytes needed. */
  readonly bytes: number;
  /** The purpose of the memory, such as `the offsets of 100000000 rows`. */
  readonly what: string;
  /** Advice to the user, which ends the error message. */
  readonly remedy: string;
}

/**
 * Requires that an allocation fits into memory.
 *
 * @throws BackendError with the bytes needed and the bytes available.
 */
export function checkRoom({ where, bytes, what, remedy }: Allocation, available = availableBytes()): void {
  if (bytes <= available) return;
  throw new BackendError(`${where}: expected ${bytes} bytes of memory for ${what}, got ${available} that are free; ${remedy}`);
}

/**
 * Allocates memory after checking that it is available.
 *
 * @param make - does the allocation; called after the check.
 * @throws BackendError if the system reports too few bytes, or if the allocation itself is refused (the check does not
 * see limits of the process).
 */
export function allocate<T>(allocation: Allocation, make: () => T): T {
  checkRoom(allocation);
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const { where, bytes, what, remedy } = allocation;
    throw new BackendError(`${where}: expected ${bytes} bytes of memory for ${what}, got a refusal (${cause.message}); ${remedy}`, {
      cause,
    });
  }
}
