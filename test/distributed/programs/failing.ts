/** Run by mpi.test.ts in several processes: one of them ends in the way that its argument says. */
import { setTimeout } from 'node:timers/promises';
import { mpi } from 'bures/distributed';

const world = await mpi();
if (world.rank === 1) {
  await setTimeout(100);
  console.log(Date.now());
  if (process.argv[2] === 'killed') process.kill(process.pid, 'SIGKILL');
  throw new Error('this process gives up');
}
process.on('SIGTERM', () => undefined);
await world.sum(new Float64Array(1));
