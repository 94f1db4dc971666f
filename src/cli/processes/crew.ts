/** The processes that train a run together: one of them alone, or those of an MPI launcher. */
import { anyProcess, type Communicator, together } from '../../distributed/index.js';

/** The processes of a run, of which the first writes its files. */
export interface Crew {
  /** Number of processes. */
  readonly size: number;
  /** True in the one process that writes. */
  readonly leads: boolean;
  /** The processes; `undefined` if there is only one. */
  readonly communicator: Communicator | undefined;
  /** Does work in all processes; if it fails in one, it fails in all. */
  all<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Does work in the first process, for which the others wait. Returns `undefined` in these. */
  lead<Result>(work: () => Promise<Result>): Promise<Result | undefined>;
  /** Returns what the first process computes, a value that JSON keeps, in all. */
  told<Value>(work: () => Promise<Value>): Promise<Value>;
  /** Returns true in all processes if a flag is true in any. */
  any(flag: boolean): Promise<boolean>;
}

/** Makes the crew of the processes; without a communicator, of this one alone. */
export function crewOf(communicator: Communicator | undefined): Crew {
  if (communicator === undefined) {
    const run = <Result>(work: () => Promise<Result>): Promise<Result> => work();
    return { size: 1, leads: true, communicator, all: run, lead: run, told: run, any: async (flag) => flag };
  }
  const leads = communicator.rank === 0;
  const lead = <Result>(work: () => Promise<Result>): Promise<Result | undefined> =>
    together(communicator, async () => (leads ? work() : undefined));
  return {
    size: communicator.size,
    leads,
    communicator,
    all: (work) => together(communicator, work),
    lead,
    async told(work) {
      const value = await lead(work);
      const told = await tell(communicator, value === undefined ? undefined : new TextEncoder().encode(JSON.stringify(value)));
      return told.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(told));
    },
    any: (flag) => anyProcess(communicator, flag),
  };
}

/** Sends the bytes of the first process to all. Those that the others pass do not count. */
export async function tell(communicator: Communicator, bytes: Uint8Array | undefined): Promise<Uint8Array> {
  const length = Float64Array.of(communicator.rank === 0 ? (bytes?.length ?? 0) : 0);
  await communicator.sum(length);
  const told = communicator.rank === 0 && bytes !== undefined ? bytes : new Uint8Array(length[0]);
  await communicator.broadcast(told, 0);
  return told;
}
