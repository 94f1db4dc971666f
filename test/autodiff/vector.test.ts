/** Jacobian products by reverse mode: against the Jacobian by hand, each other, and differences, on all engines. */
import {
  balancedFactors,
  ConfigError,
  type FactorPair,
  fixedRank,
  type HostArray,
  hostAlgebra,
  leastSquares,
  levenbergMarquardt,
  minimize,
  NotImplementedError,
  ShapeError,
  seededRandom,
} from 'bures';
import { autodiffVector, type DifferentiableAlgebra } from 'bures/autodiff';
import { describe, expect, it } from 'vitest';
import { allEngines } from '../support/engines.js';

const host = hostAlgebra({ blas: 'off' });

describe.each(allEngines)('on %s', (_engine, la) => {
  type M = unknown;
  const functions: Readonly<Record<string, (ops: DifferentiableAlgebra<M>, x: FactorPair<M>) => M>> = {
    'a product, of shape [5, 4]': (ops, { A, B }) => ops.matmul(A, B),
    'elementwise, of shape [5, 2]': (ops, { A }) => ops.multiply(ops.exp(A), ops.sin(A)),
    'norms of rows, of shape [5]': (ops, { A, B }) => ops.sqrt(ops.sum(ops.multiply(ops.matmul(A, B), ops.matmul(A, B)), 'rows')),
    'a factorization, of shape [2, 2]': (ops, { B }) => ops.cholesky(ops.matmul(B, B, { transposeB: true })),
    'a number, of shape []': (ops, { A, B }) => ops.inner(ops.matmul(A, B), ops.matmul(A, B)),
    'linear, of shape [4, 2]': (ops, { B }) => ops.transpose(B),
  };

  it.each(Object.keys(functions))('%s: J u is the derivative, and Jᵀ its transpose', async (name) => {
    await la.tidy(async () => {
      const vector = autodiffVector(la, functions[name]);
      const random = seededRandom(3);
      const draw = (): FactorPair<M> => ({ A: la.randomNormal([5, 2], random), B: la.randomNormal([2, 4], random) });
      const [x, u] = [draw(), draw()];
      const value = vector.at(x);
      const w = la.randomNormal(la.shape(value), random);
      const image = vector.jvp(x, u);
      expect(la.shape(image)).toEqual(la.shape(value));
      const { A, B } = vector.vjp.at(x, w);
      const [left, right] = [await la.inner(w, image), (await la.inner(A, u.A)) + (await la.inner(B, u.B))];
      expect(Math.abs(left - right)).toBeLessThan(1e4 * la.epsilon * (1 + Math.abs(left)));
      const t = Math.cbrt(la.epsilon);
      const moved = (by: number): M => vector.at({ A: la.axpy(by, u.A, x.A), B: la.axpy(by, u.B, x.B) });
      const central = la.scale(1 / (2 * t), la.subtract(moved(t), moved(-t)));
      expect(await la.norm(la.subtract(central, image))).toBeLessThan(1e3 * t * t * (1 + (await la.norm(image))));
      // The second derivative is that of Jᵀw along u.
      const second = vector.hessian.at(x, u, w);
      const pulled = (by: number): FactorPair<M> => vector.vjp.at({ A: la.axpy(by, u.A, x.A), B: la.axpy(by, u.B, x.B) }, w);
      const [ahead, behind] = [pulled(t), pulled(-t)];
      for (const key of ['A', 'B'] as const) {
        const difference = la.scale(1 / (2 * t), la.subtract(ahead[key], behind[key]));
        expect(await la.norm(la.subtract(difference, second[key]))).toBeLessThan(1e3 * t * t * (1 + (await la.norm(second[key]))));
      }
    });
  });
});

describe('autodiffVector', () => {
  it('arrays that a function does not use have derivative zero, also where it is constant', () => {
    const constant = autodiffVector(host, (_ops, _x: FactorPair<HostArray>) => host.full([3], 2));
    const x = { A: host.full([2, 1], 1), B: host.full([1, 2], 1) };
    expect(constant.jvp(x, x)).toBeAllClose([0, 0, 0], 0);
    expect(constant.vjp.at(x, host.full([3], 1)).A).toBeAllClose([0, 0], 0);
    const half = autodiffVector(host, (ops, { A }: FactorPair<HostArray>) => ops.scale(3, A));
    expect(half.vjp.at(x, host.full([2, 1], 1)).B).toBeAllClose([0, 0], 0);
  });

  it('makes residuals of factors for Levenberg–Marquardt', async () => {
    const manifold = balancedFactors({ m: 8, n: 6, rank: 2 });
    const goal = manifold.toMatrix(manifold.randomPoint(seededRandom(5)));
    const residual = autodiffVector(host, (ops, { A, B }: FactorPair<HostArray>) => ops.subtract(ops.matmul(A, B), goal));
    const { cost, converged } = await minimize(leastSquares({ manifold, residual }), { solver: levenbergMarquardt(), seed: 1 });
    expect(converged).toBe(true);
    expect(cost).toBeLessThan(1e-12);
  });

  it('refuses what it cannot differentiate, and tangents that are no displacements', () => {
    expect(() => autodiffVector(host, 3 as never)).toThrow(ConfigError);
    const number = autodiffVector(host, ((_ops: unknown, x: HostArray) => host.norm(x)) as never);
    expect(() => number.at(host.full([2], 1) as never)).toThrow(NotImplementedError);
    const manifold = fixedRank({ m: 5, n: 4, rank: 2 });
    const x = manifold.randomPoint(seededRandom(1));
    const singular = autodiffVector(host, (ops, { S }: typeof x) => ops.scale(1, S));
    expect(() => singular.jvp(x, manifold.zeroTangent(x) as never)).toThrow(ShapeError);
  });
});
