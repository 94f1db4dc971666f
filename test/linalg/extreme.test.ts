import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.js';
import { hostEngines } from '../support/engines.js';
import { sizes } from '../support/matrices.js';
import { type Dense, dense, identity, multiply, timesDiagonal, transposed } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';

/**
 * Entries that break careless code: over the whole range of float64, with structural zeros, of few distinct values,
 * repeated columns.
 */
const entries: Readonly<Record<string, (uniform: () => number) => number>> = {
  'from 1e-300 to 1': (uniform) => 10 ** (-300 * uniform()),
  'from 1e-300 to 1e300': (uniform) => 10 ** (600 * uniform() - 300),
  'zeros and ones': (uniform) => Math.floor(2 * uniform()),
  'mostly zero': (uniform) => [-1, 0, 0, 0, 1][Math.floor(5 * uniform())],
  'one, or too small to square, or subnormal': (uniform) => [0, 1e-310, 1, 1e-160][Math.floor(4 * uniform())],
  'near overflow': (uniform) => [1e307, -1e307, 1e-308, 0][Math.floor(4 * uniform())],
  'nearly equal': (uniform) => 1 + (Math.floor(3 * uniform()) - 1) * Number.EPSILON,
};
const kinds = fc.constantFrom(...Object.keys(entries));

describe.each(hostEngines)('factorizations by %s of matrices with extreme entries', (_name, la) => {
  function build(m: number, n: number, seed: number, kind: string): Dense {
    const { uniform } = seededRandom(seed);
    const a = dense(m, n, () => entries[kind](uniform));
    const [from, to] = [Math.floor(uniform() * n), Math.floor(uniform() * n)];
    return seed % 3 === 0 ? dense(m, n, (i, j) => a.values[i * n + (j === to ? from : j)]) : a;
  }

  const sizeOf = (values: Float64Array): number => values.reduce((bound, x) => Math.max(bound, Math.abs(x)), 0) || 1;
  const divided = (a: Dense, size: number): Dense => dense(a.m, a.n, (i, j) => a.values[i * a.n + j] / size);

  function expectOrthonormal(q: Dense): void {
    expect(multiply(transposed(q), q).values).toBeAllClose(identity(q.n).values, tolerance(la, 50 * q.m));
  }

  it('qr', () => {
    fc.assert(
      fc.property(sizes(9), kinds, ({ m, n, seed }, kind) => {
        const a = build(m, n, seed, kind);
        const [size, p] = [sizeOf(a.values), Math.min(m, n)];
        const { Q, R } = la.qr(la.fromArray(a.values, [m, n]));
        const [q, r] = [
          { m, n: p, values: la.toArray(Q) },
          { m: p, n, values: la.toArray(R) },
        ];
        expectOrthonormal(q);
        expect(multiply(q, divided(r, size)).values).toBeAllClose(divided(a, size).values, tolerance(la, 50 * Math.max(m, n)));
      }),
      { numRuns: 300 },
    );
  });

  it.each(['absolute', 'relative'] as const)('svd, accuracy %s', (accuracy) => {
    fc.assert(
      fc.property(sizes(9), kinds, ({ m, n, seed }, kind) => {
        const a = build(m, n, seed, kind);
        const [size, p] = [sizeOf(a.values), Math.min(m, n)];
        const { U, S, V } = la.svd(la.fromArray(a.values, [m, n]), { accuracy });
        const [u, v] = [
          { m, n: p, values: la.toArray(U) },
          { m: n, n: p, values: la.toArray(V) },
        ];
        expectOrthonormal(u);
        expectOrthonormal(v);
        const scaled = timesDiagonal(
          u,
          la.toArray(S).map((sigma) => sigma / size),
        );
        expect(multiply(scaled, transposed(v)).values).toBeAllClose(divided(a, size).values, tolerance(la, 50 * Math.max(m, n), m + n));
      }),
      { numRuns: 300 },
    );
  });

  it('eigh', () => {
    fc.assert(
      fc.property(sizes(9), kinds, ({ n, seed }, kind) => {
        const square = build(n, n, seed, kind);
        const a = dense(n, n, (i, j) => square.values[Math.max(i, j) * n + Math.min(i, j)]);
        const size = sizeOf(a.values);
        const { values, vectors } = la.eigh(la.fromArray(a.values, [n, n]));
        const w = { m: n, n, values: la.toArray(vectors) };
        expectOrthonormal(w);
        const scaled = timesDiagonal(
          w,
          la.toArray(values).map((lambda) => lambda / size),
        );
        expect(multiply(scaled, transposed(w)).values).toBeAllClose(divided(a, size).values, tolerance(la, 50 * n, n));
      }),
      { numRuns: 300 },
    );
  });
});
