import type { Communicator } from './communicator.js';

/** Communicator of the processes that an MPI launcher has started. Made by `mpi`. */
export interface MpiCommunicator extends Communicator {
  /** Name and version of the library; `undefined` for a process that is alone and needs no library. */
  readonly version: string | undefined;
  /** Ranks of the processes on this machine, this one included. */
  readonly local: readonly number[];
  /** Returns the ranks of the processes on this machine that have ended. */
  missing(): Promise<readonly number[]>;
  /** Ends all processes at once, this one included, without cleaning up. */
  abort(status: number): never;
}
