/**
 * One gradient in all its forms (dense, CSR, factored, operator) gives one Riemannian gradient, and by coordinates the
 * same again.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Ambient,
  balancedFactors,
  bures,
  csrFromTriplets,
  embedded,
  fixedRank,
  fixedRankPsd,
  forEachLeaf,
  type HostAlgebra,
  type HostArray,
  type Manifold,
  mapTree,
  quotient,
  quotientFactors,
  seededRandom,
} from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

/** A sparse matrix of low rank, in every form. */
function forms(la: HostAlgebra, m: number, n: number, seed: number): Record<'dense' | 'csr' | 'factored' | 'operator', Ambient<HostArray>> {
  const random = seededRandom(seed);
  const sparse = (shape: readonly [number, number]) =>
    la.fromArray(
      Float64Array.from({ length: shape[0] * shape[1] }, () => (random.uniform() < 0.5 ? random.normal() : 0)),
      shape,
    );
  const [left, right] = [sparse([m, 2]), sparse([n, 2])];
  const dense = la.matmul(left, right, { transposeB: true });
  const entries = la.toArray(dense) as Float64Array;
  const places = [...entries.keys()].filter((place) => entries[place] !== 0);
  return {
    dense,
    csr: csrFromTriplets(la, {
      rows: m,
      columns: n,
      rowIndices: places.map((place) => Math.floor(place / n)),
      columnIndices: places.map((place) => place % n),
      values: places.map((place) => entries[place]),
    }),
    factored: { kind: 'factored', left, right },
    operator: {
      kind: 'operator',
      shape: [m, n],
      apply: (x) => la.matmul(dense, x),
      applyTranspose: (x) => la.matmul(dense, x, { transposeA: true }),
    },
  };
}

/** All entries of a tangent. */
function entriesOf(la: HostAlgebra, tangent: unknown): number[] {
  const all: number[] = [];
  forEachLeaf<HostArray>(la, tangent, (leaf) => all.push(...(la.toArray(leaf) as Float64Array)));
  return all;
}

describe.each(hostEngines)('gradients on %s', (_engine, la) => {
  it('do not depend on the form in which they come', () => {
    fc.assert(
      fc.property(sizes(9), ({ m, n, r, seed }) => {
        const { dense, ...others } = forms(la, m, n, seed);
        const shape = { m, n, rank: r, algebra: la };
        const allowed = tolerance(la, 100 * (m + n), 1 + (la.norm(dense as HostArray) as number)) * 10;
        for (const metric of [embedded(), bures(), quotient()]) {
          const manifold = fixedRank({ ...shape, metric });
          const x = manifold.randomPoint(seededRandom(seed));
          const expected = entriesOf(la, manifold.egradToRgrad(x, dense));
          for (const form of Object.values(others)) expect(entriesOf(la, manifold.egradToRgrad(x, form))).toBeAllClose(expected, allowed);
        }
        for (const manifold of [balancedFactors(shape), quotientFactors(shape)]) {
          const x = manifold.randomPoint(seededRandom(seed));
          const expected = entriesOf(la, manifold.egradToRgrad(x, dense));
          const scale = 1 + Math.max(...expected.map(Math.abs));
          for (const form of Object.values(others))
            expect(entriesOf(la, manifold.egradToRgrad(x, form))).toBeAllClose(expected, allowed * scale);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('and their Hessians do not either', () => {
    fc.assert(
      fc.property(sizes(9), ({ m, n, r, seed }) => {
        const [gradient, change] = [forms(la, m, n, seed), forms(la, m, n, seed + 1)];
        const random = seededRandom(seed);
        const manifolds = [
          ...[embedded(), bures(), quotient()].map((metric) => fixedRank({ m, n, rank: r, metric, algebra: la })),
          balancedFactors({ m, n, rank: r, algebra: la }),
          quotientFactors({ m, n, rank: r, algebra: la }),
        ] as unknown as readonly Manifold<HostArray, unknown, unknown, unknown, Ambient<HostArray>>[];
        for (const manifold of manifolds) {
          const x = manifold.randomPoint(random);
          const raw = mapTree(la, (leaf: HostArray) => la.randomNormal(la.shape(leaf), random), manifold.zeroTangent(x));
          expectSameHessians(manifold, x, manifold.toTangent(x, raw), [gradient, change]);
        }
        const psd = fixedRankPsd({ n: m, rank: r, algebra: la });
        const y = psd.randomPoint(random);
        const z = psd.toTangent(y, la.randomNormal([m, r], random));
        expectSameHessians(psd, y, z, [forms(la, m, m, seed), forms(la, m, m, seed + 1)]);
      }),
      { numRuns: 20 },
    );
  });

  function expectSameHessians<P, T, Z>(
    { ehessToRhess }: Manifold<HostArray, P, T, Z, Ambient<HostArray>>,
    x: P,
    u: T,
    [gradient, change]: readonly [ReturnType<typeof forms>, ReturnType<typeof forms>],
  ): void {
    if (ehessToRhess === undefined) throw new Error('expected a Hessian');
    const expected = entriesOf(la, ehessToRhess(x, gradient.dense, change.dense, u));
    const scale = 1 + Math.max(...expected.map(Math.abs), ...entriesOf(la, gradient.dense).map(Math.abs));
    const kinds = ['csr', 'factored', 'operator'] as const;
    // Never the same form twice, so that neither can depend on the other's.
    for (const [i, kind] of kinds.entries()) {
      const found = entriesOf(la, ehessToRhess(x, gradient[kind], change[kinds[(i + 1) % 3]], u));
      // Random factors are ill-conditioned at times: 1/σ² stands in the preconditioned Hessian.
      expect(found).toBeAllClose(expected, tolerance(la, 1e6, scale));
    }
  }

  it('by coordinates are those by the matrix: dU = GVΣ, dV = GᵀUΣ; dA = GBᵀ, dB = AᵀG', () => {
    fc.assert(
      fc.property(sizes(9), ({ m, n, r, seed }) => {
        const random = seededRandom(seed);
        const G = la.randomNormal([m, n], random);
        const shape = { m, n, rank: r, algebra: la };
        const allowed = tolerance(la, 100 * (m + n), 10 * (la.norm(G) as number));
        for (const metric of [embedded(), bures(), quotient()]) {
          const manifold = fixedRank({ ...shape, metric });
          const x = manifold.randomPoint(random);
          const derivative = {
            U: la.scaleColumns(la.matmul(G, x.V), x.S),
            S: la.diag(la.matmul(la.matmul(x.U, G, { transposeA: true }), x.V)),
            V: la.scaleColumns(la.matmul(G, x.U, { transposeA: true }), x.S),
          };
          expect(entriesOf(la, manifold.coordinatesToRgrad(x, derivative))).toBeAllClose(
            entriesOf(la, manifold.egradToRgrad(x, G)),
            allowed,
          );
        }
        for (const manifold of [balancedFactors(shape), quotientFactors(shape)]) {
          const x = manifold.randomPoint(random);
          const derivative = { A: la.matmul(G, x.B, { transposeB: true }), B: la.matmul(x.A, G, { transposeA: true }) };
          const expected = entriesOf(la, manifold.egradToRgrad(x, G));
          expect(entriesOf(la, manifold.coordinatesToRgrad(x, derivative))).toBeAllClose(
            expected,
            allowed * (1 + Math.max(...expected.map(Math.abs))),
          );
        }
      }),
      { numRuns: 40 },
    );
  });
});
