/** The balanced projection: balance, product, gauges, and the guard where AB lacks rank. */
import { eye } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  balancedGauges,
  balancedProjection,
  type FactorPair,
  type HostAlgebra,
  type HostArray,
  ShapeError,
  seededRandom,
} from '../../src/index.js';
import { balanceGap } from '../../src/retractions/balance-gap.js';
import { hostEngines } from '../support/engines.js';
import { geometric, sizes, withSingularValues } from '../support/matrices.js';
import { type Dense, multiply } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';

const toHost = (la: HostAlgebra, { m, n, values }: Dense): HostArray => la.fromArray(values, [m, n]);

/** A pair whose factors have these singular values, with independent singular vectors. */
function pairOf(
  la: HostAlgebra,
  { m, n, r, seed }: { m: number; n: number; r: number; seed: number },
  a: Float64Array,
  b: Float64Array,
): FactorPair<HostArray> {
  return { A: toHost(la, withSingularValues(seed, m, r, a)), B: toHost(la, withSingularValues(seed + 7, r, n, b)) };
}

/**
 * A pair whose product has rank q < r although both factors have rank r: B's rows are mixed by a singular matrix first.
 */
function deficientPair(
  la: HostAlgebra,
  { m, n, r, seed }: { m: number; n: number; r: number; seed: number },
  rank: number,
): FactorPair<HostArray> {
  const [left, mixer, right] = [
    withSingularValues(seed, m, r, geometric(r, 0.2)),
    withSingularValues(
      seed + 3,
      r,
      r,
      Float64Array.from({ length: r }, (_, i) => (i < rank ? 1 / (i + 1) : 0)),
    ),
    withSingularValues(seed + 9, r, n, geometric(r, 0.5)),
  ];
  return { A: toHost(la, left), B: toHost(la, multiply(mixer, right)) };
}

