/** How `balancedFactors` carries an optimizer's state through a change of gauge. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balancedFactors, balancedGauges, type HostArray, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  it('a covector moves as the gradient of one function does: (G Bᵀ, Aᵀ G) before becomes (G B⁺ᵀ, A⁺ᵀ G) after', () => {
    fc.assert(
      fc.property(sizes(9), fc.constantFrom(...balancedGauges), ({ m, n, r, seed }, gauge) => {
        const random = seededRandom(seed);
        const manifold = balancedFactors({ m, n, rank: r, gauge, algebra: la });
        const x = manifold.randomPoint(random);
        const u = { A: la.scale(0.1, la.randomNormal([m, r], random)), B: la.scale(0.1, la.randomNormal([r, n], random)) };
        const { point, covector, gauge: T, inverseGauge } = manifold.retractTransport(x, u);
        const G = la.randomNormal([m, n], random);
        const moved = { A: la.add(x.A, u.A), B: la.add(x.B, u.B) };
        const carried = covector(manifold.egradToRgrad(moved, G));
        const there = manifold.egradToRgrad(point, G);
        const scale = 1 + (la.norm(T) as number) * (la.norm(inverseGauge) as number);
        const allowed = tolerance(la, 1000 * (m + n), scale * scale * (la.norm(G) as number));
        expect(carried.A).toBeAllClose(there.A, allowed);
        expect(carried.B).toBeAllClose(there.B, allowed);
      }),
      { numRuns: 60 },
    );
  });

  it('second moments follow signed permutations exactly: they are the squares of the carried gradient', () => {
    const [m, n, r] = [7, 5, 3];
    const random = seededRandom(8);
    const manifold = balancedFactors({ m, n, rank: r, algebra: la });
    const x = manifold.randomPoint(random);
    // The same point with its coordinates permuted and two of them negated: the projection undoes both.
    const permutation = la.fromArray([0, 0, -1, 1, 0, 0, 0, -1, 0], [r, r]);
    const shuffled = { A: la.matmul(x.A, permutation), B: la.matmul(permutation, x.B, { transposeA: true }) };
    const { covector, secondMoment, gauge } = manifold.retractTransport(shuffled, manifold.zeroTangent(shuffled));
    const magnitudes = (la.toArray(la.abs(gauge)) as Float64Array).map(Math.round);
    expect(la.abs(gauge)).toBeAllClose(magnitudes, 1e-12);
    const g = { A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) };
    const squares = { A: la.square(g.A), B: la.square(g.B) };
    const carried = covector(g);
    expect(secondMoment(squares).A).toBeAllClose(la.square(carried.A) as HostArray, 1e-12);
    expect(secondMoment(squares).B).toBeAllClose(la.square(carried.B) as HostArray, 1e-12);
  });
});
