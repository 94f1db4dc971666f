import { eye } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  balancedConditionNumber,
  conditionNumber,
  factorHessianSpectrum,
  hessianSpectrum,
  quadraticHessianVector,
} from '../../src/diagnostics/index.js';
import { ConfigError, DomainError, ShapeError } from '../../src/index.js';
import { sizes } from '../support/matrices.js';
import { type FactorCase, factorCase, la, randomGauge } from './factor-cases.js';

/** All eigenvalues from the matrix of Hessian-vector products. */
async function measured({ pair, target }: FactorCase): Promise<Float64Array> {
  const hessian = { at: pair, hessianVector: quadraticHessianVector(la, pair, target) };
  return (await hessianSpectrum(la, hessian, { method: 'dense' })).eigenvalues;
}

async function expectClosedForm(example: FactorCase): Promise<void> {
  const numerical = await measured(example);
  const closed = await factorHessianSpectrum(la, example.pair, { tail: example.tail });
  const largest = numerical[numerical.length - 1];
  expect(closed).toHaveLength(numerical.length);
  expect(closed).toBeAllClose(numerical, 1e-11 * largest);
}

const descending = (r: number, last: number): number[] => Array.from({ length: r }, (_, i) => 2 * last ** (i / Math.max(1, r - 1)));

