/** Types that a problem takes from its manifold, and what is said of fields that it does not have. */
import {
  type Ambient,
  balancedFactors,
  ConfigError,
  defineProblem,
  type FactorPair,
  type FixedRankPoint,
  type FixedRankTangent,
  fixedRank,
  grassmann,
  type HostArray,
  hostAlgebra,
  minimize,
  type Problem,
  sphere,
  trustRegions,
} from 'bures';
import { describe, expect, expectTypeOf, it } from 'vitest';

const la = hostAlgebra({ blas: 'off' });

describe('defineProblem', () => {
  it('gives functions the types of the manifold, without annotations', async () => {
    const spectrum = la.fromArray([4, 3, 2, 1], [4]);
    const problem = defineProblem({
      manifold: sphere({ shape: [4] }),
      cost(x) {
        expectTypeOf(x).toEqualTypeOf<HostArray>();
        return 0.5 * la.inner(x, la.multiply(spectrum, x));
      },
      gradient: { kind: 'ambient', at: (x) => la.multiply(spectrum, x) },
      hessian: {
        kind: 'ambient',
        at(_x, u) {
          expectTypeOf(u).toEqualTypeOf<HostArray>();
          return la.multiply(spectrum, u);
        },
      },
    });
    expectTypeOf(problem).toEqualTypeOf<Problem<HostArray, HostArray, HostArray, HostArray, HostArray, undefined>>();
    const { cost } = await minimize(problem, { solver: trustRegions() });
    expectTypeOf(cost).toEqualTypeOf<number>();
    expect(cost).toBeCloseTo(0.5, 12);
  });

  it('of pairs, of fixed rank, and of batches', () => {
    const pairs = defineProblem({
      manifold: balancedFactors({ m: 5, n: 4, rank: 2 }),
      cost(x) {
        expectTypeOf(x).toEqualTypeOf<FactorPair<HostArray>>();
        return la.norm(x.A);
      },
      gradient: { kind: 'coordinates', at: (x) => x },
    });
    expect(pairs.manifold.dim).toBe(14);
    const ranked = defineProblem({
      manifold: fixedRank({ m: 5, n: 4, rank: 2 }),
      cost(x) {
        expectTypeOf(x).toEqualTypeOf<FixedRankPoint<HostArray>>();
        return la.norm(x.S);
      },
      gradient: {
        kind: 'ambient',
        at(x): Ambient<HostArray> {
          return la.matmul(x.U, x.V, { transposeB: true });
        },
      },
      preconditioner: {
        at(_x, u) {
          expectTypeOf(u).toEqualTypeOf<FixedRankTangent<HostArray>>();
          return u;
        },
      },
    });
    expect(ranked.manifold.dim).toBe(14);
    const drawn = defineProblem({
      manifold: grassmann({ m: 5, rank: 2 }),
      nextBatch: (k: number) => la.full([5, 1], k),
      cost(x, batch) {
        expectTypeOf(batch).toEqualTypeOf<HostArray>();
        return la.norm(la.matmul(x, batch, { transposeA: true }));
      },
      gradient: { kind: 'ambient', at: (x) => x },
    });
    expect(drawn.nextBatch).toBeDefined();
  });

  it('refuses what it does not know, by its own name', () => {
    const problem = { manifold: sphere({ shape: [4] }), cost: () => 0, gradient: { kind: 'ambient' as const, at: (x: HostArray) => x } };
    expect(() => defineProblem({ ...problem, ehess: () => 0 } as typeof problem)).toThrow(ConfigError);
    expect(() => defineProblem({ ...problem, ehess: () => 0 } as typeof problem)).toThrow(/^defineProblem: problem: 'ehess' is the name/);
  });
});
