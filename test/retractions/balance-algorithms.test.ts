/**
 * Every algorithm of the balanced projection, on every engine: what it promises, where it falls back, and that it does.
 */
import { memory } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceAlgorithms, balancedGauges, eye, type FactorPair, type HostArray } from '../../src/index.js';
import { balanceGap } from '../../src/retractions/balance-gap.js';
import { geometric } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';
import {
  gramsOfPair,
  judge,
  memberOf,
  type Observed,
  type PairSizes,
  pairOf,
  type Subject,
  stacked,
  subjects,
} from './projection-subjects.js';

/** Tall, so that 'auto' takes Grams, and of different m, n and r; now and then r = 1. */
const tallSizes: fc.Arbitrary<PairSizes> = fc
  .record({ r: fc.integer({ min: 1, max: 6 }), taller: fc.integer({ min: 1, max: 9 }), wide: fc.boolean(), seed: fc.nat() })
  .map(({ r, taller, wide, seed }) => {
    const [shorter, longer] = [4 * r + 3, 4 * r + 3 + taller];
    return wide ? { m: shorter, n: longer, r, seed } : { m: longer, n: shorter, r, seed };
  });

/** Condition numbers of A and B: comfortable, near the limits of Gram methods, and beyond them. */
const CONDITIONS = { float32: { fine: [1, 10], near: 300, beyond: 2e4 }, float64: { fine: [1, 100], near: 1e6, beyond: 1e9 } } as const;
const conditionsOf = ({ epsilon }: Subject) => (epsilon > 1e-10 ? CONDITIONS.float32 : CONDITIONS.float64);

const norm = (x: HostArray): number => judge.norm(x);

/** Product kept and balance reached by one member, to a small multiple of rounding. */
async function expectBalanced(subject: Subject, before: FactorPair<HostArray>, after: FactorPair<HostArray>, r: number): Promise<void> {
  const product = judge.matmul(before.A, before.B);
  const scale = norm(before.A) * norm(before.B);
  expect(norm(judge.subtract(judge.matmul(after.A, after.B), product))).toBeLessThanOrEqual(tolerance(subject, 30 * r, scale));
  expect(await balanceGap({ ...judge, epsilon: subject.epsilon }, after)).toBeLessThanOrEqual(tolerance(subject, 100 * r));
}

/** T and T⁻¹ are what was done to the factors. */
function expectGauge(subject: Subject, { before, after }: Pick<Observed, 'before' | 'after'>, r: number): void {
  const { T, inverseT } = after;
  const growth = norm(T) * norm(inverseT);
  expect(judge.matmul(T, inverseT)).toBeAllClose(eye(judge, r), tolerance(subject, 30 * r, growth));
  expect(judge.matmul(before.A, inverseT)).toBeAllClose(after.A, tolerance(subject, 30 * r, norm(before.A) * norm(inverseT) * growth));
  expect(judge.matmul(T, before.B)).toBeAllClose(after.B, tolerance(subject, 30 * r, norm(T) * norm(before.B) * growth));
}

