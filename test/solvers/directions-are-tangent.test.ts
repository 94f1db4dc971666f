/**
 * Entrywise rules know nothing of tangent spaces: the engine makes their directions admissible before it steps,
 * component by component.
 */
import { square } from 'bures';
import { describe, expect, it } from 'vitest';
import {
  adam,
  balancedFactors,
  constantStep,
  type DirectionRule,
  fixedRank,
  gradientDescent,
  grassmann,
  type HostAlgebra,
  type HostArray,
  type Manifold,
  type Problem,
  product,
  seededRandom,
  sign,
  stiefel,
} from '../../src/index.js';
import { combine, numbersOf } from '../laws/specimens.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { statesOf } from './quadratics.js';

const [m, n, rank] = [8, 6, 3];
const rules: readonly DirectionRule[] = [sign(), adam()];

/** The manifold, with every step taken on it written down. */
function spied<P, T, Z, G>(manifold: Manifold<HostArray, P, T, Z, G>) {
  const steps: { readonly x: P; readonly u: T }[] = [];
  const watched: typeof manifold = {
    ...manifold,
    retractTransport(x, u, t) {
      steps.push({ x, u });
      return manifold.retractTransport(x, u, t);
    },
  };
  return { watched, steps };
}

async function expectTangent<P, T, Z, G>(
  la: HostAlgebra,
  manifold: Manifold<HostArray, P, T, Z, G>,
  steps: readonly { readonly x: P; readonly u: T }[],
): Promise<void> {
  expect(steps.length).toBeGreaterThan(0);
  for (const { x, u } of steps) {
    const gap = await numbersOf(la, combine(la, 1, manifold.toTangent(x, u), -1, u));
    // Entries of u are of size one.
    expect(gap).toBeAllClose(new Float64Array(gap.length), tolerance(la, 1000));
  }
}

describe.each(hostEngines)('on %s', (_engine, la) => {
  const weights = la.randomNormal([m, rank], seededRandom(4));

  describe.each(rules)('$name', (direction) => {
    const solver = gradientDescent({ direction, stepSize: constantStep(0.01) });

    it.each([
      ['stiefel', stiefel({ m, rank, algebra: la })],
      ['grassmann', grassmann({ m, rank, algebra: la })],
    ])('steps along tangents on %s', async (_name, manifold) => {
      const { watched, steps } = spied(manifold);
      const gradient = { kind: 'ambient' as const, at: (x: HostArray) => la.subtract(la.multiply(square(la, x), x), weights) };
      await statesOf({ manifold: watched, cost: (x) => -(la.inner(x, weights) as number), gradient }, { solver, seed: 5 }, 4);
      await expectTangent(la, manifold, steps);
    });

    it('steps along tangents on fixedRank', async () => {
      const manifold = fixedRank({ m, n, rank, algebra: la });
      const target = la.randomNormal([m, n], seededRandom(5));
      const { watched, steps } = spied(manifold);
      const residual = (x: Parameters<typeof manifold.toMatrix>[0]) => la.subtract(manifold.toMatrix(x), target);
      await statesOf({ manifold: watched, cost: () => 1, gradient: { kind: 'ambient', at: residual } }, { solver, seed: 5 }, 4);
      await expectTangent(la, manifold, steps);
    });

    it('in a product steps along tangents where a component needs it, and as it would alone where one does not', async () => {
      const factors = balancedFactors({ m, n, rank, algebra: la });
      const basis = stiefel({ m, rank: 2, algebra: la });
      const { watched, steps } = spied(basis);
      const both = product({ factors, basis: watched });
      type Factors = ReturnType<typeof factors.randomPoint>;
      type Both = ReturnType<typeof both.randomPoint>;
      const target = la.randomNormal([m, n], seededRandom(6));
      const pull = la.randomNormal([m, 2], seededRandom(7));
      const residual = (x: Factors) => la.subtract(factors.toMatrix(x), target);
      const alone: Problem<HostArray, Factors, Factors, Factors, HostArray> = {
        manifold: factors as unknown as Manifold<HostArray, Factors, Factors, Factors, HostArray>,
        cost: (x) => 0.5 * (la.norm(residual(x)) as number) ** 2,
        gradient: { kind: 'ambient', at: residual },
      };
      const together = {
        manifold: both as unknown as Manifold<HostArray, Both, Both, Both, unknown>,
        cost: (x: Both) => (alone.cost(x.factors, undefined) as number) - (la.inner(x.basis, pull) as number),
        gradient: { kind: 'ambient' as const, at: (x: Both) => ({ factors: residual(x.factors), basis: la.scale(-1, pull) }) },
      };
      const start = both.randomPoint(seededRandom(8));
      const pathAlone = await statesOf(alone, { solver, initial: start.factors }, 20);
      const pathTogether = await statesOf(together, { solver, initial: start }, 20);
      for (const [k, { x }] of pathAlone.entries()) {
        expect(pathTogether[k].x.factors.A).toBeAllClose(x.A, 0);
        expect(pathTogether[k].x.factors.B).toBeAllClose(x.B, 0);
      }
      await expectTangent(la, basis, steps);
    });
  });
});
