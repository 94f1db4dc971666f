/** Started where the cost is critical, every method leaves or says that it cannot tell, on every engine. */
import { describe, expect, it } from 'vitest';
import {
  adam,
  any,
  balancedFactors,
  barzilaiBorwein,
  constantStep,
  csrFromTriplets,
  gradientDescent,
  gradientNormBelow,
  type LinearAlgebra,
  lbfgs,
  maxIterations,
  minimize,
  type Solver,
  seededRandom,
  svrg,
  trustRegions,
} from '../../src/index.js';
import { alternatingLeastSquares, completeMatrix } from '../../src/problems/index.js';
import { approximation } from '../solvers/second-order-problems.js';
import { allEngines, withoutLeaks } from '../support/engines.js';

const [m, n, rank] = [7, 5, 2];
const sigma = [3, 2, 1, 0.5, 0.25];

/**
 * Z = Σ σ_k e_k e_kᵀ, m×n, and the balanced pair of some of its singular triplets, exact in either precision but for a
 * root.
 */
function diagonal(which: readonly number[]) {
  const target = new Float64Array(m * n);
  sigma.forEach((value, k) => {
    target[k * n + k] = value;
  });
  const [a, b] = [new Float64Array(m * rank), new Float64Array(rank * n)];
  which.forEach((k, l) => {
    a[k * rank + l] = Math.sqrt(sigma[k]);
    b[l * n + k] = Math.sqrt(sigma[k]);
  });
  return { target, a, b };
}

function whole<M>(la: LinearAlgebra<M>, values: Float64Array) {
  const places = Array.from({ length: m * n }, (_, place) => place);
  const rowIndices = places.map((place) => Math.floor(place / n));
  return csrFromTriplets(la, { rows: m, columns: n, rowIndices, columnIndices: places.map((place) => place % n), values });
}

const solvers: readonly Solver[] = [
  gradientDescent(),
  gradientDescent({ stepSize: barzilaiBorwein() }),
  gradientDescent({ direction: lbfgs() }),
  gradientDescent({ direction: adam(), stepSize: constantStep(0.05) }),
  svrg({ innerSteps: 3, stepSize: 0.1 }),
];

describe.each(allEngines)('on %s', (_name, la) => {
  const { target, a, b } = diagonal([0, 2]);
  const saddle = () => ({ A: la.fromArray(a, [m, rank]), B: la.fromArray(b, [rank, n]) });
  /** ½‖Z − X‖² at the saddle. */
  const saddleCost = 0.5 * (2 ** 2 + 0.5 ** 2 + 0.25 ** 2);
  const stated = () => approximation(la, balancedFactors({ m, n, rank, algebra: la }), la.fromArray(target, [m, n]));
  const stop = any(gradientNormBelow(1e-4), maxIterations(100));

  it.each(solvers)('$name says at a saddle that it cannot tell', async (solver) => {
    const problem = stated();
    const sum = solver.name.startsWith('svrg') ? { ...problem, nextBatch: () => null, wholeBatch: () => null } : problem;
    const { cost, stopReason } = await minimize(sum as unknown as typeof problem, { solver, initial: saddle(), stop });
    expect(cost).toBeCloseTo(saddleCost, 4);
    expect(stopReason).toMatch(/a critical point: first-order solvers cannot tell a minimum from a saddle, hessianSpectrum can/);
  });

  it('trust regions leave it, or in float32 may say that they found no way', async () => {
    const { cost, stopReason } = await minimize(stated(), { solver: trustRegions(), initial: saddle(), stop });
    const left = Math.abs(cost - 0.5 * (1 + 0.5 ** 2 + 0.25 ** 2)) < 1e-4;
    if (la.epsilon < 1e-10) expect(left).toBe(true);
    expect(left ? 'left' : stopReason).toMatch(/^left$|a critical point, which trustRegions found no way to leave/);
  });

  it.each(['saddle', 'zero factor'] as const)('alternating least squares says at a %s that nothing changes', async (start) => {
    await withoutLeaks(la, async () => {
      const { A, B } = saddle();
      const initial = start === 'saddle' ? { A, B } : { A: la.randomNormal([m, rank], seededRandom(1)), B: la.full([rank, n], 0) };
      const { converged, stopReason, cost } = await alternatingLeastSquares(la, whole(la, target), { initial, maxSweeps: 5 });
      expect(cost).toBeCloseTo(start === 'saddle' ? saddleCost : 0.5 * sigma.reduce((sum, s) => sum + s * s, 0), 4);
      expect(converged).toBe(false);
      expect(stopReason).toMatch(/^5 sweeps, the last of which left the cost as it was: a critical point.*spectralInitialization/);
    });
  });

  it('completeMatrix ends below the saddle, and fits data of a lower rank than it was asked for', async () => {
    const full = await completeMatrix(la, whole(la, target), { rank, relativeResidual: 0, maxIterations: 40 });
    expect(full.trainRmse).toBeLessThan(Math.sqrt((2 * saddleCost) / (m * n)) - 0.01);
    const low = diagonal([0]).target.map((value, place) => (place === 0 ? value : 0));
    const { trainRmse, stopReason } = await completeMatrix(la, whole(la, low), { rank, maxIterations: 40 });
    expect(trainRmse).toBeLessThan(1e-3);
    // In float32 the residual may be rounding, of which a second pair can be made.
    if (la.epsilon < 1e-10) expect(stopReason).toMatch(/, at rank 1: the residual has no further singular pair above rounding/);
  });
});
