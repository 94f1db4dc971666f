/**
 * The engine: every step-size rule with every direction rule, on several manifolds, to the accuracy of the gradient.
 */

import {
  adam,
  adaptive,
  any,
  armijo,
  balancedFactors,
  barzilaiBorwein,
  constantStep,
  fixedRank,
  gradientDescent,
  gradientNormBelow,
  grassmann,
  type HostAlgebra,
  type HostArray,
  hestenesStiefel,
  type Manifold,
  maxIterations,
  minimize,
  momentum,
  type Problem,
  polakRibiere,
  relativeGradientNormBelow,
  seededRandom,
  sgd,
  sign,
  stiefel,
} from 'bures';
import { describe, expect, it } from 'vitest';
import { hostEngines } from '../support/engines.js';
import { geometry } from '../support/geometries.js';
import { geometric, withSingularValues } from '../support/matrices.js';

const [m, n, rank] = [14, 9, 3];

/**
 * ½‖X − Z‖² with a Z of rank above r: its minimizers are Z's best approximations (Eckart–Young), so the least cost is
 * known.
 */
function approximation<P, T, Z>(la: HostAlgebra, manifold: Manifold<HostArray, P, T, Z, HostArray> & { toMatrix(x: P): HostArray }) {
  const sigma = geometric(n, 0.01);
  const { values } = withSingularValues(3, m, n, sigma);
  const target = la.fromArray(values, [m, n]);
  const residual = (x: P) => la.subtract(manifold.toMatrix(x), target);
  const problem: Problem<HostArray, P, T, Z, HostArray> = {
    manifold,
    cost: (x) => 0.5 * (la.norm(residual(x)) as number) ** 2,
    gradient: { kind: 'ambient', at: residual },
  };
  return { problem, leastCost: 0.5 * sigma.subarray(rank).reduce((sum, s) => sum + s * s, 0) };
}

const stepSizes = [armijo(), adaptive(), barzilaiBorwein(), barzilaiBorwein({ quotient: 'long' }), barzilaiBorwein({ quotient: 'short' })];
const directions = [sgd(), polakRibiere(), hestenesStiefel()];
const pairs = [
  ...stepSizes.map((stepSize) => [sgd(), stepSize] as const),
  ...directions.flatMap((direction) => [armijo(), adaptive()].map((stepSize) => [direction, stepSize] as const)),
].map(([direction, stepSize]) => ({ name: `${direction.name}, ${stepSize.name}`, direction, stepSize }));

describe.each(hostEngines)('gradientDescent on %s', (_engine, la) => {
  const shape = { m, n, rank, algebra: la };
  describe.each(['embedded', 'orthographic', 'bures', 'quotient', 'balancedFactors', 'quotientFactors'] as const)(
    'finds the best rank-r approximation over %s',
    (name) => {
      it.each(pairs)('with $name', async ({ direction, stepSize }) => {
        const { problem, leastCost } = approximation(la, geometry(name, la, { m, n, rank }));
        const result = await minimize(problem, {
          solver: gradientDescent({ direction, stepSize }),
          seed: 11,
          stop: any(relativeGradientNormBelow(1e-9), maxIterations(4000)),
        });
        expect(result.stopReason).toMatch(/gradient norm .* × the initial/);
        expect(result.converged).toBe(true);
        expect(result.cost).toBeAllClose(leastCost, 1e-12);
        expect(result.history).toHaveLength(result.iterations + 1);
      });
    },
  );

  it.each([
    { rule: momentum(), rate: 0.05 },
    { rule: adam(), rate: 0.01 },
    { rule: adam({ moments: 'keep' }), rate: 0.01 },
    { rule: adam({ moments: 'transport-first' }), rate: 0.01 },
    { rule: sign(), rate: 0.002 },
  ])('$rule.name with a constant step comes close on balanced factors', async ({ rule, rate }) => {
    const { problem, leastCost } = approximation(la, balancedFactors({ ...shape, gauge: 'nearest' }));
    const solver = gradientDescent({ direction: rule, stepSize: constantStep(rate) });
    const result = await minimize(problem, { solver, seed: 11, stop: maxIterations(1500) });
    expect(result.cost - leastCost).toBeLessThan(2e-3);
  });

  it.each([
    ['stiefel', () => stiefel({ m, rank, algebra: la })],
    ['grassmann', () => grassmann({ m, rank, algebra: la })],
  ] as const)('finds the dominant eigenvalues over %s', async (_name, make) => {
    const lambda = Float64Array.from({ length: m }, (_, i) => m - i);
    const matrix = la.diagMatrix(la.fromArray(lambda, [m]));
    const image = (x: HostArray) => la.matmul(matrix, x);
    const result = await minimize(
      {
        manifold: make(),
        cost: (x) => -0.5 * (la.inner(x, image(x)) as number),
        gradient: { kind: 'ambient', at: (x) => la.scale(-1, image(x)) },
      },
      { solver: gradientDescent({ direction: polakRibiere() }), seed: 2, stop: any(gradientNormBelow(1e-8), maxIterations(2000)) },
    );
    expect(result.converged).toBe(true);
    expect(result.cost).toBeAllClose(-0.5 * (m + (m - 1) + (m - 2)), 1e-11);
  });

  it('adam on a manifold that takes tangents only steps along tangents, with the state carried', async () => {
    const { problem, leastCost } = approximation(la, fixedRank(shape));
    const solver = gradientDescent({ direction: adam(), stepSize: constantStep(0.01) });
    const result = await minimize(problem, { solver, seed: 11, stop: maxIterations(1500) });
    await problem.manifold.checkPoint(result.x);
    const { first } = result.state.memory.direction.tangents;
    expect(problem.manifold.toTangent(result.x, first).Up).toBeAllClose(first.Up, 1e-10);
    expect(result.cost - leastCost).toBeLessThan(2e-3);
  });
});

it('the same seed gives the same run', async () => {
  const [, la] = hostEngines[0];
  const { problem } = approximation(la, balancedFactors({ m, n, rank, algebra: la }));
  const options = { seed: 3, stop: maxIterations(20) };
  const [first, second] = [await minimize(problem, options), await minimize(problem, options)];
  expect(first.history.map(({ cost }) => cost)).toEqual(second.history.map(({ cost }) => cost));
  expect(seededRandom(3).normal()).toBe(seededRandom(3).normal());
});
