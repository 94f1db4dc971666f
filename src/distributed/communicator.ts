import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';

/**
 * Processes that compute together. All of them call the same methods in the same order, with arrays of the same
 * lengths; each call returns when every process has made it.
 */
export interface Communicator {
  /** Number of this process: 0, 1, …, size − 1. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** What messages call each process, by rank, such as `process 1 (pid 4711 on node2)`. */
  readonly names: readonly string[];
  /**
   * Replaces each number by its sum over the processes, in place. All processes get the same bits.
   *
   * @throws BackendError if the communication fails, or a process has ended.
   */
  sum(values: Float64Array | Float32Array): Promise<void>;
  /**
   * Replaces the bytes by those of one process, in place.
   *
   * @param root - rank of the process that sends.
   * @throws as `sum`.
   */
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  /**
   * Returns the bytes of every process, by rank; their numbers may differ. It serves as a barrier as well.
   *
   * @throws as `sum`.
   */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Ends the communication. The last call. */
  close(): Promise<void>;
}

/** @throws ConfigError, in the caller's name, unless a value has the members of a communicator. */
export function checkCommunicator(caller: string, value: unknown): asserts value is Communicator {
  const { rank, size, sum, broadcast, gather } = (value ?? {}) as Partial<Communicator>;
  const inRange = Number.isInteger(rank) && Number.isInteger(size) && (rank as number) >= 0 && (rank as number) < (size as number);
  if (inRange && [sum, broadcast, gather].every((member) => typeof member === 'function')) return;
  throw new ConfigError(
    `${caller}: communicator must be a Communicator, got ${describeValue(value)}; make one with await mpi(), or localCommunicators(2)`,
  );
}

/**
 * Returns true in all processes if a flag is true in any: for decisions that all must make alike, such as to stop.
 *
 * @throws as {@link Communicator.sum}.
 */
export async function anyProcess(communicator: Communicator, flag: boolean): Promise<boolean> {
  const count = Float64Array.of(flag ? 1 : 0);
  await communicator.sum(count);
  return count[0] > 0;
}

/** Things numbered through, from one number up to before another. */
export interface Share {
  /** Number of the first. */
  readonly from: number;
  /** Number after that of the last. */
  readonly to: number;
}

/** Returns which of `count` things fall to a process; they are divided as evenly as whole ones can be, in order. */
export function shareOf({ rank, size }: Pick<Communicator, 'rank' | 'size'>, count: number): Share {
  return { from: Math.floor((rank * count) / size), to: Math.floor(((rank + 1) * count) / size) };
}

/** @throws ConfigError unless a number is a rank. */
export function checkRoot(root: number, size: number): void {
  if (Number.isInteger(root) && root >= 0 && root < size) return;
  throw new ConfigError(`broadcast: root must be a rank from 0 to ${size - 1}, got ${root}; pass the rank of the process that sends`);
}
