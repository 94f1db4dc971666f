import { runtime } from '#platform/core/runtime';
import { exit, openWorld, processName } from '#platform/distributed/mpi-processes';
import { ConfigError } from '../core/errors.js';
import { declareOptions, describeValue, number } from '../core/options.js';
import { launchedProcess } from './launcher.js';
import { localCommunicators } from './local-communicators.js';
import type { MpiCommunicator } from './mpi-communicator.js';

/** Options of {@link mpi}. */
export interface MpiOptions {
  /**
   * Seconds after which a process stops waiting for the others, with an error. It must be longer than the work that one
   * process does alone, such as to download a model. Default: that of the environment variable BURES_MPI_TIMEOUT, or
   * else 1800.
   */
  readonly timeout?: number;
}

const mpiOptions = declareOptions<MpiOptions>()({ timeout: number({ optional: true, above: 0 }) });

const USUAL_TIMEOUT = 1800;

/** Defaults of {@link MpiOptions}. */
export const mpiDefaults: Required<MpiOptions> = { timeout: USUAL_TIMEOUT };

let opened: { readonly timeout: number; readonly communicator: Promise<MpiCommunicator> } | undefined;

/**
 * Joins the processes that an MPI launcher has started: `mpirun -n 4 node program.js`. The library is that of the
 * machine (Open MPI or MPICH), through the optional package koffi. A program that no launcher has started is alone: it
 * gets a communicator of one process, and needs no MPI.
 *
 * If a process ends by an error, or exits with a status other than 0, the others are ended as well. One that was killed
 * is noticed within a second by those on its machine; their next call throws an error that names it.
 *
 * The environment variable BURES_MPI is `off` (every process is alone), `auto` (the default) or the path of the
 * library; BURES_MPI_TIMEOUT is the timeout in seconds.
 *
 * @param options - see {@link MpiOptions}.
 * @returns the communicator; the same at every call. Close it at the end.
 * @throws ConfigError for a bad option, a timeout other than that of an earlier call, or if the library belongs to
 * another MPI than the launcher; BackendError if there is no library.
 */
export function mpi(options: MpiOptions = {}): Promise<MpiCommunicator> {
  const { timeout } = mpiOptions.read('mpi', options);
  if (opened !== undefined && timeout !== undefined && timeout !== opened.timeout) {
    throw new ConfigError(
      `mpi: expected the timeout of the first call, ${opened.timeout} s, got ${timeout}; pass it there, since all calls return one communicator`,
    );
  }
  if (opened === undefined) {
    const own = timeout ?? timeoutOf(runtime.environment.BURES_MPI_TIMEOUT);
    opened = { timeout: own, communicator: open(own) };
  }
  return opened.communicator;
}

function timeoutOf(text: string | undefined): number {
  if (text === undefined || text === '') return USUAL_TIMEOUT;
  const seconds = Number(text);
  if (seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new ConfigError(
    `mpi: BURES_MPI_TIMEOUT must be a positive number of seconds, got ${describeValue(text)}; set another, or unset it`,
  );
}

async function open(timeout: number): Promise<MpiCommunicator> {
  const launched = launchedProcess(runtime.environment);
  const isNamed = !['', 'off', 'auto'].includes(runtime.environment.BURES_MPI ?? '');
  return launched === undefined && !isNamed ? alone() : openWorld(launched, timeout);
}

/** Returns the communicator of a process that is alone. */
function alone(): MpiCommunicator {
  const [one] = localCommunicators(1);
  return {
    ...one,
    names: [processName],
    version: undefined,
    local: [0],
    missing: async () => [],
    abort: exit,
    // Without MPI there is nothing that could be begun only once.
    async close() {
      opened = undefined;
      await one.close();
    },
  };
}
