/**
 * The equivalence that holds the library together: descent on balanced factors and on the rank-r matrices with the
 * Bures metric are one algorithm (Castin et al. 2026; METHODS). The same for the preconditioned metric, and for the
 * metrics themselves.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  balancedFactors,
  bures,
  constantStep,
  euclideanFactors,
  type FactorPair,
  factored,
  fixedRank,
  gradientDescent,
  type HostAlgebra,
  type HostArray,
  hyperBalancedFactors,
  iterate,
  type Manifold,
  type Problem,
  quotient,
  quotientFactors,
  seededRandom,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { geometric, type Sizes, sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

/** A smooth cost that is not quadratic: Σ log cosh(X − Z), with gradient tanh(X − Z). */
function logCosh(la: HostAlgebra, target: HostArray) {
  const entries = (x: HostArray): Float64Array => la.toArray(la.subtract(x, target)) as Float64Array;
  return {
    cost: (x: HostArray) => entries(x).reduce((sum, d) => sum + Math.log(Math.cosh(d)), 0),
    gradient: (x: HostArray) => la.fromArray(entries(x).map(Math.tanh), la.shape(target)),
  };
}

/** The matrices X_0, X_1, … of descent with a constant step. */
async function descend<P, T, Z>(
  la: HostAlgebra,
  manifold: Manifold<HostArray, P, T, Z, HostArray> & { toMatrix(x: P): HostArray },
  target: HostArray,
  initial: P,
  { step, count }: { readonly step: number; readonly count: number },
): Promise<HostArray[]> {
  const { cost, gradient } = logCosh(la, target);
  const problem: Problem<HostArray, P, T, Z, HostArray> = {
    manifold,
    cost: (x) => cost(manifold.toMatrix(x)),
    gradient: { kind: 'ambient', at: (x) => gradient(manifold.toMatrix(x)) },
  };
  const visited: HostArray[] = [];
  for await (const { state } of iterate(problem, { initial, solver: gradientDescent({ stepSize: constantStep(step) }) })) {
    visited.push(manifold.toMatrix(state.x));
    if (visited.length > count) break;
  }
  return visited;
}

/** The largest relative deviation of two trajectories. */
async function largestDeviation(la: HostAlgebra, left: readonly HostArray[], right: readonly HostArray[]): Promise<number> {
  const deviations = await Promise.all(left.map(async (x, k) => (await la.norm(la.subtract(x, right[k]))) / (await la.norm(x))));
  return Math.max(...deviations);
}

const run = { step: 0.1, count: 300 };

