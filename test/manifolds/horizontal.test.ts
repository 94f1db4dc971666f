/**
 * `balancedFactors` projects onto {Aᵀ dA = dB Bᵀ} at every point it has, those where AB lacks rank included: LoRA
 * starts at one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balancedFactors, type FactorPair, type HostAlgebra, type HostArray, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { geometric, type Sizes, sizes, withSingularValues } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

/** Pairs whose product has rank q ≤ r, the other directions left in A or in B alone. */
function deficient(la: HostAlgebra, { m, n, r, seed }: Sizes, q: number, kept: 'A' | 'B'): FactorPair<HostArray> {
  const full = geometric(r, 0.2);
  const cut = full.map((sigma, i) => (i < q ? sigma : 0));
  const rotation = withSingularValues(seed + 3, r, r, kept === 'A' ? cut : full);
  const factor = (rows: number, columns: number, sigma: Float64Array, offset: number): HostArray =>
    la.fromArray(withSingularValues(seed + offset, rows, columns, sigma).values, [rows, columns]);
  const mixer = la.fromArray(rotation.values, [r, r]);
  const ones = new Float64Array(r).fill(1);
  return kept === 'A'
    ? { A: factor(m, r, full, 5), B: la.matmul(mixer, factor(r, n, ones, 7)) }
    : { A: factor(m, r, cut, 5), B: la.matmul(mixer, factor(r, n, ones, 7)) };
}

describe.each(hostEngines)('on %s', (_engine, la) => {
  const expectHorizontal = ({ A, B }: FactorPair<HostArray>, u: FactorPair<HostArray>, allowed: number): void => {
    const left = la.matmul(A, u.A, { transposeA: true });
    expect(left).toBeAllClose(la.matmul(u.B, B, { transposeB: true }), allowed);
  };

  it('project and toTangent give horizontal pairs where AB has any rank from 0 to r', () => {
    fc.assert(
      fc.property(sizes(9), fc.nat({ max: 20 }), fc.constantFrom<'A' | 'B'>('A', 'B'), ({ m, n, r, seed }, draw, kept) => {
        const manifold = balancedFactors({ m, n, rank: r, algebra: la });
        const q = draw % (r + 1);
        const x = manifold.balance(deficient(la, { m, n, r, seed }, q, kept));
        const random = seededRandom(seed);
        const z = { A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) };
        // Grams with σ in [0.04, 1]: the Sylvester equation amplifies rounding by at most 1/0.04².
        const allowed = tolerance(la, 100 * (m + n), 1 / 0.04 ** 2);
        expectHorizontal(x, manifold.project(x, z), allowed);
        expectHorizontal(x, manifold.toTangent(x, z), allowed);
      }),
      { numRuns: 60 },
    );
  });

  it.each(['A', 'B'] as const)('with the other factor zero, as LoRA starts, %s moves only across its own range', (kept) => {
    const [m, n, r] = [8, 6, 3];
    const manifold = balancedFactors({ m, n, rank: r, algebra: la });
    const random = seededRandom(6);
    const [A, B] = [la.randomNormal([m, r], random), la.randomNormal([r, n], random)];
    const x = kept === 'A' ? { A, B: la.full([r, n], 0) } : { A: la.full([m, r], 0), B };
    const z = { A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) };
    const u = manifold.project(x, z);
    expectHorizontal(x, u, tolerance(la, 1000, 10));
    // The vertical part moves the factor that is there; the other's displacement is free.
    expect(kept === 'A' ? u.B : u.A).toBeAllClose(kept === 'A' ? z.B : z.A, tolerance(la, 1000));
  });
});
