/** Numbers of the host engine are plain by type, on every manifold; those of a device may be promised. */
import type { Tensor } from '@tensorflow/tfjs-core';
import {
  type Awaitable,
  balancedFactors,
  dampedFactors,
  defineManifold,
  elliptope,
  euclidean,
  euclideanFactors,
  fixedRank,
  fixedRankPsd,
  generalizedGrassmann,
  generalizedStiefel,
  grassmann,
  type HostArray,
  hostAlgebra,
  hyperbolic,
  type LinearAlgebra,
  lazyFactors,
  type Manifold,
  type NumberOf,
  oblique,
  orthogonalGroup,
  poincareBall,
  product,
  quotientFactors,
  rotations,
  seededRandom,
  simplex,
  spd,
  sphere,
  stiefel,
  whenRead,
} from 'bures';
import type { TensorAlgebra } from 'bures/tensor';
import { describe, expect, expectTypeOf, it } from 'vitest';

const la = hostAlgebra({ blas: 'off' });
const [m, n, rank] = [6, 5, 2];
const weight = la.fromRows([
  [2, 1, 0],
  [1, 3, 0],
  [0, 0, 1],
]);

/** Everything that a factory of the library gives on the host. */
const manifolds = {
  balancedFactors: balancedFactors({ m, n, rank }),
  dampedFactors: dampedFactors({ m, n, rank }),
  defineManifold: defineManifold({
    name: 'line',
    algebra: la,
    dim: 2,
    checkPoint: () => undefined,
    project: (_x: HostArray, u: HostArray) => u,
    retract: (x: HostArray, u: HostArray, t = 1) => la.axpy(t, u, x),
    randomPoint: (random) => la.randomNormal([2], random),
  }),
  elliptope: elliptope({ n, rank }),
  euclidean: euclidean({ shape: [m, n] }),
  euclideanFactors: euclideanFactors({ m, n, rank }),
  fixedRank: fixedRank({ m, n, rank }),
  fixedRankPsd: fixedRankPsd({ n, rank }),
  generalizedGrassmann: generalizedGrassmann({ m: 3, B: weight, rank }),
  generalizedStiefel: generalizedStiefel({ m: 3, B: weight, rank }),
  grassmann: grassmann({ m, rank }),
  hyperbolic: hyperbolic({ n }),
  lazyFactors: lazyFactors({ m, n, rank, every: 3 }),
  oblique: oblique({ m, n }),
  orthogonalGroup: orthogonalGroup({ n }),
  poincareBall: poincareBall({ n }),
  product: product({ adapter: balancedFactors({ m, n, rank }), bias: euclidean({ shape: [m] }) }),
  quotientFactors: quotientFactors({ m, n, rank }),
  rotations: rotations({ n }),
  simplex: simplex({ n }),
  spd: spd({ n }),
  sphere: sphere({ shape: [n] }),
  stiefel: stiefel({ m, rank }),
};

describe('on the host norm, inner and dist are plain numbers', () => {
  it('by type', () => {
    type Numbers = { readonly [K in keyof typeof manifolds]: ReturnType<(typeof manifolds)[K]['norm' | 'inner']> };
    expectTypeOf<Numbers[keyof Numbers]>().toEqualTypeOf<number>();
    type Distances = { readonly [K in keyof typeof manifolds]: ReturnType<NonNullable<(typeof manifolds)[K]['dist']>> };
    expectTypeOf<Distances[keyof Distances]>().toEqualTypeOf<number>();
  });

  it.each(Object.entries(manifolds) as [string, Manifold<HostArray, unknown>][])('at run time: %s', async (name, manifold) => {
    const x = manifold.randomPoint(seededRandom(1));
    const u = await manifold.randomTangent(x, seededRandom(2));
    expect(manifold.norm(x, u)).toBeCloseTo(1, 10);
    expect(manifold.inner(x, u, u)).toBeCloseTo(1, 10);
    // The first component of the product has none.
    if (name !== 'product' && manifold.dist !== undefined) expect(manifold.dist(x, x)).toBeLessThan(1e-6);
  });
});

it('numbers of a device, and of an engine that is not known, may be promised', () => {
  expectTypeOf<NumberOf<Tensor>>().toEqualTypeOf<Awaitable<number>>();
  expectTypeOf<ReturnType<TensorAlgebra['norm']>>().toEqualTypeOf<Awaitable<number>>();
  expectTypeOf<NumberOf<unknown>>().toEqualTypeOf<Awaitable<number>>();
  const generic = <M>(engine: LinearAlgebra<M>, x: M): NumberOf<M> => whenRead<M>([engine.norm(x), 2], (norm, two) => norm / two);
  const half: number = generic(la, la.full([4], 3));
  expect(half).toBe(3);
});

it('whenRead waits only for promises, and gives on what fails', async () => {
  expect(whenRead<HostArray>([1, 2], (a, b) => a + b)).toBe(3);
  await expect(Promise.resolve(whenRead<Tensor>([1, Promise.resolve(2)], (a, b) => a + b))).resolves.toBe(3);
  await expect(Promise.resolve(whenRead<Tensor>([Promise.reject(new Error('lost'))], (a) => a))).rejects.toThrow('lost');
});
