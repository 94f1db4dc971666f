/**
 * An optimizer's state follows its point: each part by its own map, so that a run does not depend on the gauge where it
 * need not.
 */
import { square } from 'bures';
import { describe, expect, it } from 'vitest';
import {
  adam,
  type BalancedGauge,
  balancedFactors,
  balancedProjection,
  barzilaiBorwein,
  constantStep,
  type DirectionRule,
  type FactorPair,
  gradientDescent,
  type HostAlgebra,
  type HostArray,
  hestenesStiefel,
  type MomentRule,
  momentum,
  polakRibiere,
  type StepSizeRule,
  seededRandom,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { quadratic, statesOf, telltaleTransport } from './quadratics.js';

type Pair = FactorPair<HostArray>;

/** ½‖AB − Z‖² at one start, on balanced factors of either gauge. */
function approximation(la: HostAlgebra, gauge: BalancedGauge) {
  const [m, n, rank] = [9, 7, 3];
  const random = seededRandom(12);
  const manifold = balancedFactors({ m, n, rank, gauge, algebra: la });
  const target = la.randomNormal([m, n], random);
  const initial = balancedFactors({ m, n, rank, algebra: la }).randomPoint(random);
  const residual = (x: Pair): HostArray => la.subtract(manifold.toMatrix(x), target);
  const problem = {
    manifold,
    cost: (x: Pair) => 0.5 * (la.norm(residual(x)) as number) ** 2,
    gradient: { kind: 'ambient' as const, at: residual },
  };
  return { manifold, problem, initial, residual };
}

describe.each(hostEngines)('on %s', (_engine, la) => {
  const { initial: point } = quadratic(la);
  const array = (first: number): HostArray => la.fromArray([first, 0, 0, 0, 0, 1], [6]);
  const transport = telltaleTransport(la, point);

  it('momentum moves its velocity as a vector', () => {
    const { tangents } = momentum().move({ tangents: { velocity: array(7) }, numbers: {} }, transport);
    expect(tangents.velocity).toBeAllClose(la.scale(2, array(7)), 0);
  });

  it.each([
    { moments: 'transport', first: 3, second: 5 },
    { moments: 'transport-first', first: 3, second: 1 },
    { moments: 'keep', first: 1, second: 1 },
  ] as const)(
    "adam with moments '$moments' moves the first as a covector ×$first and the second ×$second",
    ({ moments, first, second }) => {
      const memory = { tangents: { first: array(4), second: array(9) }, numbers: { step: 2 } };
      const moved = adam({ moments }).move(memory, transport);
      expect(moved.tangents.first).toBeAllClose(la.scale(first, array(4)), 0);
      expect(moved.tangents.second).toBeAllClose(la.scale(second, array(9)), 0);
      expect(moved.numbers).toEqual({ step: 2 });
    },
  );

  describe('on balanced factors the path is the same in both gauges:', () => {
    const path = async (gauge: BalancedGauge, options: { direction?: DirectionRule; stepSize: StepSizeRule }, steps: number) => {
      const { problem, initial, manifold } = approximation(la, gauge);
      const states = await statesOf(problem, { initial, solver: gradientDescent(options) }, steps);
      return states.map(({ x }) => manifold.toMatrix(x));
    };

    // As many steps as the rule may make before it has amplified rounding beyond 1e-9: quotients of small differences
    // amplify more than sums.
    it.each([
      { name: 'momentum', direction: momentum({ decay: 0.8 }), stepSize: constantStep(0.05), steps: 60 },
      { name: 'polakRibiere', direction: polakRibiere(), stepSize: constantStep(0.05), steps: 30 },
      { name: 'hestenesStiefel', direction: hestenesStiefel(), stepSize: constantStep(0.02), steps: 12 },
      { name: 'barzilaiBorwein, long', stepSize: barzilaiBorwein({ quotient: 'long' }), steps: 20 },
      { name: 'barzilaiBorwein, short', stepSize: barzilaiBorwein({ quotient: 'short' }), steps: 20 },
    ])('$name', async ({ name: _name, steps, ...options }) => {
      const [svd, nearest] = [await path('svd', options, steps), await path('nearest', options, steps)];
      for (const [k, matrix] of svd.entries()) expect(nearest[k]).toBeAllClose(matrix, 1e-9);
    });

    it('but for entrywise rules with moments that stay: adam in one gauge is not adam in another', async () => {
      const options = { direction: adam({ moments: 'keep' }), stepSize: constantStep(0.05) };
      const [svd, nearest] = [await path('svd', options, 10), await path('nearest', options, 10)];
      expect(svd[10]).not.toBeAllClose(nearest[10], 1e-3);
    });
  });

  describe.each<BalancedGauge>(['svd', 'nearest'])('adam on balanced factors of gauge %s', (gauge) => {
    it.each<MomentRule>(['transport', 'transport-first', 'keep'])("takes the steps of METHODS with moments '%s'", async (moments) => {
      const { problem, initial, residual } = approximation(la, gauge);
      const [beta1, beta2, epsilon, rate, steps] = [0.9, 0.999, 1e-8, 0.05, 25];
      const zero = { A: la.scale(0, initial.A), B: la.scale(0, initial.B) };
      const average = (beta: number, old: HostArray, now: HostArray) => la.add(la.scale(beta, old), la.scale(1 - beta, now));
      let [x, first, second]: Pair[] = [initial, zero, zero];
      const path: Pair[] = [x];
      for (let k = 1; k <= steps; k++) {
        const G = residual(x);
        const g = { A: la.matmul(G, la.transpose(x.B)), B: la.matmul(la.transpose(x.A), G) };
        first = { A: average(beta1, first.A, g.A), B: average(beta1, first.B, g.B) };
        second = { A: average(beta2, second.A, square(la, g.A)), B: average(beta2, second.B, square(la, g.B)) };
        const step = (key: 'A' | 'B'): HostArray => {
          const root = la.sqrt(la.scale(1 / (1 - beta2 ** k), second[key]));
          const quotient = la.divide(la.scale(1 / (1 - beta1 ** k), first[key]), la.add(root, la.full(la.shape(root), epsilon)));
          return la.subtract(x[key], la.scale(rate, quotient));
        };
        const { A, B, T, inverseT } = balancedProjection(la, { A: step('A'), B: step('B') }, { gauge });
        x = { A, B };
        path.push(x);
        const [Tt, invTt] = [la.transpose(T), la.transpose(inverseT)];
        if (moments !== 'keep') first = { A: la.matmul(first.A, Tt), B: la.matmul(invTt, first.B) };
        if (moments === 'transport') second = { A: la.matmul(second.A, square(la, Tt)), B: la.matmul(square(la, invTt), second.B) };
      }
      const solver = gradientDescent({ direction: adam({ beta1, beta2, epsilon, moments }), stepSize: constantStep(rate) });
      const states = await statesOf(problem, { initial, solver }, steps);
      for (const [k, expected] of path.entries()) {
        // The quotient m̂/√v̂ has no cancellation; where m passes zero the step does too. A few dozen rounding errors a
        // step.
        expect(states[k].x.A).toBeAllClose(expected.A, tolerance(la, 1e4, 1 + k));
        expect(states[k].x.B).toBeAllClose(expected.B, tolerance(la, 1e4, 1 + k));
      }
    });
  });
});
