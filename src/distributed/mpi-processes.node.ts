/** The processes of an MPI program, and this one. */
import { BackendError, ConfigError } from '../core/errors.js';
import type { LaunchedProcess } from './launcher.js';
import type { MpiCommunicator } from './mpi-communicator.js';
import { loadMpiLibrary } from './mpi-library.js';
import { MpiWorld } from './mpi-world.node.js';

export { mpiStatus } from './mpi-library.js';

/** Name of this process where it is alone. */
export const processName: string = `process 0 (pid ${process.pid})`;

/** Ends this process. */
export const exit = (status: number): never => process.exit(status);

/**
 * Joins the processes of an MPI program.
 *
 * @throws BackendError if there is no library; ConfigError if it belongs to another MPI than the launcher.
 */
export async function openWorld(launched: LaunchedProcess | undefined, timeout: number): Promise<MpiCommunicator> {
  const library = loadMpiLibrary(launched);
  if ('reason' in library) {
    const { reason, attempts = [] } = library;
    // Under a launcher a library is there: why it does not load is what has to be mended.
    const tried = attempts.length === 0 ? '' : `; tried: ${attempts.join('; ')}`;
    throw new BackendError(`mpi: ${startedBy(launched)}, but there is ${reason}${tried}`);
  }
  const world = new MpiWorld(library, timeout);
  if (launched !== undefined && world.size !== launched.size) {
    throw new ConfigError(
      `mpi: ${startedBy(launched)}, but ${library.path} (${library.version}) sees ${world.size}: it is not the MPI of that launcher; ` +
        "start the program with the library's own mpirun, or set BURES_MPI to the path of the launcher's library",
    );
  }
  await world.meet();
  return world;
}

function startedBy(launched: LaunchedProcess | undefined): string {
  return launched === undefined ? 'BURES_MPI asks for MPI' : `${launched.launcher} started ${launched.size} processes`;
}