describe.each(hostEngines)('balancedProjection on %s', (_engine, la) => {
  const gram = ({ A, B }: FactorPair<HostArray>) => ({
    left: la.matmul(A, A, { transposeA: true }),
    right: la.matmul(B, B, { transposeB: true }),
  });

  it('balances, keeps the product, and returns its gauge and the inverse, at any scale mismatch and conditioning', () => {
    fc.assert(
      fc.property(
        sizes(11),
        fc.constantFrom(...balancedGauges),
        fc.constantFrom(1e-1, 1e-3, 1e-6),
        fc.constantFrom(1, 900, 1e-5),
        ({ m, n, r, seed }, gauge, last, mismatch) => {
          const pair = pairOf(
            la,
            { m, n, r, seed },
            geometric(r, last),
            geometric(r, 0.3).map((s) => s * mismatch),
          );
          const { A, B, T, inverseT } = balancedProjection(la, pair, { gauge });
          const product = la.matmul(pair.A, pair.B);
          const scale = la.norm(product) as number;
          const allowed = tolerance(la, 30 * (m + n), scale);
          expect(la.matmul(A, B)).toBeAllClose(product, allowed);
          const { left, right } = gram({ A, B });
          expect(left).toBeAllClose(right, allowed);
          // The gauge relates factors of size √scale/last at worst.
          const amplified = tolerance(la, 100 * (m + n), ((la.norm(A) as number) + (la.norm(B) as number)) / last);
          expect(la.matmul(A, T)).toBeAllClose(pair.A, amplified * (1 + 1 / Math.sqrt(mismatch)));
          expect(la.matmul(T, pair.B)).toBeAllClose(B, amplified * (1 + 1 / Math.sqrt(mismatch)));
          expect(la.matmul(T, inverseT)).toBeAllClose(eye(la, r), tolerance(la, 100 * r, 1 / last));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("the gauge 'svd' is hyper-balanced: both Grams are the diagonal of singular values", () => {
    fc.assert(
      fc.property(sizes(11), ({ m, n, r, seed }) => {
        const pair = pairOf(la, { m, n, r, seed }, geometric(r, 1e-2), geometric(r, 0.1));
        const projected = balancedProjection(la, pair);
        const { S } = la.svd(la.matmul(pair.A, pair.B));
        const singular = la.diagMatrix(la.fromArray((la.toArray(S) as Float64Array).subarray(0, r), [r]));
        const { left, right } = gram(projected);
        expect(left).toBeAllClose(singular, tolerance(la, 30 * (m + n)));
        expect(right).toBeAllClose(singular, tolerance(la, 30 * (m + n)));
      }),
    );
  });

  it("the gauge 'nearest' is the closest balanced pair with the product: no rotation of it is closer", () => {
    fc.assert(
      fc.property(sizes(11), ({ m, n, r, seed }) => {
        const pair = pairOf(la, { m, n, r, seed }, geometric(r, 0.05), geometric(r, 0.2));
        const nearest = balancedProjection(la, pair, { gauge: 'nearest' });
        const distance = ({ A, B }: FactorPair<HostArray>) =>
          Math.hypot(la.norm(la.subtract(A, pair.A)) as number, la.norm(la.subtract(B, pair.B)) as number);
        const rotation = la.qr(la.randomNormal([r, r], seededRandom(seed))).Q;
        const rotated = { A: la.matmul(nearest.A, rotation), B: la.matmul(rotation, nearest.B, { transposeA: true }) };
        expect(distance(rotated)).toBeGreaterThanOrEqual(distance(nearest) * (1 - tolerance(la, 100)));
        // A pair balanced already is its own nearest.
        const again = balancedProjection(la, nearest, { gauge: 'nearest' });
        expect(again.A).toBeAllClose(nearest.A, tolerance(la, 100 * (m + n)));
      }),
    );
  });

  it('where AB lacks rank, balances what is there and keeps the missing directions, in each batch member by itself', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(11), fc.nat({ max: 20 }), fc.constantFrom(...balancedGauges), async ({ m, n, r, seed }, draw, gauge) => {
        const ranks = [draw % (r + 1), r];
        const members = ranks.map((rank, index) => deficientPair(la, { m, n, r, seed: seed + 100 * index }, rank));
        const pair = stack(la, members);
        const { A, B, T, inverseT, balanced } = balancedProjection(la, pair, { gauge });
        const allowed = tolerance(la, 1000 * (m + n));
        expect(la.matmul(A, B)).toBeAllClose(la.matmul(pair.A, pair.B), allowed);
        expect(la.matmul(T, inverseT)).toBeAllClose(eye(la, r, [2]), allowed);
        expect(la.matmul(pair.A, inverseT)).toBeAllClose(A, allowed);
        expect([...(la.toArray(balanced) as Float64Array)]).toEqual(
          ranks.flatMap((rank) => Array.from({ length: r }, (_, i) => (i < rank ? 1 : 0))),
        );
        expect(await balanceGap(la, { A, B })).toBeLessThan(allowed);
        // Nothing was sent to zero in both factors: A keeps the rank it had.
        for (const [index, { A: before }] of members.entries()) {
          const after = la.svd(la.fromArray((la.toArray(A) as Float64Array).subarray(index * m * r, (index + 1) * m * r), [m, r])).S;
          const rankOf = (s: HostArray) => (la.toArray(s) as Float64Array).filter((value) => value > 1e-8).length;
          expect(rankOf(after)).toBe(rankOf(la.svd(before).S));
        }
      }),
      { numRuns: 40 },
    );
  });

  it.each(balancedGauges)('with a zero factor both come back exactly, gauge %s', (gauge) => {
    const random = seededRandom(5);
    const [m, n, r] = [7, 5, 3];
    const [A, B] = [la.randomNormal([m, r], random), la.randomNormal([r, n], random)];
    const zeros = { A: la.full([m, r], 0), B: la.full([r, n], 0) };
    for (const pair of [{ A, B: zeros.B }, { A: zeros.A, B }, zeros]) {
      const projected = balancedProjection(la, pair, { gauge });
      expect(projected.A).toBeAllClose(pair.A, 0);
      expect(projected.B).toBeAllClose(pair.B, 0);
      expect(projected.T).toBeAllClose(eye(la, r), 0);
    }
  });

  it('rejects shapes that do not fit, naming both', () => {
    const zeros = (...shape: number[]) => la.full(shape, 0);
    expect(() => balancedProjection(la, { A: zeros(7, 3), B: zeros(2, 5) })).toThrow(ShapeError);
    expect(() => balancedProjection(la, { A: zeros(7, 3), B: zeros(2, 5) })).toThrow(/\[7,3\].*\[2,5\]/);
    expect(() => balancedProjection(la, { A: zeros(7, 6), B: zeros(6, 5) })).toThrow(/r = 6.*reduce the rank/);
    expect(() => balancedProjection(la, { A: zeros(2, 7, 3), B: zeros(4, 3, 5) })).toThrow(ShapeError);
    expect(() => balancedProjection(la, { A: zeros(7, 3) } as FactorPair<HostArray>)).toThrow(/fromArray/);
    expect(() => balancedProjection(la, { A: zeros(7, 3), B: zeros(3, 5) }, { gauge: 'polar' as 'svd' })).toThrow(/'svd', 'nearest'/);
    expect(() => balancedProjection(la, { A: la.full([7, 3], Number.NaN), B: zeros(3, 5) })).toThrow(/qr.*non-finite/s);
  });
});

/** Pairs of one shape as a batch. */
function stack(la: HostAlgebra, members: readonly FactorPair<HostArray>[]): FactorPair<HostArray> {
  const join = (key: 'A' | 'B') =>
    la.fromArray(
      members.flatMap((pair) => [...(la.toArray(pair[key]) as Float64Array)]),
      [members.length, ...la.shape(members[0][key])],
    );
  return { A: join('A'), B: join('B') };
}
