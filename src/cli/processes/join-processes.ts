/** Joins the processes that an MPI launcher has started, `mpirun -n 2 bures finetune …`. */

import { shareMemory } from '../../core/allocate.js';
import { counted } from '../../core/counted.js';
import { launchedProcess, type MpiCommunicator, mpi } from '../../distributed/index.js';
import { thisMachine } from '../../io/machine.node.js';
import { UsageError } from '../command.js';
import type { Terminal } from '../terminal.js';

/** The commands that several processes carry out together. */
const shared = ['finetune', 'resume'];

/** Variables by which a user sets the number of threads of a BLAS library. */
const threadVariables = ['OPENBLAS_NUM_THREADS', 'GOTO_NUM_THREADS', 'OMP_NUM_THREADS'];

/** Returns the terminal of this process: of several, only the first one writes. */
export function ownTerminal(terminal: Terminal): Terminal {
  const rank = launchedProcess(process.env)?.rank ?? 0;
  if (rank === 0) return terminal;
  return { result: () => undefined, notice: () => undefined, raw: () => undefined, interactive: false, columns: () => terminal.columns() };
}

/**
 * Joins the other processes, if there are any.
 *
 * @param name - the command.
 * @returns `undefined` if this process is alone.
 * @throws UsageError for a command that one process carries out; errors of {@link mpi}.
 */
export async function joinProcesses(name: string, terminal: Terminal): Promise<MpiCommunicator | undefined> {
  const launched = launchedProcess(process.env);
  if (launched === undefined) return undefined;
  if (!shared.includes(name)) {
    throw new UsageError(
      `bures ${name}: expected one process, got ${launched.size} from ${launched.launcher}; start it without the launcher (${shared.join(' and ')} share their work), or set BURES_MPI=off for ${launched.size} times the same`,
    );
  }
  shareCores(launched.localSize ?? 1, terminal);
  const world = await mpi();
  terminal.notice(`${counted(world.size, 'process', 'processes')} over ${world.version}: ${world.names.join(', ')}`);
  return world;
}

/** Divides cores and memory among the processes of this machine. It must come before the BLAS library is loaded. */
function shareCores(processes: number, terminal: Terminal): void {
  shareMemory(processes);
  const { cores, parallelism } = thisMachine();
  const share = Math.max(1, Math.floor(cores / processes));
  if (parallelism < share) {
    terminal.notice(
      `warning: the launcher lets a process use ${parallelism} of the ${counted(cores, 'core')}, for ${counted(processes, 'process', 'processes')} on this machine; start mpirun with --bind-to none`,
    );
  }
  // The library reads it once. A launcher that binds a process to some cores has divided them already.
  if (threadVariables.every((variable) => process.env[variable] === undefined))
    process.env.OPENBLAS_NUM_THREADS = String(Math.min(share, parallelism));
}

/** Returns true if this process is to report that another one has ended: the first on its machine that is left. */
export async function reportsEnd(world: MpiCommunicator): Promise<boolean> {
  const missing = await world.missing();
  return missing.length > 0 && world.local.find((rank) => !missing.includes(rank)) === world.rank;
}
