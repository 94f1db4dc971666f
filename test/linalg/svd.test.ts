import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, NumericalError, ShapeError } from '../../src/core/errors.js';
import { seededRandom } from '../../src/core/random.js';
import { accurateSingularValues } from '../support/double-double.js';
import { hostEngines } from '../support/engines.js';
import { batches, gaussian, geometric, sizes, spectra, spectrumNames, wellConditioned, withSingularValues } from '../support/matrices.js';
import { type Dense, identity, members, multiply, timesDiagonal, transposed } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

const accuracies = fc.constantFrom('absolute' as const, 'relative' as const);

describe.each(hostEngines)('svd of %s', (_name, la) => {
  /** A = U diag(σ) Vᵀ relative to σ₁, U and V orthonormal, σ descending. */
  function checkFactors(a: Dense, u: Dense, s: Float64Array, v: Dense): void {
    const p = s.length;
    const bound = tolerance(la, 50 * Math.max(a.m, a.n));
    const scale = s[0] || 1;
    const relative = timesDiagonal(
      u,
      s.map((sigma) => sigma / scale),
    );
    expect(multiply(relative, transposed(v)).values).toBeAllClose(
      a.values.map((x) => x / scale),
      bound,
    );
    expect(multiply(transposed(u), u).values).toBeAllClose(identity(p).values, bound);
    expect(multiply(transposed(v), v).values).toBeAllClose(identity(p).values, bound);
    for (let i = 0; i < p; i++) expect(s[i]).toBeGreaterThanOrEqual(i + 1 < p ? s[i + 1] : 0);
  }

  it('A = U diag(σ) Vᵀ with the known σ, for every spectrum, scale, accuracy, layout and batch', () => {
    const exponents = fc.constantFrom(0, -1000, -300, 900);
    fc.assert(
      fc.property(
        sizes(20),
        spectrumNames,
        exponents,
        accuracies,
        layouts,
        batches,
        ({ m, n, seed }, spectrum, exponent, accuracy, layout, batch) => {
          const p = Math.min(m, n);
          const size = batch.reduce((product, length) => product * length, 1);
          const sigma = spectra[spectrum](p, seededRandom(seed)).map((x) => x * 2 ** exponent);
          const list = Array.from({ length: size }, (_, index) => withSingularValues(seed + 3 * index, m, n, sigma));
          const a = list.flatMap((one) => Array.from(one.values));
          const { U, S, V } = la.svd(arrange(layout, a, [...batch, m, n]), { accuracy });
          expect([la.shape(U), la.shape(S), la.shape(V)]).toEqual([
            [...batch, m, p],
            [...batch, p],
            [...batch, n, p],
          ]);
          const [us, ss, vs] = [members(la.toArray(U), m, p), members(la.toArray(S), 1, p), members(la.toArray(V), n, p)];
          list.forEach((one, index) => {
            checkFactors(one, us[index], ss[index].values, vs[index]);
            expect(ss[index].values).toBeAllClose(sigma, tolerance(la, 50 * Math.max(m, n), sigma[0]));
          });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('larger matrices, square, tall and wide', () => {
    for (const [m, n] of [
      [61, 47],
      [130, 31],
      [29, 90],
    ]) {
      const a = withSingularValues(m, m, n, geometric(Math.min(m, n), 1e-14));
      for (const accuracy of ['absolute', 'relative'] as const) {
        const { U, S, V } = la.svd(la.fromArray(a.values, [m, n]), { accuracy });
        const p = Math.min(m, n);
        checkFactors(a, { m, n: p, values: la.toArray(U) }, la.toArray(S), { m: n, n: p, values: la.toArray(V) });
      }
    }
  });

  it('matrices that are bidiagonal, graded either way, or have zeros on the diagonal', () => {
    const [m, n] = [9, 7];
    const diagonals = [
      (i: number) => 10 ** (-2 * i),
      (i: number) => 10 ** (-2 * (n - i)),
      (i: number) => (i === 3 ? 0 : 1),
      (i: number) => (i === n - 1 || i === 0 ? 0 : 1),
      () => 0,
    ];
    for (const diagonal of diagonals) {
      const a = { m, n, values: Float64Array.from({ length: m * n }, (_, at) => entryOf(Math.floor(at / n), at % n, diagonal)) };
      for (const accuracy of ['absolute', 'relative'] as const) {
        const { U, S, V } = la.svd(la.fromArray(a.values, [m, n]), { accuracy });
        checkFactors(a, { m, n, values: la.toArray(U) }, la.toArray(S), { m: n, n, values: la.toArray(V) });
        expect(S).toBeAllClose(accurateSingularValues(a), tolerance(la, 50 * m, la.maxAbs(S)));
      }
    }
  });

  function entryOf(i: number, j: number, diagonal: (i: number) => number): number {
    if (i === j) return diagonal(i);
    return j === i + 1 ? 1 : 0;
  }

  it("accuracy 'relative': every σ of a well-conditioned matrix times a diagonal, to ten digits", () => {
    fc.assert(
      fc.property(sizes(9), fc.constantFrom(14, 40, 100), fc.boolean(), ({ m, n, seed }, decades, transpose) => {
        const [long, short] = [Math.max(m, n), Math.min(m, n)];
        const random = seededRandom(seed);
        const powers = Float64Array.from({ length: short }, (_, i) => 10 ** (i === 0 ? -decades : -decades * random.uniform()));
        const scaled = timesDiagonal(wellConditioned(seed, long, short), powers);
        const a = transpose ? transposed(scaled) : scaled;
        const { U, S, V } = la.svd(la.fromArray(a.values, [a.m, a.n]), { accuracy: 'relative' });
        const [sigma, exact] = [la.toArray(S), accurateSingularValues(a)];
        expect(sigma.map((x, i) => x / exact[i])).toBeAllClose(new Float64Array(short).fill(1), 1e-10);
        checkFactors(a, { m: a.m, n: short, values: la.toArray(U) }, sigma, { m: a.n, n: short, values: la.toArray(V) });
      }),
    );
  });

  it("accuracy 'relative' holds where lengths are too unequal for one rotation", () => {
    const [m, n] = [5, 3];
    const scaled = timesDiagonal(wellConditioned(11, m, n), [1e-150, 1, 1e-290]);
    const S = la.toArray(la.svd(la.fromArray(scaled.values, [m, n]), { accuracy: 'relative' }).S);
    // The double-double reference squares lengths: give it those that it can square, and use that σ scales with A.
    const [a, b] = [timesDiagonal(wellConditioned(11, m, n), [0, 1, 0]), wellConditioned(11, m, n)];
    expect(S[0] / accurateSingularValues(a)[0]).toBeAllClose(1, 1e-10);
    const volume = accurateSingularValues(b).reduce((product, sigma) => product * sigma, 1);
    expect((S[0] * (S[1] / 1e-150) * (S[2] / 1e-290)) / volume).toBeAllClose(1, 1e-10);
  });

  it('of one number, of zero, of one row and of no column', () => {
    for (const accuracy of ['absolute', 'relative'] as const) {
      expect(la.svd(la.full([1, 1], -3), { accuracy }).S).toBeAllClose([3], 0);
      const row = la.svd(la.fromArray([3, 0, -4], [1, 3]), { accuracy });
      expect(row.S).toBeAllClose([5], tolerance(la, 4, 5));
      expect(la.shape(row.V)).toEqual([3, 1]);
      expect(la.svd(la.full([4, 3], 0), { accuracy }).S).toBeAllClose([0, 0, 0], 0);
      expect(la.shape(la.svd(la.full([4, 0], 1), { accuracy }).U)).toEqual([4, 0]);
    }
  });

  it('leaves its argument alone, and names what is wrong', () => {
    const a = gaussian(1, 12, 5);
    const x = la.fromArray(a.values, [12, 5]);
    la.svd(x);
    expect(x).toBeAllClose(a.values, 0);
    x.set(2, 1, Number.NaN);
    expect(() => la.svd(x)).toThrow(NumericalError);
    expect(() => la.svd(x)).toThrow(/svd: the 12×5 matrix has a non-finite entry \(NaN at \[2, 1\]\); /);
    expect(() => la.svd(la.full([3], 1))).toThrow(ShapeError);
    expect(() => la.svd(la.full([2, 3], 1), { accuracy: 'best' as 'absolute' })).toThrow(ConfigError);
  });
});
