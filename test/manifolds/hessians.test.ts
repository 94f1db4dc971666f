/**
 * The Riemannian Hessians of the rank-r geometries against each other and against Koszul's formula. That they are
 * symmetric and of slope 3 is a law (`test/laws/slopes.test.ts`), but slopes show only with a second-order retraction,
 * which the preconditioned metric has none of.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Ambient,
  axpyTree,
  balancedFactors,
  bures,
  type FactorPair,
  fixedRank,
  type HostAlgebra,
  type HostArray,
  hyperBalancedFactors,
  quotient,
  quotientFactors,
  seededRandom,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { geometric, type Sizes, sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

const conditions = [1, 10, 1e3];

/**
 * A point of spectrum 1 … 1/κ, its factors in a random orthogonal gauge, a pair tangent there, and a gradient with its
 * derivative.
 */
function scene(la: HostAlgebra, { m, n, r, seed }: Sizes, kappa: number) {
  const random = seededRandom(seed);
  const frame = (rows: number, columns: number): HostArray => la.qr(la.randomNormal([rows, columns], random)).Q;
  const x = { U: frame(m, r), S: la.fromArray(geometric(r, 1 / kappa), [r]), V: frame(n, r) };
  const Q = frame(r, r);
  const hyper = hyperBalancedFactors(la, x);
  const pair = { A: la.matmul(hyper.A, Q), B: la.matmul(Q, hyper.B, { transposeA: true }) };
  const raw = { A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) };
  return { x, pair, raw, egrad: la.randomNormal([m, n], random), ehess: la.randomNormal([m, n], random) };
}

/** dA·B + A·dB. */
const velocity = (la: HostAlgebra, x: FactorPair<HostArray>, u: FactorPair<HostArray>): HostArray =>
  la.add(la.matmul(u.A, x.B), la.matmul(x.A, u.B));

const dense = (la: HostAlgebra, z: Ambient<HostArray>): HostArray => {
  if (la.isArray(z)) return z;
  if (z.kind !== 'factored') throw new Error(`expected factors, got ${z.kind}`);
  return la.matmul(z.left, z.right, { transposeB: true });
};

describe.each(hostEngines)('on %s', (_engine, la) => {
  it.each([
    ['bures', bures(), balancedFactors],
    ['quotient', quotient(), quotientFactors],
  ] as const)('%s: the Hessian in blocks moves the matrix as the Hessian in factors does', (_name, metric, factors) => {
    fc.assert(
      fc.property(sizes(9), fc.constantFrom(...conditions), (size, kappa) => {
        const { m, n, r } = size;
        const { x, pair, raw, egrad, ehess } = scene(la, size, kappa);
        const blocks = fixedRank({ m, n, rank: r, metric, algebra: la });
        const pairs = factors({ m, n, rank: r, algebra: la });
        const u = pairs.toTangent(pair, raw);
        const moved = velocity(la, pair, u);
        const fromPairs = velocity(la, pair, pairs.ehessToRhess?.(pair, egrad, ehess, u) as FactorPair<HostArray>);
        const tangent = blocks.project(x, moved);
        const fromBlocks = blocks.ehessToRhess?.(x, egrad, ehess, tangent);
        if (fromBlocks === undefined) throw new Error('no Hessian');
        const scale = la.norm(fromPairs) + la.norm(egrad) * la.norm(moved) * kappa + la.norm(ehess);
        expect(dense(la, blocks.embed(x, fromBlocks))).toBeAllClose(fromPairs, tolerance(la, 100 * (m + n), kappa * scale));
      }),
      { numRuns: 40 },
    );
  });

  it("quotientFactors: ⟨Hess f[u], u⟩ is what Koszul's formula says of the metric alone", async () => {
    await fc.assert(
      fc.asyncProperty(sizes(7), async (size) => {
        const { m, n, r } = size;
        const { pair: x, raw, egrad, ehess } = scene(la, size, 4);
        const manifold = quotientFactors({ m, n, rank: r, algebra: la });
        const u = manifold.toTangent(x, raw);
        // G moves with X as ehess says, so that the field v(y) = grad f(y) is known along the line x + tu.
        const field = (t: number) => manifold.egradToRgrad(axpyTree(la, t, u, x), la.axpy(t, ehess, egrad));
        const v = field(0);
        // 2⟨∇_u v, u⟩ = 2⟨Dv[u], u⟩ + D_v⟨u, u⟩ for a constant u: every other term of the formula cancels.
        const h = 1e-5;
        const derivative = axpyTree(la, -1, field(-h), field(h));
        const turning = await manifold.inner(x, derivative, u);
        const [ahead, behind] = [axpyTree(la, h, v, x), axpyTree(la, -h, v, x)];
        const stretching = (await manifold.inner(ahead, u, u)) - (await manifold.inner(behind, u, u));
        const expected = turning / (2 * h) + 0.5 * (stretching / (2 * h));
        const hessian = manifold.ehessToRhess?.(x, egrad, ehess, u);
        if (hessian === undefined) throw new Error('no Hessian');
        const scale = Math.abs(expected) + (await manifold.norm(x, v)) * (await manifold.inner(x, u, u));
        expect(await manifold.inner(x, hessian, u)).toBeAllClose(expected, 1e-7 * scale);
      }),
      { numRuns: 30 },
    );
  });
});
