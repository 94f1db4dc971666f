import { eye } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericalError, ShapeError } from '../../src/core/errors.js';
import { seededRandom } from '../../src/core/random.js';
import { hostEngines } from '../support/engines.js';
import { batches, gaussian, sizes, spectra, spectrumNames, withSingularValues } from '../support/matrices.js';
import { type Dense, identity, largest, members, multiply, transposed } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

const exponents = fc.constantFrom(0, -1000, 900);

describe.each(hostEngines)('qr of %s', (_name, la) => {
  /** A = QR, QᵀQ = I, R upper triangular with a nonnegative diagonal. */
  function checkFactors(a: Dense, q: Dense, r: Dense): void {
    const p = Math.min(a.m, a.n);
    const length = Math.max(a.m, a.n);
    expect(multiply(q, r).values).toBeAllClose(a.values, tolerance(la, 50 * length, largest(a.values)));
    expect(multiply(transposed(q), q).values).toBeAllClose(identity(p).values, tolerance(la, 50 * length));
    for (let i = 0; i < p; i++) {
      expect(r.values[i * a.n + i]).toBeGreaterThanOrEqual(0);
      for (let j = 0; j < i; j++) expect(r.values[i * a.n + j]).toBe(0);
    }
  }

  it('A = QR for every spectrum, scale, layout and batch, tall and wide', () => {
    fc.assert(
      fc.property(sizes(20), spectrumNames, exponents, layouts, batches, ({ m, n, seed }, spectrum, exponent, layout, batch) => {
        const p = Math.min(m, n);
        const size = batch.reduce((product, length) => product * length, 1);
        const list = Array.from({ length: size }, (_, index) => {
          const built = withSingularValues(seed + 3 * index, m, n, spectra[spectrum](p, seededRandom(seed)));
          return built.values.map((x) => x * 2 ** exponent);
        });
        const a = list.flatMap((one) => Array.from(one));
        const { Q, R } = la.qr(arrange(layout, a, [...batch, m, n]));
        expect(la.shape(Q)).toEqual([...batch, m, p]);
        expect(la.shape(R)).toEqual([...batch, p, n]);
        const [qs, rs] = [members(la.toArray(Q), m, p), members(la.toArray(R), p, n)];
        list.forEach((values, index) => {
          checkFactors({ m, n, values }, qs[index], rs[index]);
        });
      }),
    );
  });

  it('columns of very unequal and of subnormal length', () => {
    const [m, n] = [7, 4];
    const scales = [1, 1e-160, 1e-310, 1e150];
    const a = gaussian(4, m, n);
    const graded = { m, n, values: a.values.map((x, at) => x * scales[at % n]) };
    const { Q, R } = la.qr(la.fromArray(graded.values, [m, n]));
    checkFactors(graded, { m, n, values: la.toArray(Q) }, { m: n, n, values: la.toArray(R) });
  });

  it('the zero matrix has the leading columns of the identity for Q', () => {
    for (const [m, n] of [
      [5, 3],
      [3, 5],
      [30, 20],
    ]) {
      const p = Math.min(m, n);
      const { Q, R } = la.qr(la.full([m, n], 0));
      expect(Q).toBeAllClose(la.slice(eye(la, m), { columns: [0, p] }), 0);
      expect(R).toBeAllClose(la.full([p, n], 0), 0);
    }
  });

  it('of one number, of one row and of no column', () => {
    expect(la.qr(la.full([1, 1], -3)).R).toBeAllClose([3], 0);
    expect(la.qr(la.full([1, 1], -3)).Q).toBeAllClose([-1], 0);
    expect(la.qr(la.fromArray([-1, 2, 3], [1, 3])).R).toBeAllClose([1, -2, -3], 0);
    expect(la.shape(la.qr(la.full([4, 0], 1)).Q)).toEqual([4, 0]);
  });

  it('leaves its argument alone', () => {
    const a = gaussian(1, 12, 5);
    const x = la.fromArray(a.values, [12, 5]);
    la.qr(x);
    expect(x).toBeAllClose(a.values, 0);
  });

  it('names what is wrong', () => {
    const broken = la.full([2, 5, 3], 1);
    broken.set(1, 2, 1, Number.NaN);
    expect(() => la.qr(broken)).toThrow(NumericalError);
    expect(() => la.qr(broken)).toThrow(
      'qr: the [2, 5, 3] matrix has a non-finite entry (NaN at [1, 2, 1]); a step size that is too large',
    );
    expect(() => la.qr(la.full([5, 3], Number.POSITIVE_INFINITY))).toThrow(/qr: the 5×3 matrix .* \(Infinity at \[0, 0\]\)/);
    expect(() => la.qr(la.full([5], 1))).toThrow(ShapeError);
  });
});
