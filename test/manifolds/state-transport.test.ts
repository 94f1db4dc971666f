/** How `balancedFactors` carries an optimizer's state through a change of gauge. */
import { abs, square } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balancedFactors, balancedGauges, type FactorPair, type HostAlgebra, type HostArray, seededRandom } from '../../src/index.js';
import { hostEngines } from '../support/engines.js';
import { type Sizes, sizes } from '../support/matrices.js';
import { dense } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';

/**
 * A step of `balancedFactors` that leaves the horizontal space and changes singular values a lot, so that the change of
 * gauge T is far from orthogonal.
 */
function longStep(la: HostAlgebra, { m, n, r, seed }: Sizes, gauge: (typeof balancedGauges)[number]) {
  const random = seededRandom(seed);
  const draw = (): FactorPair<HostArray> => ({ A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) });
  const manifold = balancedFactors({ m, n, rank: r, gauge, algebra: la });
  const x = manifold.randomPoint(random);
  const [u, v, t] = [draw(), draw(), 2];
  const transport = manifold.retractTransport(x, u, t);
  const moved = { A: la.axpy(t, u.A, x.A), B: la.axpy(t, u.B, x.B) };
  const conditioning = (la.norm(transport.gauge) as number) * (la.norm(transport.inverseGauge) as number);
  return { ...transport, v, moved, allowed: tolerance(la, 100 * (m + n), conditioning ** 2 * (m + n)) };
}

describe.each(hostEngines)('on %s', (_engine, la) => {
  it('a vector moves as a velocity of matrices does: dA B + A dB before the projection is what it is after', () => {
    fc.assert(
      fc.property(sizes(9), fc.constantFrom(...balancedGauges), (size, gauge) => {
        const { point, vector, v, moved, allowed } = longStep(la, size, gauge);
        const velocity = (at: FactorPair<HostArray>, d: FactorPair<HostArray>) => la.add(la.matmul(d.A, at.B), la.matmul(at.A, d.B));
        // The projection onto the horizontal space takes away a vertical part, whose velocity is zero.
        expect(velocity(point, vector(v))).toBeAllClose(velocity(moved, v), allowed);
      }),
      { numRuns: 60 },
    );
  });

  it('second moments move by the entrywise squares of the covector map: v_A (T∘T)ᵀ and (T⁻¹∘T⁻¹)ᵀ v_B', () => {
    fc.assert(
      fc.property(sizes(9), fc.constantFrom(...balancedGauges), ({ m, n, r, seed }, gauge) => {
        const { secondMoment, gauge: T, inverseGauge, v, allowed } = longStep(la, { m, n, r, seed }, gauge);
        const [t, inverse, a, b] = [T, inverseGauge, square(la, v.A), square(la, v.B)].map((w) => la.toArray(w) as Float64Array);
        const sum = (term: (k: number) => number) =>
          Array.from({ length: r }, (_, k) => term(k)).reduce((total, value) => total + value, 0);
        const expected = {
          A: dense(m, r, (i, j) => sum((k) => a[i * r + k] * t[j * r + k] ** 2)),
          B: dense(r, n, (i, j) => sum((k) => inverse[k * r + i] ** 2 * b[k * n + j])),
        };
        const carried = secondMoment({ A: square(la, v.A), B: square(la, v.B) });
        expect(la.toArray(carried.A)).toBeAllClose(expected.A.values, allowed);
        expect(la.toArray(carried.B)).toBeAllClose(expected.B.values, allowed);
      }),
      { numRuns: 60 },
    );
  });

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
    const magnitudes = (la.toArray(abs(la, gauge)) as Float64Array).map(Math.round);
    expect(abs(la, gauge)).toBeAllClose(magnitudes, 1e-12);
    const g = { A: la.randomNormal([m, r], random), B: la.randomNormal([r, n], random) };
    const squares = { A: square(la, g.A), B: square(la, g.B) };
    const carried = covector(g);
    expect(secondMoment(squares).A).toBeAllClose(square(la, carried.A) as HostArray, 1e-12);
    expect(secondMoment(squares).B).toBeAllClose(square(la, carried.B) as HostArray, 1e-12);
  });
});
