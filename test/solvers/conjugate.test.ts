/** Conjugate gradients: Hestenes and Stiefel's method on quadratics, the formulas of β, and their restarts. */
import { describe, expect, it } from 'vitest';
import {
  armijo,
  type FixedRankPoint,
  fixedRank,
  fletcherReeves,
  gradientDescent,
  type HostArray,
  hagerZhang,
  hestenesStiefel,
  hostAlgebra,
  lbfgs,
  minimize,
  polakRibiere,
  seededRandom,
  sgd,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';
import { decide, quadratic, statesOf, telltaleTransport } from './quadratics.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  const setup = quadratic(la);
  const { problem, initial, exactStep } = setup;
  const array = (...values: number[]): HostArray => la.fromArray([...values, 0, 0, 0, 0].slice(0, 6), [6]);
  const rules = { polakRibiere: polakRibiere(), hestenesStiefel: hestenesStiefel() };
  const all = { ...rules, fletcherReeves: fletcherReeves(), hagerZhang: hagerZhang({ restartEvery: 20 }) };

  describe.each(Object.entries(all))('%s', (_name, rule) => {
    it('solves a quadratic in six variables in six exact steps, where steepest descent has hardly begun', async () => {
      const normsOf = async (direction: typeof rule) =>
        (await statesOf(problem, { initial, solver: gradientDescent({ direction, stepSize: exactStep }) }, 6)).map(
          ({ gradientNorm }) => gradientNorm,
        );
      const [conjugate, steepest] = [await normsOf(rule), await normsOf(sgd())];
      expect(conjugate[5] / conjugate[0]).toBeGreaterThan(1e-6);
      // Rounding grows with the condition number, 100, and the square of it where directions lose conjugacy.
      expect(conjugate[6] / conjugate[0]).toBeLessThan(tolerance(la, 100, 1e4));
      expect(steepest[6] / steepest[0]).toBeGreaterThan(1e-2);
    });

    it('carries its gradient and its direction as vectors', () => {
      const memory = { tangents: { gradient: array(1, 2), direction: array(3, 4) }, numbers: { squaredNorm: 7 } };
      const { tangents, numbers } = rule.move(memory, telltaleTransport(la, initial));
      expect(tangents.gradient).toBeAllClose(array(2, 4), 0);
      expect(tangents.direction).toBeAllClose(array(6, 8), 0);
      expect(numbers).toEqual({ squaredNorm: 7 });
    });
  });

  describe.each(Object.entries(rules))('%s', (_name, rule) => {
    it('restarts from −grad where β would be negative, though the other direction points downhill', async () => {
      const g = array(1, 1);
      // y = g − g_previous = (−1, ½) and ⟨g, y⟩ < 0; −g − ¼·u_previous would still be downhill.
      const previous = { gradient: array(2, 0.5), direction: array(-2, -0.5) };
      const squaredNorm = 4.25;
      const { direction } = await decide(setup, rule, g, { tangents: previous, numbers: { squaredNorm } });
      expect(direction).toBeAllClose(array(-1, -1), 0);
    });

    it('restarts where its direction would point uphill', async () => {
      const g = array(1, 1);
      const previous = { gradient: array(0.1, -0.1), direction: array(5, 5) };
      const { direction } = await decide(setup, rule, g, { tangents: previous, numbers: { squaredNorm: 0.02 } });
      expect(direction).toBeAllClose(array(-1, -1), 0);
    });
  });

  it('β is as published', async () => {
    const g = array(1, 3);
    const previous = { gradient: array(2, -1), direction: array(-3, 1) };
    // y = (−1, 4): ⟨g, y⟩ = 11, ⟨u_previous, y⟩ = 7, ‖g_previous‖² = 5.
    const memory = { tangents: previous, numbers: { squaredNorm: 5 } };
    const expectBeta = async (rule: typeof rules.polakRibiere, beta: number) => {
      const { direction, memory: kept } = await decide(setup, rule, g, memory);
      expect(direction).toBeAllClose(array(-1 - 3 * beta, -3 + beta), tolerance(la, 10, 10));
      expect(kept).toMatchObject({ numbers: { squaredNorm: expect.closeTo(10, 12) } });
    };
    await expectBeta(rules.polakRibiere, 11 / 5);
    await expectBeta(rules.hestenesStiefel, 11 / 7);
    await expectBeta(fletcherReeves({ orthogonality: 10 }), 10 / 5);
    // ⟨u, g⟩ = 0, ‖y‖² = 17: (⟨y, g⟩ − 2·17·0/7)/7; the bound 0.4·(0 − 7)/10 is lower.
    await expectBeta(hagerZhang(), 11 / 7);
  });

  it('hagerZhang bounds β from below by a share of the step that the last gradient alone would give', async () => {
    const g = array(1, 0);
    // d = (½, −2) and y = (1, −3): ⟨d, y⟩ = 6½, ‖y‖² = 10, ⟨d, g⟩ = ½, so that β would be (1 − 10/6½)/6½ < −0.08.
    const memory = { tangents: { gradient: array(0, 3), direction: array(0.5, -2) }, numbers: { squaredNorm: 9 } };
    const beta = (0.05 * (0.5 - 6.5)) / 4.25;
    const { direction } = await decide(setup, hagerZhang({ floor: 0.05 }), g, memory);
    expect(direction).toBeAllClose(array(-1 + 0.5 * beta, -2 * beta), tolerance(la, 100));
  });

  it('restarts after restartEvery steps, and where gradients in a row are alike', async () => {
    const restartsOf = async (direction: typeof rules.polakRibiere, steps: number) => {
      const states = await statesOf(problem, { initial, solver: gradientDescent({ direction, stepSize: exactStep }) }, steps);
      return states.slice(1).map(({ memory }) => memory.direction.numbers.age);
    };
    expect(await restartsOf(polakRibiere({ restartEvery: 2 }), 5)).toEqual([1, 2, 1, 2, 1]);
    expect(await restartsOf(polakRibiere(), 4)).toEqual([1, 2, 3, 4]);
    const tangents = { gradient: array(1, 0.5), direction: array(-1, -0.5) };
    const memory = { tangents, numbers: { squaredNorm: 1.25, age: 3 } };
    const kept = await decide(setup, fletcherReeves({ orthogonality: 2 }), array(1, -0.5), memory);
    expect(kept.direction).not.toBeAllClose(array(-1, 0.5), 1e-3);
    const restarted = await decide(setup, fletcherReeves(), array(1, -0.5), memory);
    expect(restarted.direction).toBeAllClose(array(-1, 0.5), 0);
  });
});

describe.each([hestenesStiefel(), polakRibiere(), lbfgs()])('$name, on matrices of more rank than the target', (direction) => {
  const la = hostAlgebra();

  // The small singular values make the geometry steep: a direction carried from afar can fail at every length.
  it.each(Array.from({ length: 6 }, (_, seed) => seed))('goes on from −grad where its own direction has no step, draw %i', async (seed) => {
    const random = seededRandom(100 + seed);
    const target = la.matmul(la.randomNormal([12, 2], random), la.randomNormal([2, 9], random));
    const manifold = fixedRank({ m: 12, n: 9, rank: 4 });
    const residual = (x: FixedRankPoint<HostArray>) => la.subtract(manifold.toMatrix(x), target);
    const cost = (x: FixedRankPoint<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
    const solver = gradientDescent({ direction, stepSize: armijo() });
    const result = await minimize({ manifold, cost, gradient: { kind: 'ambient', at: residual } }, { solver, seed });
    expect(result.stopReason).toMatch(/^gradient norm/);
    expect(result.converged).toBe(true);
    expect(result.cost).toBeLessThan(1e-9);
  });
});
