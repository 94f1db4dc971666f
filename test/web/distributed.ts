/** Several processes of one page: the communicators that need no MPI. */
import { euclidean, type HostArray, hostAlgebra, minimize } from 'bures';
import { dataParallel, localCommunicators, mpi, mpiStatus } from 'bures/distributed';
import { consoleOf } from './console.js';

const console = consoleOf('distributed');
const la = hostAlgebra();
const worlds = [...localCommunicators(3), await mpi()];
const found = worlds.map(async (world) => {
  const measured = la.fromArray([1 + world.rank, 2], [2]);
  const part = {
    manifold: euclidean({ shape: [2] }),
    cost: (x: HostArray) => 0.5 * la.norm(la.subtract(x, measured)) ** 2,
    gradient: { kind: 'ambient', at: (x: HostArray) => la.subtract(x, measured) },
  } as const;
  const { x } = await minimize(dataParallel(part, world), { seed: 1 });
  return la.toArray(x);
});
console.log(await Promise.all(found), typeof mpiStatus().available);
