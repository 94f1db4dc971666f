/**
 * The sweeps of a variational completion as a solver of the engine: what they evaluate, what they leave alone, and that
 * they can be left amid a sweep.
 */
import { describe, expect, it } from 'vitest';
import { atOnce } from '../../src/core/event-loop.js';
import { checkGradient } from '../../src/diagnostics/index.js';
import { csrMatrix, hostAlgebra, iterate, seededRandom } from '../../src/index.js';
import {
  additiveState,
  hasSettledRank,
  learnVariances,
  type SweptState,
  stateError,
  sweepParts,
  type TwoWayEntries,
  twoWayEntries,
  type VariationalState,
  variationalCompletion,
  variationalSweeps,
  withComponents,
} from '../../src/problems/index.js';

const la = hostAlgebra();

/** Entries at some places of each row: rank 2, biases and noise. */
function entriesOf(m: number, n: number, each: number): TwoWayEntries {
  const random = seededRandom(4);
  const [left, right] = [la.toArray(la.randomNormal([m, 2], random)), la.toArray(la.randomNormal([n, 2], random))];
  const rowPointers = Int32Array.from({ length: m + 1 }, (_, i) => i * each);
  const columnIndices = new Int32Array(m * each);
  const values = new Float64Array(m * each);
  for (let i = 0; i < m; i++) {
    for (let e = 0; e < each; e++) {
      const j = Math.floor(((e + (i % 7) / 7) * n) / each);
      columnIndices[i * each + e] = j;
      values[i * each + e] =
        3 + 0.1 * (i % 5) + left[2 * i] * right[2 * j] + left[2 * i + 1] * right[2 * j + 1] + 0.3 * (((i * 31 + j * 17) % 13) / 6 - 1);
    }
  }
  return twoWayEntries(csrMatrix(la, { rows: m, columns: n, rowPointers, columnIndices, values }));
}

const small = entriesOf(40, 30, 9);

async function start(data: TwoWayEntries, rank: number): Promise<SweptState> {
  return withComponents(await additiveState(data, { centered: true, biases: true }), data, { most: rank, exactly: true, seed: 1 });
}

/** A signal that is aborted once it has been asked so often. */
function abortedAfter(questions: number): { readonly aborted: boolean; readonly asked: () => number } {
  let asked = 0;
  return {
    get aborted() {
      return ++asked > questions;
    },
    asked: () => asked,
  };
}

const copyOf = ({ mean, rows, columns, variances }: VariationalState) =>
  structuredClone({ mean, rows: rows.means, columns: [columns.means, columns.moments], variances });

