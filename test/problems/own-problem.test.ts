/** Solvers that carry their own data refuse any other problem than theirs, whose costs they would not lower. */
import {
  alternatingSweeps,
  biasedFactorization,
  factorSweeps,
  implicitFactorization,
  matrixCompletion,
  matrixIrls,
  spectralInitialization,
} from 'bures/problems';
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  type CsrMatrix,
  csrFromTriplets,
  euclideanFactors,
  fixedRank,
  maxIterations,
  minimize,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';

const [m, n, rank] = [12, 9, 2];

describe.each(hostEngines)('on %s', (_engine, la) => {
  const observed = (scale: number, columns = n): CsrMatrix<ReturnType<typeof la.full>> => {
    const random = seededRandom(3);
    const places = Array.from({ length: m * columns }, (_, place) => place).filter(() => random.uniform() < 0.6);
    const rowIndices = places.map((place) => Math.floor(place / columns));
    const columnIndices = places.map((place) => place % columns);
    const values = places.map((_, e) => scale * (2 + Math.sin(rowIndices[e]) + Math.cos(rowIndices[e] * columnIndices[e])));
    return csrFromTriplets(la, { rows: m, columns, rowIndices, columnIndices, values });
  };
  const data = observed(1);
  const stop = maxIterations(3);

  it('matrixIrls: one with regularization, of other entries, or of other weights', async () => {
    const manifold = fixedRank({ m, n, rank, algebra: la });
    const solver = matrixIrls(la, data);
    const initial = spectralInitialization(la, data, { rank });
    const own = matrixCompletion({ manifold, observed: data });
    const others = [
      matrixCompletion({ manifold, observed: data, regularization: 0.5 }),
      matrixCompletion({ manifold, observed: observed(1.01) }),
      { ...own, cost: async (x: typeof initial) => 2 * (await own.cost(x, undefined)), costAndGradient: undefined as never },
    ];
    for (const other of others) {
      const run = minimize(other, { solver, initial, stop });
      await expect(run).rejects.toThrow(ConfigError);
      await expect(run).rejects.toThrow(/^matrixIrls: expected matrixCompletion of its own entries.*got a problem whose cost is/);
    }
    const { state, iterations } = await minimize(own, { solver, initial, stop });
    expect(iterations).toBe(3);
    expect((await minimize(own, { solver, state, stop: maxIterations(5) })).iterations).toBe(5);
  });

  it('matrixIrls takes its own from the solution on, where rounding is all of the cost', async () => {
    const manifold = fixedRank({ m, n, rank, algebra: la });
    const initial = manifold.randomPoint(seededRandom(4));
    const whole = la.toArray(manifold.toMatrix(initial));
    const [rowIndices, columnIndices] = [[...whole.keys()].map((p) => Math.floor(p / n)), [...whole.keys()].map((p) => p % n)];
    const all = csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices, values: [...whole] });
    const { iterations } = await minimize(matrixCompletion({ manifold, observed: all }), { solver: matrixIrls(la, all), initial, stop });
    expect(iterations).toBeLessThanOrEqual(3);
  });

  it('alternatingSweeps: other entries, and another penalty than its own', async () => {
    const manifold = euclideanFactors({ m, n, rank, algebra: la });
    const solver = alternatingSweeps(la, data, 0.1);
    const initial = manifold.randomPoint(seededRandom(1));
    const own = matrixCompletion({ manifold, observed: data });
    for (const other of [
      matrixCompletion({ manifold, observed: observed(-3) }),
      matrixCompletion({ manifold, observed: data, regularization: 2 }),
    ])
      await expect(minimize(other, { solver, initial, stop })).rejects.toThrow(/^alternatingSweeps: expected matrixCompletion of its own/);
    expect((await minimize(own, { solver, initial, stop })).iterations).toBe(3);
    const { A, B } = initial;
    const ridge = 0.05 * (la.norm(A) ** 2 + la.norm(B) ** 2);
    const penalized = {
      manifold,
      cost: async (x: typeof initial) => (await own.cost(x, undefined)) + (x === initial ? ridge : 0),
      gradient: own.gradient,
    };
    expect((await minimize(penalized, { solver, initial, stop })).iterations).toBe(3);
  });
});

describe('factorSweeps', () => {
  const la = hostEngines[0][1];
  const entries = (scale: number, columns = 3) =>
    csrFromTriplets(la, {
      rows: 4,
      columns,
      rowIndices: [0, 1, 2, 3, 0, 1],
      columnIndices: [0, 1, 2, 0, 1, 2],
      values: [1, 2, 3, 4, 5, 6].map((v) => v * scale),
    });

  it('refuses a problem that it was not made with', async () => {
    const own = biasedFactorization({ observed: entries(1), rank: 1, regularization: 1 });
    const others = [
      biasedFactorization({ observed: entries(-3), rank: 1, regularization: 1 }),
      biasedFactorization({ observed: entries(1), rank: 1, regularization: 2 }),
    ];
    for (const other of others) {
      const run = minimize(own, { solver: factorSweeps(other), seed: 1 });
      await expect(run).rejects.toThrow(ConfigError);
      await expect(run).rejects.toThrow(/^factorSweeps: expected the problem it was made with/);
    }
    const wider = implicitFactorization({ observed: entries(1, 5), rank: 2, regularization: 1 });
    await expect(minimize(own, { solver: factorSweeps(wider), seed: 1 })).rejects.toThrow(ShapeError);
    const { converged, stopReason } = await minimize(own, { solver: factorSweeps(own), seed: 1 });
    expect(converged, stopReason).toBe(true);
  });
});
