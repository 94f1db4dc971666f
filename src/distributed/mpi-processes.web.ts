/** A page is alone: MPI is for processes. */
import { BackendError } from '../core/errors.js';

type MpiProcesses = typeof import('./mpi-processes.node.js');

const reason = 'a page cannot load native libraries; run the program in Node.js to use MPI';

export const processName: MpiProcesses['processName'] = 'process 0 (a page)';

export const exit: MpiProcesses['exit'] = (status) => {
  throw new BackendError(`abort: expected a process that can be ended with status ${status}, got a page; close it instead`);
};

export const openWorld: MpiProcesses['openWorld'] = async () => {
  throw new BackendError(`mpi: expected a process of an MPI program, got a page; ${reason}`);
};

export const mpiStatus: MpiProcesses['mpiStatus'] = () => ({ available: false, reason });
