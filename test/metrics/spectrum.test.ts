/** Division by spectra: what counts as zero to rounding is left out, and nothing else is. */
import { describe, expect, it } from 'vitest';
import { divideByPairSums, inverseSpectrum, leadingEntry } from '../../src/metrics/spectrum.js';
import { hostEngines } from '../support/engines.js';
import { tolerance } from '../support/tolerance.js';

describe.each(hostEngines)('on %s', (_engine, la) => {
  it.each([1, 1e-150, 1e150])('1/σ is 0 at and below r·ε·σ₁ only, relative to each spectrum of a batch (σ₁ = %d)', (first) => {
    const edge = 4 * la.epsilon;
    const spectra = [
      [1, 0.5, 1e-13, 1e-17],
      [1e-5, 1e-5, 2e-5 * edge, 0.5e-5 * edge],
    ].map((spectrum) => spectrum.map((sigma) => sigma * first));
    const inverse = la.toArray(inverseSpectrum(la, la.fromArray(spectra.flat(), [2, 4]))) as Float64Array;
    const expected = spectra.flatMap((spectrum) => spectrum.map((sigma, i) => (i === 3 ? 0 : 1 / sigma)));
    const relative = expected.map((value, i) => (value === 0 ? inverse[i] : inverse[i] / value - 1));
    expect(relative).toBeAllClose(new Float64Array(8), tolerance(la, 2));
  });

  it('1/σ of a spectrum of zeros is zero', () => {
    expect(inverseSpectrum(la, la.full([3], 0))).toBeAllClose([0, 0, 0], 0);
  });

  it('M_ij / (σ_i + σ_j) is 0 only where both σ are', () => {
    const quotient = divideByPairSums(la, la.full([3, 3], 6), la.fromArray([2, 1, 0], [3]));
    expect(quotient).toBeAllClose(la.fromArray([1.5, 2, 3, 2, 3, 6, 3, 6, 0], [3, 3]), tolerance(la, 10));
  });

  it('the leading entry is that of each member of a batch', () => {
    expect(leadingEntry(la, la.fromArray([5, 4, 3, 9, 8, 7], [2, 3]))).toBeAllClose(la.fromArray([5, 9], [2]), 0);
  });
});
