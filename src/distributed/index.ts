/**
 * Computations over several processes: the sum of the costs and gradients that they hold, for any problem and solver of
 * the library, over MPI or within one process.
 *
 * @module bures/distributed
 */
export { mpiStatus } from '#platform/distributed/mpi-processes';
export { anyProcess, type Communicator, type Share, shareOf } from './communicator.js';
export { dataParallel } from './data-parallel.js';
export { type LaunchedProcess, launchedProcess } from './launcher.js';
export { localCommunicators } from './local-communicators.js';
export { type MpiOptions, mpi, mpiDefaults } from './mpi.js';
export type { MpiCommunicator } from './mpi-communicator.js';
export type { MpiStatus } from './mpi-library.js';
export { failedTogether, together } from './together.js';
