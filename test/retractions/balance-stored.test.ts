/** Balancing factors that lie outside an engine, on every engine: the same as balancing them on it, in place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BalanceAlgorithm,
  type BalancedGauge,
  balanceAlgorithms,
  balancedGauges,
  balancedProjection,
  balanceStored,
  ConfigError,
  type HostArray,
  hostAlgebra,
  type LinearAlgebra,
  NumericalError,
  ShapeError,
  type StoredPairs,
  seededRandom,
} from '../../src/index.js';
import { allEngines, liveTensors, runsOn, tensorEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

const float32 = { epsilon: 2 ** -23 };

type PairSizes = Omit<StoredPairs, 'A' | 'B'>;

/** Pairs with normal entries, in float32 for all engines; the last of more than one has rank one less. */
function storedPairs({ members, m, n, rank, seed, fullRank = false }: PairSizes & { seed: number; fullRank?: boolean }) {
  const random = seededRandom(seed);
  const A = Float32Array.from({ length: members * m * rank }, () => random.normal());
  const B = Float32Array.from({ length: members * rank * n }, () => 30 * random.normal());
  if (!fullRank && members > 1 && rank > 1) for (let row = 0; row < m; row++) A[((members - 1) * m + row) * rank] = 0;
  return { A, B, members, m, n, rank };
}

const cases = fc
  .record({ rank: fc.integer({ min: 1, max: 5 }), members: fc.integer({ min: 1, max: 4 }), seed: fc.nat() })
  .map(({ rank, members, seed }) => ({ members, rank, m: 9 * rank + 2, n: 7 * rank + 1, seed }));

const gauges = fc.constantFrom(...balancedGauges);
const algorithms = fc.constantFrom(...balanceAlgorithms);

/**
 * Compares stored pairs with what `balancedProjection` gives on the engine, member by member and up to the rounding of
 * float32: their products, and what the gauge fixes. Singular vectors by themselves may differ by more.
 */
async function expectProjected(
  la: LinearAlgebra<unknown>,
  pairs: StoredPairs,
  given: StoredPairs,
  gauge: BalancedGauge,
  algorithm: BalanceAlgorithm,
): Promise<void> {
  const { members, m, n, rank } = pairs;
  const expected = await la.tidy(async () => {
    const pair = { A: la.fromArray(given.A, [members, m, rank]), B: la.fromArray(given.B, [members, rank, n]) };
    const { A, B } = balancedProjection(la, pair, { gauge, algorithm });
    return { A: await la.toArray(A), B: await la.toArray(B) };
  });
  const host = hostAlgebra();
  const norm = (x: HostArray) => Math.sqrt(host.peek(x).reduce((sum, entry) => sum + entry * entry, 0));
  for (let member = 0; member < members; member++) {
    const factors = ({ A, B }: Pick<StoredPairs, 'A' | 'B'>) => ({
      A: host.fromArray(A.subarray(member * m * rank, (member + 1) * m * rank), [m, rank]),
      B: host.fromArray(B.subarray(member * rank * n, (member + 1) * rank * n), [rank, n]),
    });
    const [found, wanted, original] = [pairs, expected, given].map(factors);
    const someRows = ({ A, B }: typeof found) => host.peek(host.matmul(host.slice(A, { rows: [0, Math.min(m, 40)] }), B));
    expect(someRows(found)).toBeAllClose(someRows(original), tolerance(float32, 4, norm(original.A) * norm(original.B)));
    const blocks = ({ A, B }: typeof found) => [
      host.matmul(A, A, { transposeA: true }),
      host.matmul(B, B, { transposeB: true }),
      // Symmetric and positive in the gauge `nearest`.
      host.add(host.matmul(A, original.A, { transposeA: true }), host.matmul(B, original.B, { transposeB: true })),
    ];
    const [ours, theirs] = [blocks(found), blocks(wanted)];
    for (const [i, block] of (gauge === 'nearest' ? ours : ours.slice(0, 2)).entries()) {
      expect(host.peek(block)).toBeAllClose(host.peek(theirs[i]), tolerance(float32, 20, norm(theirs[i])));
    }
  }
}

