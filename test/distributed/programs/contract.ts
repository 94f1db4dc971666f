/** Run by mpi.test.ts in several processes: the contract of communicators. */
import { mpi } from 'bures/distributed';
import { checkContract } from '../communicators.js';

const world = await mpi();
await checkContract(world);
if ((await mpi()) !== world) throw new Error('mpi() gives another communicator at its second call');
console.log(`${world.rank} of ${world.size}: ${world.version}`);
await world.close();
