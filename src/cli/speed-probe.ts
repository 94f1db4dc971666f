/** Measures the speed of an engine by a few seconds of the work that fine-tuning does. */
import { balancedProjection, type LinearAlgebra, seededRandom } from '../index.js';

/** Speed of an engine. */
export interface Speed {
  /** Speed of a product of n×n matrices, n = 512, in Gflop/s. */
  readonly matmulGflops: number;
  /** Time of the balanced projection of one adapter, m = n = 1024, r = 16, in milliseconds. */
  readonly projectionMilliseconds: number;
}

const matmulSize = 512;
const adapter = { size: 1024, rank: 16 };

/**
 * Measures the speed of an engine.
 *
 * @param la - the engine.
 * @param seconds - time to measure; a repetition that has begun is finished.
 * @returns medians over the repetitions.
 */
export async function probeSpeed<M>(la: LinearAlgebra<M>, seconds: number): Promise<Speed> {
  const random = seededRandom(0);
  const [x, y] = [la.randomNormal([matmulSize, matmulSize], random), la.randomNormal([matmulSize, matmulSize], random)];
  const pair = { A: la.randomNormal([adapter.size, adapter.rank], random), B: la.randomNormal([adapter.rank, adapter.size], random) };
  // Reading one number waits for a device to finish.
  const matmul = await medianSeconds(seconds / 2, async () => void (await la.tidy(() => la.total(la.matmul(x, y)))));
  const projection = await medianSeconds(seconds / 2, async () => void (await la.tidy(() => la.total(balancedProjection(la, pair).A))));
  for (const array of [x, y, pair.A, pair.B]) la.dispose(array);
  return { matmulGflops: (2 * matmulSize ** 3) / matmul / 1e9, projectionMilliseconds: 1000 * projection };
}

/**
 * Returns the median time of a computation over the repetitions that fit into the budget. The first run, which compiles
 * and allocates, does not count.
 */
async function medianSeconds(budget: number, compute: () => Promise<void>): Promise<number> {
  await compute();
  const times: number[] = [];
  const begun = performance.now();
  do {
    const start = performance.now();
    await compute();
    times.push((performance.now() - start) / 1000);
  } while (performance.now() - begun < 1000 * budget);
  return times.sort((a, b) => a - b)[times.length >> 1];
}
