/** Run by scaling.ts in two processes: the times of sums of the sizes that its argument lists. */
import { mpi } from 'bures/distributed';
import { median } from './measure.js';

/** What process 0 prints. */
export interface SumTimes {
  readonly version: string;
  /** Median seconds of a sum, by size. */
  readonly seconds: readonly number[];
}

const world = await mpi();
const seconds: number[] = [];
for (const size of (process.argv[2] ?? '').split(',').map(Number)) {
  const values = new Float32Array(size).fill(1e-3);
  const repeats = size < 2 ** 20 ? 50 : 9;
  const times: number[] = [];
  await world.sum(values);
  for (let i = 0; i < repeats; i++) {
    values.fill(1e-3);
    await world.gather(new Uint8Array());
    const begun = performance.now();
    await world.sum(values);
    times.push((performance.now() - begun) / 1000);
  }
  seconds.push(median(times));
}
if (world.rank === 0) console.log(JSON.stringify({ version: world.version ?? '', seconds } satisfies SumTimes));
await world.close();
