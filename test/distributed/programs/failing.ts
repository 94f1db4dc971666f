/**
 * Run by mpi.test.ts in several processes: one of them ends in the way that its first argument says, and writes the
 * time to the file that the second one names: a launcher that ends its processes may lose what they print.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { mpi } from 'bures/distributed';

const world = await mpi();
if (world.rank === 1) {
  await setTimeout(100);
  writeFileSync(process.argv[3], String(Date.now()));
  if (process.argv[2] === 'killed') process.kill(process.pid, 'SIGKILL');
  throw new Error('this process gives up');
}
process.on('SIGTERM', () => undefined);
await world.sum(new Float64Array(1));
