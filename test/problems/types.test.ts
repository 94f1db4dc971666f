/** Types that the problems of the library hand on, and what automatic differentiation does not offer. */
import {
  balancedFactors,
  csrFromTriplets,
  type FactorPair,
  type FixedRankManifold,
  type FixedRankPoint,
  fixedRank,
  type HostArray,
  hostAlgebra,
  minimize,
  quotientFactors,
  trustRegions,
} from 'bures';
import { type DifferentiableAlgebra, differentiableAlgebra } from 'bures/autodiff';
import { lowRankApproximation, matrixCompletion, reducedRankRegression, robustPca } from 'bures/problems';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { Tape } from '../../src/autodiff/tape.js';
import { algebraOnTape } from '../../src/autodiff/tape-algebra.js';

const la = hostAlgebra({ blas: 'off' });
const [m, n, rank] = [6, 5, 2];
const observed = csrFromTriplets(la, { rows: m, columns: n, rowIndices: [0, 1, 3], columnIndices: [1, 2, 4], values: [1, 2, 3] });
const data = la.full([m, n], 1);

describe('the manifold of a problem keeps its own type', () => {
  it('of matrixCompletion, on matrices and on factors', async () => {
    const problem = matrixCompletion({ manifold: fixedRank({ m, n, rank }), observed });
    expectTypeOf(problem.manifold).toExtend<FixedRankManifold<HostArray>>();
    expectTypeOf(problem.manifold.toMatrix).toBeFunction();
    const { x, solver } = await minimize(problem, { solver: trustRegions(), seed: 1 });
    expectTypeOf(x).toEqualTypeOf<FixedRankPoint<HostArray>>();
    expectTypeOf(solver).toEqualTypeOf<string>();
    expect(la.shape(problem.manifold.toMatrix(x))).toEqual([m, n]);
    const pairs = matrixCompletion({ manifold: balancedFactors({ m, n, rank }), observed, regularization: 0.1 });
    expectTypeOf(pairs.manifold.balance).toBeFunction();
    expectTypeOf(pairs.cost).parameter(0).toEqualTypeOf<FactorPair<HostArray>>();
  });

  it('of the other problems', () => {
    const manifold = quotientFactors({ m, n, rank });
    for (const problem of [
      lowRankApproximation({ manifold, data }),
      robustPca({ manifold, data, smoothing: 1 }),
      reducedRankRegression({ manifold, features: la.full([7, m], 1), targets: la.full([7, n], 1) }),
    ]) {
      expectTypeOf(problem.manifold.toMatrix).toBeFunction();
      expect(problem.manifold).toBe(manifold);
    }
  });
});

describe('what a differentiated cost is given', () => {
  it('has no operation that reads numbers out, draws, or frees', () => {
    type Offered = keyof DifferentiableAlgebra<HostArray>;
    expectTypeOf<
      Extract<Offered, 'toArray' | 'toRows' | 'readInto' | 'maxAbs' | 'randomNormal' | 'adamStep' | 'keep' | 'dispose' | 'openScope'>
    >().toBeNever();
  });

  it('has no operation by its type that is not there on the tape', () => {
    const onTape = algebraOnTape(new Tape(differentiableAlgebra(la))) as unknown as Readonly<Record<string, unknown>>;
    const numbersLeave = [
      'toArray',
      'toRows',
      'readInto',
      'maxAbs',
      'randomNormal',
      'sparsePasses',
      'adamStep',
      'keep',
      'dispose',
      'openScope',
    ];
    const offered = Object.keys(la).filter((name) => !numbersLeave.includes(name));
    expect(offered.filter((name) => !(name in onTape))).toEqual([]);
    expect(numbersLeave.filter((name) => name in onTape)).toEqual([]);
  });
});