describe.each(hostEngines)('on %s', (_engine, la) => {
  it.each([
    { m: 12, n: 9, rank: 3, seed: 1 },
    { m: 7, n: 15, rank: 4, seed: 2 },
    { m: 20, n: 6, rank: 5, seed: 3 },
  ])(
    'BaLoRA is Bures descent: 300 steps at $m×$n, rank $rank agree to 1e-12, and unprojected descent does not',
    async ({ m, n, rank, seed }) => {
      const random = seededRandom(seed);
      const target = la.scale(2, la.randomNormal([m, n], random));
      const factors = balancedFactors({ m, n, rank, algebra: la });
      const matrices = fixedRank({ m, n, rank, metric: bures(), retraction: factored(), algebra: la });
      const plain = euclideanFactors({ m, n, rank, algebra: la });
      const initial = factors.randomPoint(random);
      const balora = await descend(la, factors, target, initial, run);
      const riemannian = await descend(la, matrices, target, matrices.fromFactors(initial.A, initial.B), run);
      const unprojected = await descend(la, plain, target, initial, run);
      expect(await largestDeviation(la, balora, riemannian)).toBeLessThan(1e-12);
      expect(await largestDeviation(la, balora, unprojected)).toBeGreaterThan(1e-3);
    },
  );

  it('both gauges of the balanced projection take the same path', async () => {
    const [m, n, rank] = [11, 8, 3];
    const random = seededRandom(4);
    const target = la.scale(2, la.randomNormal([m, n], random));
    const [svd, nearest] = (['svd', 'nearest'] as const).map((gauge) => balancedFactors({ m, n, rank, gauge, algebra: la }));
    const initial = svd.randomPoint(random);
    const deviation = await largestDeviation(
      la,
      await descend(la, svd, target, initial, run),
      await descend(la, nearest, target, initial, run),
    );
    expect(deviation).toBeLessThan(1e-12);
  });

  it('unprojected descent leaves balance by exactly τ²(B GᵀG Bᵀ − Aᵀ G Gᵀ A)', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(10), async ({ m, n, r, seed }) => {
        const random = seededRandom(seed);
        const { A, B } = balancedFactors({ m, n, rank: r, algebra: la }).randomPoint(random);
        const gradient = la.randomNormal([m, n], random);
        const plain = euclideanFactors({ m, n, rank: r, algebra: la });
        const step = 0.1;
        const moved = plain.retract({ A, B }, plain.egradToRgrad({ A, B }, gradient), -step);
        const gram = (w: HostArray, of: 'A' | 'B') => la.matmul(w, w, of === 'A' ? { transposeA: true } : { transposeB: true });
        const imbalance = la.subtract(gram(moved.A, 'A'), gram(moved.B, 'B'));
        const predicted = la.subtract(
          gram(la.matmul(gradient, B, { transposeB: true }), 'A'),
          gram(la.matmul(A, gradient, { transposeA: true }), 'B'),
        );
        expect(imbalance).toBeAllClose(
          la.scale(step * step, predicted),
          tolerance(la, 100 * (m + n), 1 + (await la.norm(gram(moved.A, 'A')))),
        );
      }),
      { numRuns: 20 },
    );
  });

  it.each(['bures', 'quotient'] as const)('the %s metric on matrices is that of the factors, gradients included', async (name) => {
    await fc.assert(
      fc.asyncProperty(sizes(10), fc.constantFrom(0.5, 1e-3), async (size, last) => {
        const { x, factors, matrices, G, lifted } = await twoDescriptions(la, name, size, last);
        const gradientOnFactors = factors.egradToRgrad(lifted, G);
        const gradientOnMatrices = matrices.egradToRgrad(x, G);
        const scale = (await la.norm(G)) / last;
        const pushed = la.add(la.matmul(gradientOnFactors.A, lifted.B), la.matmul(lifted.A, gradientOnFactors.B));
        const embeddedGradient = matrices.embed(x, gradientOnMatrices);
        if (la.isArray(embeddedGradient) || embeddedGradient.kind !== 'factored') throw new Error('expected a factored tangent');
        expect(pushed).toBeAllClose(
          la.matmul(embeddedGradient.left, embeddedGradient.right, { transposeB: true }),
          tolerance(la, 200 * (size.m + size.n), scale),
        );
        const squared = await matrices.inner(x, gradientOnMatrices, gradientOnMatrices);
        expect(squared).toBeAllClose(
          await factors.inner(lifted, gradientOnFactors, gradientOnFactors),
          tolerance(la, 200 * (size.m + size.n), scale ** 2),
        );
      }),
      { numRuns: 20 },
    );
  });
});

/** One point and one ambient gradient, on the matrices and on the factors. */
async function twoDescriptions(la: HostAlgebra, name: 'bures' | 'quotient', { m, n, r, seed }: Sizes, last: number) {
  const random = seededRandom(seed);
  const shape = { m, n, rank: r, algebra: la };
  const factors = name === 'bures' ? balancedFactors(shape) : quotientFactors(shape);
  const matrices = fixedRank({ ...shape, metric: name === 'bures' ? bures() : quotient() });
  const x = { ...matrices.randomPoint(random), S: la.fromArray(geometric(r, last), [r]) };
  const lifted: FactorPair<HostArray> = hyperBalancedFactors(la, x);
  return { x, factors, matrices, lifted, G: la.randomNormal([m, n], random) };
}
