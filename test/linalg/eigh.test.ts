import { eye } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericalError, ShapeError } from '../../src/core/errors.js';
import { seededRandom } from '../../src/core/random.js';
import { hostEngines } from '../support/engines.js';
import { batches, sizes, spectra, spectrumNames, withEigenvalues } from '../support/matrices.js';
import { type Dense, dense, identity, members, multiply, timesDiagonal, transposed } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

describe.each(hostEngines)('eigh of %s', (_name, la) => {
  /** A = W diag(λ) Wᵀ relative to the largest |λ|, W orthogonal, λ ascending. */
  function checkFactors(a: Dense, lambda: Float64Array, w: Dense): void {
    const { n } = a;
    const bound = tolerance(la, 50 * n);
    const scale = lambda.reduce((bounds, x) => Math.max(bounds, Math.abs(x)), 0) || 1;
    const relative = timesDiagonal(
      w,
      lambda.map((x) => x / scale),
    );
    expect(multiply(relative, transposed(w)).values).toBeAllClose(
      a.values.map((x) => x / scale),
      bound,
    );
    expect(multiply(transposed(w), w).values).toBeAllClose(identity(n).values, bound);
    for (let i = 1; i < n; i++) expect(lambda[i]).toBeGreaterThanOrEqual(lambda[i - 1]);
  }

  it('A = W diag(λ) Wᵀ with the known λ, of either sign, for every spectrum, scale, layout and batch', () => {
    const exponents = fc.constantFrom(0, -1000, 900);
    fc.assert(
      fc.property(
        sizes(20),
        spectrumNames,
        exponents,
        layouts,
        batches,
        fc.boolean(),
        ({ n, seed }, spectrum, exponent, layout, batch, indefinite) => {
          const size = batch.reduce((product, length) => product * length, 1);
          const known = spectra[spectrum](n, seededRandom(seed))
            .map((x, i) => x * (indefinite && i % 3 === 1 ? -1 : 1))
            .sort();
          const list = Array.from({ length: size }, (_, index) => {
            const built = withEigenvalues(seed + index, known);
            return { n, m: n, values: built.values.map((x) => x * 2 ** exponent) };
          });
          const a = list.flatMap((one) => Array.from(one.values));
          const { values, vectors } = la.eigh(arrange(layout, a, [...batch, n, n]));
          expect([la.shape(values), la.shape(vectors)]).toEqual([
            [...batch, n],
            [...batch, n, n],
          ]);
          const [lambdas, bases] = [members(la.toArray(values), 1, n), members(la.toArray(vectors), n, n)];
          const largest = known.reduce((bound, x) => Math.max(bound, Math.abs(x)), 0) * 2 ** exponent;
          list.forEach((one, index) => {
            checkFactors(one, lambdas[index].values, bases[index]);
            expect(lambdas[index].values).toBeAllClose(
              known.map((x) => x * 2 ** exponent),
              tolerance(la, 50 * n, largest),
            );
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('a larger matrix', () => {
    const n = 83;
    const a = withEigenvalues(
      5,
      Float64Array.from({ length: n }, (_, i) => (i % 7) - 3),
    );
    const { values, vectors } = la.eigh(la.fromArray(a.values, [n, n]));
    checkFactors(a, la.toArray(values), { m: n, n, values: la.toArray(vectors) });
  });

  it('diagonal and tridiagonal matrices, with zeros in places', () => {
    const n = 11;
    for (const [diagonal, beside] of [
      [(i: number) => 5 - i, 0],
      [() => 0, 1],
      [(i: number) => 10 ** (-2 * i), 1e-9],
      [(i: number) => 10 ** (2 * i - 20), 1e-3],
    ] as const) {
      const a = dense(n, n, (i, j) => (i === j ? diagonal(i) : Math.abs(i - j) === 1 ? beside : 0));
      const { values, vectors } = la.eigh(la.fromArray(a.values, [n, n]));
      checkFactors(a, la.toArray(values), { m: n, n, values: la.toArray(vectors) });
    }
  });

  it('reads the lower triangle alone, and leaves its argument as it was', () => {
    const n = 13;
    const a = withEigenvalues(
      2,
      Float64Array.from({ length: n }, (_, i) => i - 4),
    );
    const lower = a.values.map((x, at) => (at % n > Math.floor(at / n) ? Number.NaN : x));
    const x = la.fromArray(lower, [n, n]);
    const { values, vectors } = la.eigh(x);
    checkFactors(a, la.toArray(values), { m: n, n, values: la.toArray(vectors) });
    expect(x).toBeAllClose(lower, 0);
  });

  it('of one number, of zero and of nothing', () => {
    expect(la.eigh(la.full([1, 1], -3)).values).toBeAllClose([-3], 0);
    expect(la.eigh(la.full([1, 1], -3)).vectors).toBeAllClose([1], 0);
    expect(la.eigh(la.full([4, 4], 0)).values).toBeAllClose([0, 0, 0, 0], 0);
    expect(la.shape(la.eigh(la.full([0, 0], 0)).vectors)).toEqual([0, 0]);
  });

  it('names what is wrong', () => {
    const x = eye(la, 3);
    x.set(2, 0, Number.NEGATIVE_INFINITY);
    expect(() => la.eigh(x)).toThrow(NumericalError);
    expect(() => la.eigh(x)).toThrow(/eigh: the 3×3 matrix has a non-finite entry \(-Infinity at \[2, 0\]\)/);
    expect(() => la.eigh(la.full([2, 3], 1))).toThrow(ShapeError);
    expect(() => la.eigh(la.full([2, 3], 1))).toThrow(/eigh: expected a square matrix \[.., n, n\], got 2×3/);
  });
});