describe.each(allEngines)('balanceStored on %s', (_name, la) => {
  it('leaves in the given memory a balanced pair of the same product in the same gauge, and no tensors', async () => {
    await fc.assert(
      fc.asyncProperty(cases, gauges, algorithms, async (sizes, gauge, algorithm) => {
        const pairs = storedPairs(sizes);
        const given = { ...pairs, A: pairs.A.slice(), B: pairs.B.slice() };
        const before = liveTensors();
        await balanceStored(la, pairs, { gauge, algorithm });
        expect(liveTensors()).toBe(before);
        await expectProjected(la, pairs, given, gauge, algorithm);
      }),
      { numRuns: runsOn(la, 60) },
    );
  });

  it('does so with factors of several panels, and where some are ill-conditioned', async () => {
    // Panels are of 2^18 numbers.
    for (const [index, gauge] of balancedGauges.entries()) {
      const pairs = storedPairs({ members: 2, m: 8100, n: 9000, rank: 33, seed: index, fullRank: true });
      // Beyond what Grams in float32 tell apart: the columns of the last member's A differ in their last digits only.
      if (index === 0) for (let row = 0; row < 8100; row++) pairs.A[(8100 + row) * 33 + 1] = 1.00001 * pairs.A[(8100 + row) * 33];
      const given = { ...pairs, A: pairs.A.slice(), B: pairs.B.slice() };
      await balanceStored(la, pairs, { gauge });
      await expectProjected(la, pairs, given, gauge, 'auto');
    }
  });

  it('goes through its members in chunks', async () => {
    // Chunks are of 2 million numbers: a member each. Factors of one column cost little.
    const [members, m, n, rank] = [3, 1_500_000, 700, 1];
    const pairs = storedPairs({ members, m: 8, n, rank, seed: 4 });
    const long = { ...pairs, A: new Float32Array(members * m), B: pairs.B.slice(), m };
    for (let member = 0; member < members; member++) long.A.set(pairs.A.subarray(8 * member, 8 * member + 8), member * m);
    await balanceStored(la, pairs);
    await balanceStored(la, long);
    for (let member = 0; member < members; member++) {
      expect(long.A.slice(member * m, member * m + 8)).toBeAllClose(pairs.A.slice(8 * member, 8 * member + 8), tolerance(float32, 30, 30));
    }
  });

  it('says what is wrong, and leaves the pairs as they were', async () => {
    const pairs = storedPairs({ members: 2, m: 20, n: 15, rank: 2, seed: 1 });
    const before = pairs.A.slice();
    await expect(balanceStored(la, { ...pairs, m: 21 })).rejects.toThrow(ShapeError);
    await expect(balanceStored(la, { ...pairs, rank: 0 })).rejects.toThrow(ShapeError);
    await expect(balanceStored(la, { ...pairs, A: [1, 2] as unknown as Float32Array })).rejects.toThrow(ConfigError);
    await expect(balanceStored(la, { ...pairs, extra: 1 } as typeof pairs)).rejects.toThrow("unknown option 'extra'");
    await expect(balanceStored(la, undefined as unknown as typeof pairs)).rejects.toThrow('pass { A, B, members, m, n, rank }');
    expect(pairs.A).toEqual(before);
    pairs.B[2 * 15 + 15 + 3] = Number.NaN;
    const leaked = liveTensors();
    await expect(balanceStored(la, pairs)).rejects.toThrow(NumericalError);
    await expect(balanceStored(la, pairs)).rejects.toThrow('B of member 1 has NaN at [1, 3]');
    expect(liveTensors()).toBe(leaked);
    expect(pairs.A).toEqual(before);
  });

  it('names an entry that is not finite, wherever it is, and writes nothing', async () => {
    const places = fc.record({
      sizes: cases,
      factor: fc.constantFrom('A' as const, 'B' as const),
      place: fc.nat(),
      value: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
      otherIsZero: fc.boolean(),
      algorithm: fc.constantFrom(...balanceAlgorithms),
      gauge: fc.constantFrom(...balancedGauges),
    });
    await fc.assert(
      fc.asyncProperty(places, async ({ sizes, factor, place, value, otherIsZero, algorithm, gauge }) => {
        const pairs = storedPairs(sizes);
        if (otherIsZero) pairs[factor === 'A' ? 'B' : 'A'].fill(0);
        const entries = pairs[factor];
        const at = place % entries.length;
        entries[at] = value;
        const before = { A: pairs.A.slice(), B: pairs.B.slice() };
        const member = Math.floor(at / (entries.length / sizes.members));
        await expect(balanceStored(la, pairs, { algorithm, gauge })).rejects.toThrow(`${factor} of member ${member} has ${value} at [`);
        expect({ A: pairs.A, B: pairs.B }).toEqual(before);
      }),
      { numRuns: runsOn(la, 60) },
    );
  });
});

describe.each(tensorEngines)('balanceStored in float32 on %s', (_name, la) => {
  it('writes no NaN where a singular value of the product overflows', async () => {
    const [m, n, large] = [5, 4, 1.73e19];
    const A = Float32Array.of(large, 0, 0, large, 0, 0, 0, 0, 0, 0);
    const B = Float32Array.of(large, 0, 0, 0, large, large, 0, 0);
    for (const gauge of balancedGauges) {
      const pairs = { A: A.slice(), B: B.slice(), members: 1, m, n, rank: 2 };
      await balanceStored(la, pairs, { gauge }).catch((error: unknown) => expect(error).toBeInstanceOf(NumericalError));
      expect([...pairs.A, ...pairs.B].every(Number.isFinite), gauge).toBe(true);
    }
  });

  it('refuses numbers beyond the range of float32, and writes nothing', async () => {
    const [members, m, n, rank] = [2, 7, 5, 2];
    const A = new Float64Array(members * m * rank).fill(1);
    const B = new Float64Array(members * rank * n).fill(1);
    A[m * rank] = 1e300;
    const before = A.slice();
    await expect(balanceStored(la, { A, B, members, m, n, rank })).rejects.toThrow(
      'within the range of float32, but A of member 1 has 1e+300 at [0, 0]',
    );
    expect(A).toEqual(before);
  });
});
