/** A fit hears signals within a sweep, and leaves it for the best state before it. */
import { seededRandom } from 'bures';
import { expect, it } from 'vitest';
import { csrFromTriplets, hostAlgebra } from '../../src/index.js';
import { fitPath } from '../../src/problems/completion/fit-path.js';
import { additiveState, stateError, type TwoWayEntries, twoWayEntries, withComponents } from '../../src/problems/index.js';

const [m, n, rank] = [1500, 1000, 40];

/** A sweep of these takes some tenths of a second. */
function ratings(): TwoWayEntries {
  const random = seededRandom(8);
  const places = Array.from({ length: m * 8 }, (_, k) => k);
  const triplets = {
    rowIndices: places.map((k) => k % m),
    columnIndices: places.map((k) => (k * 7919) % n),
    values: places.map(() => random.normal()),
  };
  return twoWayEntries(csrFromTriplets(hostAlgebra(), { rows: m, columns: n, ...triplets }));
}

/** Calls something after so many turns of the event loop. */
function afterTurns(turns: number, call: () => void): void {
  if (turns === 0) call();
  else setImmediate(() => afterTurns(turns - 1, call));
}

it.each([0, 2])('a signal amid the sweep after %d of them leaves the best of those', async (whole) => {
  const data = ratings();
  const abort = new AbortController();
  const errors: number[] = [];
  // Two turns: one comes between two sweeps.
  const soon = (): void => afterTurns(2, () => abort.abort());
  if (whole === 0) soon();
  const begin = withComponents(await additiveState(data, { centered: true, biases: true }), data, { most: rank, exactly: true, seed: 1 });
  const path = await fitPath(data, begin, {
    learn: true,
    keepRank: true,
    maxIterations: 30,
    tolerance: 0,
    signal: abort.signal,
    onStep(step) {
      errors.push(step.trainRmse);
      if (step.iteration === whole) soon();
    },
  });
  expect(errors).toHaveLength(whole);
  expect(path?.steps.length ?? 0).toBe(whole);
  expect(path === undefined ? undefined : stateError(path.state, data.matrix)).toBe(errors.at(-1));
});