describe('factorHessianSpectrum', () => {
  it('agrees with the Hessian to 1e-11 where rank Z = r, in random gauges', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(9), fc.constantFrom(1, 1e-1, 1e-3), async ({ m, n, r, seed }, last) => {
        const example = factorCase(seed, m, n, descending(r, last), [], randomGauge(seed + 7, r, 3));
        await expectClosedForm(example);
        const closed = await factorHessianSpectrum(la, example.pair);
        expect(closed.filter((value) => value === 0)).toHaveLength(r * r);
      }),
      { numRuns: 25 },
    );
  });

  it('agrees with the Hessian to 1e-11 where rank Z > r, at minimizers and saddles', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(9), fc.integer({ min: 1, max: 7 }), fc.boolean(), async ({ m, n, r, seed }, wanted, saddle) => {
        const count = Math.min(wanted, Math.min(m, n) - r);
        const tail = Array.from({ length: count }, (_, k) => (saddle && k === 0 ? 3 : 0.4 / (k + 1)));
        const example = factorCase(seed, m, n, descending(r, 0.3), tail, randomGauge(seed + 7, r, 2));
        await expectClosedForm(example);
        const closed = await factorHessianSpectrum(la, example.pair, { tail });
        expect(closed.filter((value) => value === 0)).toHaveLength(r * r);
        expect(closed[0] < 0).toBe(saddle);
      }),
      { numRuns: 25 },
    );
  });

  it('covers square factors, repeated singular values and a degenerate tail', async () => {
    await expectClosedForm(factorCase(1, 4, 4, [3, 2, 1, 0.5], [], randomGauge(3, 4, 2)));
    await expectClosedForm(factorCase(1, 3, 6, [3, 2, 1], [], randomGauge(3, 3, 2)));
    await expectClosedForm(factorCase(2, 7, 5, [1, 1, 1], [0.5, 0.5]));
    await expectClosedForm(factorCase(3, 7, 5, [2, 1], [1, 0.2]));
  });

  it('counts the further zeros of a rank-deficient pair', async () => {
    const { A, B } = factorCase(4, 6, 5, [2, 1]).pair;
    const padded = { A: la.concat([A, la.full([6, 1], 0)], 'columns'), B: la.concat([B, la.full([1, 5], 0)], 'rows') };
    const numerical = await measured({ pair: padded, target: la.matmul(A, B), sigmas: [], tail: [] });
    expect(await factorHessianSpectrum(la, padded)).toBeAllClose(numerical, 1e-13);
    await expect(factorHessianSpectrum(la, padded, { tail: [0.5] })).rejects.toThrow(DomainError);
    expect(await conditionNumber(la, padded)).toBe(Number.POSITIVE_INFINITY);
    expect(await conditionNumber(la, { A: la.full([4, 2], 0), B: la.full([2, 3], 0) })).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('conditionNumber', () => {
  it('is the ratio of the extreme nonzero eigenvalues', async () => {
    await fc.assert(
      fc.asyncProperty(sizes(9), fc.constantFrom<readonly number[]>([], [0.25]), async ({ m, n, r, seed }, wanted) => {
        const tail = wanted.slice(0, Math.min(m, n) - r);
        const { pair } = factorCase(seed, m, n, descending(r, 0.5), tail, randomGauge(seed + 7, r, 3));
        const spectrum = await factorHessianSpectrum(la, pair, { tail });
        const kappa = spectrum[spectrum.length - 1] / spectrum[r * r];
        expect((await conditionNumber(la, pair, { tail })) / kappa).toBeAllClose(1, 1e-12);
      }),
      { numRuns: 25 },
    );
  });

  it('is least at balance over random gauges', async () => {
    await fc.assert(
      fc.asyncProperty(
        sizes(8),
        fc.constantFrom(0, 0.1, 0.9),
        fc.constantFrom(1.01, 2, 30),
        async ({ m, n, r, seed }, relativeTail, stretch) => {
          const sigmas = descending(r, 0.2);
          const tail = relativeTail === 0 ? [] : [relativeTail * sigmas[r - 1]];
          const least = balancedConditionNumber(sigmas, { tail });
          const balanced = await conditionNumber(la, factorCase(seed, m, n, sigmas, tail).pair, { tail });
          expect(balanced / least).toBeAllClose(1, 1e-12);
          const { pair } = factorCase(seed, m, n, sigmas, tail, randomGauge(seed + 9, r, stretch));
          expect(await conditionNumber(la, pair, { tail })).toBeGreaterThanOrEqual(least * (1 - 1e-10));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps relative accuracy for graded balanced factors and a nearly degenerate tail', async () => {
    const sigmas = [1, 1e-4, 1e-9];
    const tail = [0.999e-9];
    const { pair } = factorCase(5, 8, 6, sigmas, tail);
    const expected = balancedConditionNumber(sigmas, { tail });
    // The gap of 1e-3 in σ_r magnifies the rounding of the test's own factors by 1e3.
    expect((await conditionNumber(la, pair, { tail })) / expected).toBeAllClose(1, 1e-11);
  });

  it('of square factors falls below that of balance, which is why m, n > r is required there', async () => {
    const scaled = { A: la.scale(10, eye(la, 2)), B: la.diagMatrix(la.fromArray([0.2, 0.1], [2])) };
    expect(await conditionNumber(la, scaled)).toBeLessThan(balancedConditionNumber([2, 1]) / 3);
  });

  it('is infinite at a tie, and refuses a saddle', async () => {
    const { pair } = factorCase(6, 7, 5, [3, 2], [2]);
    expect(await conditionNumber(la, pair, { tail: [2] })).toBeGreaterThan(1e14);
    expect(balancedConditionNumber([3, 2], { tail: [2] })).toBe(Number.POSITIVE_INFINITY);
    await expect(conditionNumber(la, pair, { tail: [2.5] })).rejects.toThrow(/saddle.*factorHessianSpectrum/);
    expect(() => balancedConditionNumber([3, 2], { tail: [2.5] })).toThrow(DomainError);
  });

  it('names what is wrong with its arguments', async () => {
    const { pair } = factorCase(6, 7, 5, [3, 2]);
    await expect(conditionNumber(la, pair, { tail: [1, 1, 1, 1] })).rejects.toThrow(/at most min\(m, n\) − r = 3 .* got 4/);
    await expect(conditionNumber(la, pair, { tail: [Number.NaN] })).rejects.toThrow(/finite nonnegative singular values, got NaN/);
    await expect(conditionNumber(la, pair, { tail: 3 } as never)).rejects.toThrow(ConfigError);
    await expect(conditionNumber(la, pair, { tails: [] } as never)).rejects.toThrow(/unknown option 'tails'/);
    await expect(conditionNumber(la, { A: pair.A, B: pair.A })).rejects.toThrow(ShapeError);
    const batch = { A: la.full([2, 5, 3], 1), B: la.full([2, 3, 4], 1) };
    await expect(conditionNumber(la, batch)).rejects.toThrow(/expected one pair.*batch \[2\]/);
    expect(() => balancedConditionNumber([1, 2])).toThrow(/positive and descending, got \[1, 2\]/);
    expect(() => balancedConditionNumber([])).toThrow(ConfigError);
  });
});
