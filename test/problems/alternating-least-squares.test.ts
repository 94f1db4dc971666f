import { describe, expect, it } from 'vitest';
import {
  csrFromTriplets,
  euclideanFactors,
  hostAlgebra,
  hyperBalancedFactors,
  type LinearAlgebra,
  maxIterations,
  minimize,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import { alternatingLeastSquares, alternatingSweeps, matrixCompletion, spectralInitialization } from '../../src/problems/index.js';
import { allEngines, withoutLeaks } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

/** A random m×n matrix of rank r, and some of its entries; row 0 has none. */
function instance<M>(la: LinearAlgebra<M>, [m, n, r]: readonly [number, number, number], fraction: number) {
  const random = seededRandom(8);
  const [left, right] = [la.randomNormal([m, r], random), la.randomNormal([r, n], random)];
  const places = Array.from({ length: m * n }, (_, place) => place).filter((place) => place >= n && random.uniform() < fraction);
  const pattern = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: places.map((place) => Math.floor(place / n)),
    columnIndices: places.map((place) => place % n),
    values: new Float64Array(places.length),
  });
  return { observed: { ...pattern, values: la.sampledMatmul(pattern, left, right) }, truth: la.matmul(left, right) };
}

describe.each(allEngines)('on %s', (_name, la) => {
  it('spectralInitialization of a matrix observed whole is its truncated decomposition', async () => {
    await withoutLeaks(la, async () => {
      const { observed, truth } = instance(la, [12, 9, 3], 2);
      const { U, S, V } = spectralInitialization(la, observed, { rank: 3 });
      const found = la.matmul(la.scaleColumns(U, S), V, { transposeB: true });
      // Row 0 is not observed, and counts as zero.
      const scale = (12 * 9) / (11 * 9);
      const expected = (await la.toArray(truth)).map((x, place) => (place < 9 ? 0 : scale * x));
      expect(await la.toArray(found)).toBeAllClose(expected, tolerance(la, 1000, 10));
    });
  });

  it('alternating least squares completes a matrix, rows without entries aside', async () => {
    await withoutLeaks(la, async () => {
      const { observed, truth } = instance(la, [40, 30, 3], 0.4);
      const initial = hyperBalancedFactors(la, spectralInitialization(la, observed, { rank: 3 }));
      const goal = 100 * la.epsilon;
      const costs: number[] = [];
      const result = await alternatingLeastSquares(la, observed, {
        initial,
        relativeResidual: goal,
        onSweep: ({ cost }) => {
          costs.push(cost);
          return undefined;
        },
      });
      expect(result).toMatchObject({ converged: true, sweep: costs.length });
      const found = await la.toArray(la.matmul(result.x.A, result.x.B));
      const expected = await la.toArray(truth);
      expect(found.subarray(30)).toBeAllClose(expected.subarray(30), tolerance(la, 5e4, 10));
      expect(found.subarray(0, 30).every(Number.isFinite)).toBe(true);
      // The cost of a sweep is the least along one factor: it cannot rise.
      costs.slice(1).forEach((cost, k) => {
        expect(cost).toBeLessThanOrEqual(costs[k] * (1 + 100 * la.epsilon));
      });
    });
  });

  it('alternating sweeps are a solver: minimize runs them, and a stopped run resumes', async () => {
    await withoutLeaks(la, () =>
      la.tidy(async () => {
        const { observed } = instance(la, [12, 9, 2], 0.7);
        const initial = { A: la.full([12, 2], 1), B: la.randomNormal([2, 9], seededRandom(1)) };
        const problem = matrixCompletion({ manifold: euclideanFactors({ m: 12, n: 9, rank: 2, algebra: la }), observed });
        const solver = alternatingSweeps(la, observed, 0.1);
        const whole = await minimize(problem, { solver, initial, stop: maxIterations(6) });
        const half = await minimize(problem, { solver, initial, stop: maxIterations(2) });
        const rest = await minimize(problem, { solver, state: half.state, stop: maxIterations(6) });
        const told = await alternatingLeastSquares(la, observed, { initial, regularization: 0.1, relativeResidual: 0, maxSweeps: 6 });
        expect([rest.cost, told.cost]).toEqual([whole.cost, whole.cost]);
        expect(whole.history).toHaveLength(7);
        expect(whole.cost).toBeLessThan(whole.history[0].cost);
      }),
    );
  });

  it('alternating least squares stops when told to, and refuses factors of another shape', async () => {
    await withoutLeaks(la, async () => {
      const { observed } = instance(la, [12, 9, 2], 0.7);
      const initial = { A: la.full([12, 2], 1), B: la.randomNormal([2, 9], seededRandom(1)) };
      const limits = { relativeResidual: 0, regularization: 0.1 };
      expect(await alternatingLeastSquares(la, observed, { initial, ...limits, maxSweeps: 3 })).toMatchObject({
        converged: false,
        sweep: 3,
      });
      const told = await alternatingLeastSquares(la, observed, { initial, ...limits, onSweep: ({ sweep }) => sweep === 2 });
      expect(told).toMatchObject({ converged: true, sweep: 2 });
      await expect(alternatingLeastSquares(la, observed, { initial: { A: initial.B, B: initial.A } })).rejects.toThrow(ShapeError);
    });
  });
});

it.each([-1000, -560, 560, 1000])(
  'the completion scales with values of size 2^%d, whose squares leave the range of numbers',
  async (exponent) => {
    const la = hostAlgebra();
    const { observed } = instance(la, [12, 9, 2], 0.7);
    const root = 2 ** (exponent / 2);
    const initial = { A: la.full([12, 2], 1), B: la.randomNormal([2, 9], seededRandom(1)) };
    const options = { regularization: 0.01, maxSweeps: 30, relativeResidual: 0.05 };
    const once = await alternatingLeastSquares(la, observed, { ...options, initial });
    const data = { ...observed, values: la.scale(root, la.scale(root, observed.values)) };
    const residuals: number[] = [];
    const scaled = await alternatingLeastSquares(la, data, {
      ...options,
      regularization: 0.01 * root * root,
      initial: { A: initial.A, B: la.scale(root, initial.B) },
      onSweep: ({ cost, x }) => {
        residuals.push(cost, la.norm(x.A) / root);
        return undefined;
      },
    });
    expect([scaled.sweep, scaled.converged], scaled.stopReason).toEqual([once.sweep, once.converged]);
    expect(la.scale(1 / root, scaled.x.A)).toBeAllClose(once.x.A, 1e-12);
    expect(la.scale(1 / root, scaled.x.B)).toBeAllClose(once.x.B, 1e-12);
    expect(residuals.slice(-2)).toEqual([scaled.cost, la.norm(scaled.x.A) / root]);
  },
);