describe('variationalSweeps', () => {
  it('go where sweeps by hand go, and report what those sum up, without a pass over the entries of their own', async () => {
    const initial = await start(small, 3);
    let hand: VariationalState = structuredClone(initial);
    let passes = 0;
    const data = {
      ...small,
      get matrix() {
        passes++;
        return small.matrix;
      },
    };
    const solver = variationalSweeps(data, { learn: true, keepRank: true });
    for await (const { iteration, cost, gradientNorm, state } of iterate(variationalCompletion(data), { solver, initial })) {
      // At the start there is no sweep yet that would know its residuals.
      expect(passes).toBe(1);
      if (iteration === 0) continue;
      const sums = atOnce(sweepParts(hand, small, {}));
      const ratio = sums.columns.squares / hand.variances.noise;
      const count = small.byRow.values.length;
      expect(cost).toBeCloseTo(0.5 * (count * Math.log(hand.variances.noise) + ratio), 9);
      expect(gradientNorm).toBeCloseTo(0.5 * Math.abs(count - ratio), 9);
      expect(copyOf(state.x)).toEqual(copyOf(hand));
      expect(hasSettledRank(state)).toBe(true);
      if (iteration === 6) break;
      const learned = learnVariances(hand, small, sums);
      learned.carryOn();
      hand = learned.state;
    }
  });

  it('solve a problem whose gradient is that of its cost, before the first sweep and after it', async () => {
    const problem = variationalCompletion(small);
    const solver = variationalSweeps(small, { learn: true, keepRank: true });
    for await (const { iteration, state } of iterate(problem, { solver, initial: await start(small, 2) })) {
      const { verdict } = await checkGradient(problem, { x: state.x });
      expect(verdict).toMatch(/^gradient: correct/);
      if (iteration === 2) break;
    }
  });

  it('leave every state as it was, of which predictions and further sweeps are made', async () => {
    const solver = variationalSweeps(small, { learn: true, keepRank: false, most: 9, seed: 3 });
    const seen: { readonly x: SweptState; readonly copy: ReturnType<typeof copyOf> }[] = [];
    const ranks: number[] = [];
    for await (const { iteration, state } of iterate(variationalCompletion(small), { solver, initial: await start(small, 1) })) {
      seen.push({ x: state.x, copy: copyOf(state.x) });
      ranks.push(state.x.rank);
      if (iteration === 40) break;
    }
    for (const { x, copy } of seen) expect(copyOf(x)).toEqual(copy);
    // From one component to more than there are, and back.
    expect(Math.max(...ranks)).toBeGreaterThan(2);
    expect(ranks.at(-1)).toBeLessThan(Math.max(...ranks));
  });

  it('go on from a state that was saved', async () => {
    const problem = variationalCompletion(small);
    const solver = variationalSweeps(small, { learn: true, keepRank: false, most: 6 });
    const run = async (from: object, end: number) => {
      for await (const { iteration, state } of iterate(problem, { solver, ...from })) if (iteration === end) return structuredClone(state);
      throw new Error('a run of sweeps ends by its limit');
    };
    const initial = await start(small, 1);
    const whole = await run({ initial }, 12);
    expect(copyOf((await run({ state: await run({ initial }, 5) }, 12)).x)).toEqual(copyOf(whole.x));
  });

  it('can be left amid a sweep, at the state before it', async () => {
    const data = entriesOf(1500, 1000, 8);
    const initial = await start(data, 40);
    const solver = variationalSweeps(data, { learn: true, keepRank: true });
    const run = async (signal: { readonly aborted: boolean }, end: number) => {
      const steps = iterate(variationalCompletion(data), { solver, initial, signal });
      let last: { readonly iteration: number; readonly error: number; readonly x: SweptState } | undefined;
      for (;;) {
        const { done, value } = await steps.next();
        if (done) return { last, reason: value };
        const { iteration, state } = value;
        last = { iteration, error: stateError(state.x, data.matrix), x: state.x };
        if (iteration === end) return { last, reason: '' };
      }
    };
    const counted = abortedAfter(Number.POSITIVE_INFINITY);
    await run(counted, 1);
    // Once before the first sweep, and then between its parts.
    const parts = counted.asked() - 1;
    expect(parts).toBeGreaterThan(3);
    const { last, reason } = await run(abortedAfter(1 + parts + 1 + 2), 9);
    expect(last?.iteration).toBe(1);
    expect(reason).toMatch(/^aborted after iteration 1/);
    expect(last && stateError(last.x, data.matrix)).toBe(last?.error);
  });

  it('refuse options that are none of theirs', () => {
    expect(() => variationalSweeps(small, { learn: true, keepRank: true, ridge: -1 })).toThrow(/^variationalSweeps: ridge/);
    expect(() => variationalSweeps(small, { learn: true, keepRank: true, rigde: 1 } as never)).toThrow(/^variationalSweeps: .*rigde/);
  });

  it('refuse the problem of other entries', async () => {
    const other = entriesOf(40, 30, 9);
    const steps = iterate(variationalCompletion(other), {
      solver: variationalSweeps(small, { learn: true, keepRank: true }),
      initial: await start(small, 2),
    });
    await expect(steps.next()).rejects.toThrow('variationalSweeps: expected the problem of its own entries');
  });

  it('refuse a start of other entries by name', async () => {
    const steps = iterate(variationalCompletion(small), {
      solver: variationalSweeps(small, { learn: true, keepRank: true }),
      initial: await start(entriesOf(20, 30, 9), 2),
    });
    await expect(steps.next()).rejects.toThrow('variationalCompletion: expected 40 rows of 3 unknowns, got 60 means and 3 variances');
  });
});

describe('additiveState', () => {
  it('can be left amid a sweep: at the mean in the first one, at the biases of the last whole one later', async () => {
    // A part of a sweep is 1e7 flops, of six an entry.
    const data = entriesOf(20_000, 1000, 100);
    const additive = (signal: { readonly aborted: boolean }) => additiveState(data, { centered: true, biases: true, signal });
    const mean = await additive(abortedAfter(2));
    expect([mean.rows.means, mean.columns.means].every((biases) => biases.every((bias) => bias === 0))).toBe(true);
    // Between the sweeps, and once in each half of them.
    const [one, other] = [await additive(abortedAfter(4)), await additive(abortedAfter(5))];
    expect(one.rows.means.some((bias) => bias !== 0)).toBe(true);
    expect(copyOf(other)).toEqual(copyOf(one));
    expect(stateError(one, data.matrix)).toBeLessThan(stateError(mean, data.matrix));
  });
});
