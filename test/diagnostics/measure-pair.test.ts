/** Measures of a factor pair, against numbers known from how the pair was made. */
import { ConfigError, ShapeError } from 'bures';
import { measurePair } from 'bures/diagnostics';
import { describe, expect, it } from 'vitest';
import { tensorEngines } from '../support/engines.js';
import { factorCase, la } from './factor-cases.js';

const [m, n] = [9, 6];
const sigmas = [4, 2, 1] as const;

describe('measurePair', () => {
  const { pair } = factorCase(3, m, n, sigmas);

  it('gives sizes, norms, spectrum and condition numbers of s·AB', async () => {
    const measures = await measurePair(la, pair, { scale: -3 });
    expect(measures).toMatchObject({ shape: [m, n], rank: 3, scale: -3 });
    expect(measures.singularValues).toBeAllClose([12, 6, 3], 1e-13);
    expect([measures.norm, measures.normA, measures.normB]).toBeAllClose([3 * Math.sqrt(21), Math.sqrt(7), Math.sqrt(7)], 1e-13);
    // Shares 4/7, 2/7, 1/7.
    expect(measures.effectiveRank).toBeCloseTo((7 / 4) ** (4 / 7) * (7 / 2) ** (2 / 7) * 7 ** (1 / 7), 12);
    expect(measures.balanceGap).toBeLessThan(1e-14);
    expect([measures.conditionNumber, measures.balancedConditionNumber]).toBeAllClose([8, 8], 1e-12);
  });

  it('has the scale 1 by default, and sees a pair that is not balanced', async () => {
    const measures = await measurePair(la, { A: la.scale(3, pair.A), B: la.scale(1 / 3, pair.B) });
    expect(measures.singularValues).toBeAllClose(sigmas, 1e-13);
    expect(measures.balanceGap).toBeCloseTo((9 - 1 / 9) / (9 + 1 / 9), 12);
    expect(measures.conditionNumber).toBeCloseTo((9 * 4 + 4 / 9) / (1 / 9), 9);
    expect(measures.balancedConditionNumber).toBeCloseTo(8, 12);
  });

  it('accepts a rank above the sizes, whose condition numbers are not defined, and a pair that vanishes', async () => {
    const [A, B] = [la.fromArray([1, 0, 2, 0, 1, 1, 1, 1, 0, 3, 1, 2], [4, 3]), la.fromArray([1, 2, 0, 1, 1, 1], [3, 2])];
    const measures = await measurePair(la, { A, B });
    expect(measures).toMatchObject({ rank: 3, conditionNumber: Number.NaN, balancedConditionNumber: Number.NaN });
    expect(measures.norm).toBeCloseTo(la.norm(la.matmul(A, B)), 12);
    const none = await measurePair(la, { A, B: la.fromArray(new Float64Array(15), [3, 5]) });
    expect(none).toMatchObject({ norm: 0, effectiveRank: 0, conditionNumber: Number.POSITIVE_INFINITY });
  });

  it.each(tensorEngines)('takes arrays of %s', async (_name, engine) => {
    const measures = await engine.tidy(async () => {
      const on = (array: typeof pair.A) => engine.fromArray(Float64Array.from(la.toArray(array)), la.shape(array));
      return measurePair(engine, { A: on(pair.A), B: on(pair.B) });
    });
    expect(measures.singularValues).toBeAllClose(sigmas, 1e-5);
  });

  it('refuses a batch, shapes that do not fit and a scale that is no number, in its own name', async () => {
    const batch = { A: la.fromArray(new Float64Array(6 * m), [2, m, 3]), B: la.fromArray(new Float64Array(6 * n), [2, 3, n]) };
    await expect(measurePair(la, batch)).rejects.toThrow(/^measurePair: expected one pair.*batch \[2\]/);
    await expect(measurePair(la, { A: pair.A, B: pair.A })).rejects.toThrow(ShapeError);
    await expect(measurePair(la, pair, { scale: '2' as never })).rejects.toThrow(ConfigError);
  });
});
