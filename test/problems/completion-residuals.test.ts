import { describe, expect, it } from 'vitest';
import {
  balancedFactors,
  ConfigError,
  csrFromTriplets,
  fixedRank,
  levenbergMarquardt,
  maxIterations,
  minimize,
  quotient,
  quotientFactors,
  seededRandom,
} from '../../src/index.js';
import { matrixCompletion } from '../../src/problems/index.js';
import { allEngines, withoutLeaks } from '../support/engines.js';

const [m, n, rank] = [24, 18, 2];

describe.each(allEngines)('levenbergMarquardt on %s', (_name, la) => {
  const random = seededRandom(3);
  const [left, right] = [la.randomNormal([m, rank], random), la.randomNormal([n, rank], random)];
  const places = Array.from({ length: m * n }, (_, place) => place).filter(() => random.uniform() < 0.6);
  const pattern = csrFromTriplets(la, {
    rows: m,
    columns: n,
    rowIndices: places.map((place) => Math.floor(place / n)),
    columnIndices: places.map((place) => place % n),
    values: new Float64Array(places.length),
  });
  const observed = { ...pattern, values: la.sampledMatmul(pattern, left, la.transpose(right)) };
  const stop = maxIterations(40);
  const options = { solver: levenbergMarquardt(), seed: 5, stop };

  it('minimizes matrixCompletion on every geometry, by the residuals that it states', async () => {
    await withoutLeaks(la, () =>
      la.tidy(async () => {
        const sizes = { m, n, rank, algebra: la };
        const embedded = await minimize(matrixCompletion({ manifold: fixedRank(sizes), observed }), options);
        const preconditioned = await minimize(
          matrixCompletion({ manifold: fixedRank({ ...sizes, metric: quotient() }), observed }),
          options,
        );
        const balanced = await minimize(matrixCompletion({ manifold: balancedFactors(sizes), observed }), options);
        const factors = await minimize(matrixCompletion({ manifold: quotientFactors(sizes), observed }), options);
        const scale = (await la.norm(observed.values)) ** 2;
        for (const { cost, stopReason } of [embedded, preconditioned, balanced, factors]) {
          expect(cost / scale, stopReason).toBeLessThan(1e2 * la.epsilon ** 2);
        }
      }),
    );
  });

  it('is refused with regularization, which has no residuals', async () => {
    const problem = matrixCompletion({ manifold: fixedRank({ m, n, rank, algebra: la }), observed, regularization: 0.1 });
    await expect(minimize(problem, options)).rejects.toThrow(ConfigError);
  });
});
