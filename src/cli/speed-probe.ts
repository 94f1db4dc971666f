/** A few seconds of the work that fine-tuning does, to tell how fast an engine is. */
import { balancedProjection, type LinearAlgebra, seededRandom } from '../index.js';

/** How fast an engine is. */
export interface Speed {
  /** Billions of floating-point operations a second in a product of n×n matrices, n = 512. */
  readonly matmulGflops: number;
  /** Milliseconds for the balanced projection of one adapter, m = n = 1024, r = 16. */
  readonly projectionMilliseconds: number;
}

const matmulSize = 512;
const adapter = { size: 1024, rank: 16 };

/**
 * Measures an engine.
 *
 * @param la - the engine.
 * @param seconds - how long to measure; a repetition that has begun is finished.
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

/** The median time of a computation over as many repetitions as fit; the first, which compiles and allocates, is not counted. */
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