describe.each(subjects)('balanced projection on %s', (_name, subject) => {
  const { fine, near, beyond } = conditionsOf(subject);

  describe.each(balanceAlgorithms)("algorithm '%s'", (algorithm) => {
    it.each(balancedGauges)('balances and keeps the product at any conditioning and scale mismatch, gauge %s', async (gauge) => {
      const conditions = fc.constantFrom(...fine, near, beyond);
      await fc.assert(
        fc.asyncProperty(tallSizes, conditions, conditions, fc.constantFrom(1, 900), async (sizes, kappaA, kappaB, mismatch) => {
          const { r } = sizes;
          const b = geometric(r, 1 / kappaB).map((value) => value * mismatch);
          const { before, after } = await subject.project(pairOf(sizes, geometric(r, 1 / kappaA), b), { gauge, algorithm });
          const [one, other] = [memberOf(before, 0), memberOf(after, 0)];
          await expectBalanced(subject, one, other, r);
          expectGauge(subject, { before: one, after: other }, r);
        }),
        { numRuns: 30 },
      );
    });

    it('gives the published pair in the gauge svd, and the nearest one in the gauge nearest', async () => {
      await fc.assert(
        fc.asyncProperty(tallSizes, async (sizes) => {
          const { r } = sizes;
          const pair = pairOf(sizes, geometric(r, 1 / 5), geometric(r, 1 / 3));
          const published = memberOf((await subject.project(pair, { gauge: 'svd', algorithm })).after, 0);
          const S = judge.svd(judge.matmul(memberOf(pair, 0).A, memberOf(pair, 0).B)).S;
          const singular = judge.diagMatrix(judge.fromArray(judge.toArray(S).subarray(0, r), [r]));
          expect(gramsOfPair(published).left).toBeAllClose(singular, tolerance(subject, 100 * r));
          expect(gramsOfPair(published).right).toBeAllClose(singular, tolerance(subject, 100 * r));
          const nearest = (await subject.project(pair, { gauge: 'nearest', algorithm })).after;
          const exact = (await subject.project(pair, { gauge: 'nearest', algorithm: 'qr' })).after;
          expect(nearest.A).toBeAllClose(exact.A, tolerance(subject, 1000 * r));
          expect(nearest.B).toBeAllClose(exact.B, tolerance(subject, 1000 * r));
        }),
        { numRuns: 20 },
      );
    });

    it('treats each member of a batch by itself: fine, ill-conditioned, rank deficient, zero', async () => {
      const sizes = { m: 23, n: 19, r: 4, seed: 11 };
      const wellConditioned = pairOf(sizes, geometric(4, 1 / 3), geometric(4, 1 / 2));
      const members = [
        wellConditioned,
        pairOf(sizes, geometric(4, 1 / beyond), geometric(4, 1)),
        pairOf(sizes, geometric(4, 1 / 3), Float64Array.of(1, 0.5, 0, 0)),
        pairOf(sizes, geometric(4, 1 / 3), new Float64Array(4)),
        pairOf({ ...sizes, seed: 40 }, geometric(4, 1 / 4), geometric(4, 1)),
      ];
      for (const blind of [false, true]) {
        const { before, after } = await subject.project(stacked(members), { algorithm, blind });
        for (const index of members.keys()) {
          const [one, other] = [memberOf(before, index), memberOf(after, index)];
          await expectBalanced(subject, one, other, 4);
        }
        const flags = [...judge.toArray(after.balanced)];
        expect(flags.slice(0, 4)).toEqual([1, 1, 1, 1]);
        expect(flags.slice(8)).toEqual([1, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
        expect(memberOf(after, 3).A).toBeAllClose(memberOf(before, 3).A, 0);
        const alone = await subject.project(wellConditioned, { algorithm, blind });
        expect(memberOf(after, 0).A).toBeAllClose(memberOf(alone.after, 0).A, tolerance(subject, 100));
      }
    });

    it.each(balancedGauges)('balances a member whose squares leave the range of float32 with the others, gauge %s', async (gauge) => {
      const sizes = { m: 23, n: 19, r: 4, seed: 11 };
      const times = (spectrum: Float64Array, factor: number) => spectrum.map((value) => value * factor);
      const members = [
        pairOf(sizes, geometric(4, 1 / 3), geometric(4, 1 / 2)),
        pairOf({ ...sizes, seed: 5 }, times(geometric(4, 1 / 3), 1e25), times(geometric(4, 1 / 2), 1e-21)),
      ];
      const { before, after } = await subject.project(stacked(members), { algorithm, gauge });
      for (const index of members.keys()) await expectBalanced(subject, memberOf(before, index), memberOf(after, index), 4);
      expect([...judge.toArray(after.balanced)]).toEqual(Array.from({ length: 8 }, () => 1));
    });

    it('balances at large ranks, where the spectrum comes from its squares if they resolve it, and members stay independent', async () => {
      const sizes = { m: 150, n: 131, r: 33, seed: 7 };
      const fineMember = pairOf(sizes, geometric(33, 1 / 7), geometric(33, 1 / 4));
      const members = [fineMember, pairOf({ ...sizes, seed: 8 }, geometric(33, 1 / near), geometric(33, 1 / near))];
      const { before, after } = await subject.project(stacked(members), { algorithm });
      for (const index of members.keys()) await expectBalanced(subject, memberOf(before, index), memberOf(after, index), 33);
      const alone = await subject.project(fineMember, { algorithm });
      expectGauge(subject, { before: memberOf(alone.before, 0), after: memberOf(alone.after, 0) }, 33);
      expect(memberOf(after, 0).A).toBeAllClose(memberOf(alone.after, 0).A, tolerance(subject, 1000));
    });

    it('says where an entry is not finite', async () => {
      const pair = { A: judge.full([1, 20, 2], Number.NaN), B: judge.full([1, 2, 20], 1) };
      await expect(subject.project(pair, { algorithm })).rejects.toThrow(/non-finite/);
    });
  });

  describe('falls back', () => {
    const sizes = { m: 31, n: 26, r: 3, seed: 4 };
    const calls = async (algorithm: 'auto' | 'gram' | 'matmul' | 'newton', pair: FactorPair<HostArray>) =>
      (await subject.project(pair, { algorithm, gauge: 'nearest' })).qrCalls;

    it.each(['auto', 'gram', 'matmul'] as const)("'%s' to QR beyond its limit, and only there", async (algorithm) => {
      expect(await calls(algorithm, pairOf(sizes, geometric(3, 1 / 3), geometric(3, 1 / 5)))).toBe(0);
      expect(await calls(algorithm, pairOf(sizes, geometric(3, 1 / beyond), geometric(3, 1 / 5)))).toBeGreaterThan(0);
      expect(await calls(algorithm, pairOf(sizes, geometric(3, 1 / 3), geometric(3, 1 / beyond)))).toBeGreaterThan(0);
    });

    it("'gram' serves condition numbers up to its limit by a second pass, without QR", async () => {
      expect(await calls('gram', pairOf(sizes, geometric(3, 1 / near), geometric(3, 1 / 2)))).toBe(0);
    });

    it("'matmul' to QR where it has not converged, though rounding does not grow", async () => {
      // Orthogonal columns, graded: no gauge magnifies rounding, but the spectrum is wider than the iteration reaches.
      const { m, n, r } = sizes;
      const basis = judge.qr(pairOf(sizes, geometric(r, 1), geometric(r, 1)).A).Q;
      const grades = judge.fromArray(geometric(r, 1e-5), [1, r]);
      const B = pairOf({ m, n, r, seed: 9 }, geometric(r, 1), geometric(r, 1)).B;
      expect(await calls('matmul', { A: judge.scaleColumns(basis, grades), B })).toBeGreaterThan(0);
    });

    it("'newton' serves pairs near balance, and no others", async () => {
      const values = geometric(3, 1 / 4);
      const { after } = await subject.project(pairOf(sizes, values, values), { algorithm: 'qr' });
      const { A, B } = after;
      const stretch = judge.fromArray([1.02, 0.01, 0, 0, 0.97, 0.02, 0.01, 0, 1.01], [1, 3, 3]);
      expect(await calls('newton', { A: judge.matmul(A, stretch), B })).toBe(0);
      expect(await calls('newton', { A: judge.scale(3, A), B })).toBeGreaterThan(0);
    });
  });
});

describe('memory', () => {
  it('nothing is left on the device, whatever path was taken', async () => {
    const [, wasm] = subjects[subjects.length - 1];
    const sizes = { m: 23, n: 19, r: 4, seed: 3 };
    const pair = stacked([pairOf(sizes, geometric(4, 1 / 3), geometric(4, 1)), pairOf(sizes, geometric(4, 1e-5), geometric(4, 1))]);
    const before = memory().numTensors;
    for (const algorithm of balanceAlgorithms) {
      for (const gauge of balancedGauges) for (const blind of [false, true]) await wasm.project(pair, { algorithm, gauge, blind });
    }
    expect(memory().numTensors).toBe(before);
  });
});
