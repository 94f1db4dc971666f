/** Types that a problem takes from its manifold, and what is said of fields that it does not have. */
import {
  type Ambient,
  augmentedLagrangian,
  balancedFactors,
  barycenter,
  ConfigError,
  type ConstrainedProblem,
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
  product,
  seededRandom,
  sphere,
  trustRegions,
} from 'bures';
import { autodiffVector } from 'bures/autodiff';
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

  it('of constraints, for augmentedLagrangian', async () => {
    const A = la.fromRows([
      [4, -1],
      [-1, 3],
    ]);
    const nonnegative = defineProblem({
      manifold: sphere({ shape: [2, 1] }),
      cost: (x) => -0.5 * la.inner(x, la.matmul(A, x)),
      gradient: { kind: 'ambient', at: (x) => la.scale(-1, la.matmul(A, x)) },
      inequality: {
        at(x) {
          expectTypeOf(x).toEqualTypeOf<HostArray>();
          return la.scale(-1, x);
        },
        vjp: {
          kind: 'ambient',
          at(_x, w) {
            expectTypeOf(w).toEqualTypeOf<HostArray>();
            return la.scale(-1, w);
          },
        },
      },
    });
    expectTypeOf(nonnegative).toEqualTypeOf<ConstrainedProblem<HostArray, HostArray, HostArray, HostArray, HostArray>>();
    const { x, converged } = await augmentedLagrangian(nonnegative, { initial: la.fromArray([0.8, 0.6], [2, 1]) });
    expect(converged).toBe(true);
    expect(la.toArray(x)).toBeAllClose([1, 0], 1e-5);
    const mean = { at: (y: HostArray) => la.full([1], la.total(y)), vjp: { kind: 'ambient' as const, at: (y: HostArray) => y } };
    const both = defineProblem({ ...nonnegative, equality: { at: (y) => y, vjp: { kind: 'ambient', at: (_y, w) => w } } });
    expectTypeOf(both).toEqualTypeOf(nonnegative);
    const centred = defineProblem({ manifold: nonnegative.manifold, cost: () => 0, gradient: nonnegative.gradient, equality: mean });
    expectTypeOf(centred).toEqualTypeOf(nonnegative);
    // What is wrong with a constraint is said here, and minimize does not pass over a constraint.
    expect(() => defineProblem({ ...nonnegative, inequality: { at: mean.at } } as never)).toThrow(/^defineProblem: inequality.vjp must be/);
    expect(() => defineProblem({ ...nonnegative, nextBatch: () => 1 } as never)).toThrow(/^defineProblem: the cost must be deterministic/);
    await expect(minimize(nonnegative)).rejects.toThrow(/'inequality' would be ignored; call augmentedLagrangian to minimize/);
  });

  it('refuses what it does not know, by its own name', () => {
    const problem = { manifold: sphere({ shape: [4] }), cost: () => 0, gradient: { kind: 'ambient' as const, at: (x: HostArray) => x } };
    expect(() => defineProblem({ ...problem, ehess: () => 0 } as typeof problem)).toThrow(ConfigError);
    expect(() => defineProblem({ ...problem, ehess: () => 0 } as typeof problem)).toThrow(/^defineProblem: problem: 'ehess' is the name/);
  });
});

describe('types of what a manifold offers', () => {
  it('products have the operations that all components have', async () => {
    const round = product({ a: sphere({ shape: [3] }), b: sphere({ shape: [4] }) });
    const [x, y] = [1, 2].map((seed) => round.randomPoint(seededRandom(seed)));
    expectTypeOf(round.dist).not.toEqualTypeOf<undefined>();
    expect(round.dist(x, round.exp(x, round.log(x, y)))).toBeCloseTo(round.dist(x, y), 12);
    expect((await barycenter(round, [x, y])).converged).toBe(true);
    const mixed = product({ a: sphere({ shape: [3] }), b: fixedRank({ m: 4, n: 3, rank: 2 }) });
    // @ts-expect-error one component has no logarithms
    await expect(async () => barycenter(mixed, [mixed.randomPoint(seededRandom(1))])).rejects.toThrow(/no log/);
    // @ts-expect-error a manifold without logarithms
    await expect(async () => barycenter(fixedRank({ m: 4, n: 3, rank: 2 }), [])).rejects.toThrow(/has no logarithms/);
  });

  it('constraints by autodiffVector stand beside costs on fixedRank', async () => {
    const manifold = fixedRank({ m: 5, n: 4, rank: 2 });
    const target = manifold.randomPoint(seededRandom(3));
    const residual = (x: FixedRankPoint<HostArray>) => la.subtract(manifold.toMatrix(x), manifold.toMatrix(target));
    const { x, converged, stopReason } = await augmentedLagrangian(
      {
        manifold,
        cost: (x) => 0.5 * la.norm(residual(x)) ** 2,
        gradient: { kind: 'ambient', at: residual },
        // The sum of the singular values is at most a given one.
        inequality: autodiffVector(la, (ops, point: FixedRankPoint<HostArray>) =>
          ops.subtract(ops.reshape(ops.total(point.S), [1]), la.full([1], 0.9 * la.total(target.S))),
        ),
      },
      { initial: manifold.randomPoint(seededRandom(3)), tolerance: 1e-5 },
    );
    expect(converged, stopReason).toBe(true);
    expect(la.total(x.S)).toBeCloseTo(0.9 * la.total(target.S), 4);
  });
});
