/** Memory that a file or an option asks for, checked against what the machine has before any of it is taken. */
import { freemem } from 'node:os';
import { BackendError } from './errors.js';

/** Bytes that this process can still take: of its container where there is one, else of the machine. */
function availableBytes(): number {
  const { availableMemory } = process as { availableMemory?: () => number };
  return availableMemory?.call(process) ?? freemem();
}

/** An allocation, as its error describes it. */
export interface Allocation {
  /** The function, command or file on whose behalf memory is taken: how the message begins. */
  readonly where: string;
  /** Bytes needed. */
  readonly bytes: number;
  /** What they are for, such as `the offsets of 100000000 rows`. */
  readonly what: string;
  /** What the user can do. */
  readonly remedy: string;
}

/**
 * Requires that an allocation fits into memory.
 *
 * @throws BackendError with the bytes needed and the bytes there are.
 */
export function checkRoom({ where, bytes, what, remedy }: Allocation, available = availableBytes()): void {
  if (bytes <= available) return;
  throw new BackendError(`${where}: expected ${bytes} bytes of memory for ${what}, got ${available} that are free; ${remedy}`);
}

/**
 * Allocates what fits into memory.
 *
 * @param make - allocates; called after the check.
 * @throws BackendError if the bytes are not there, by the system's count or when they are asked for (a limit of the process is not counted before).
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
