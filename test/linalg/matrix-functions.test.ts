import { eye, geometricMean, inverseSqrtSpd, polar, solveLyapunov, solveSylvester, sqrtSpd } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumericalError, ShapeError } from '../../src/core/errors.js';
import type { HostArray } from '../../src/linalg/host/host-array.js';
import { hostEngines } from '../support/engines.js';
import { batches, definite, gaussian, geometric, sizes, withEigenvalues, withSingularValues } from '../support/matrices.js';
import { type Dense, multiply, timesDiagonal } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';

const kappas = fc.constantFrom(1, 1e3, 1e8);
const cases = fc.record({ size: sizes(10), batch: batches, kappa: kappas });

describe.each(hostEngines)('matrix functions of %s', (_name, la) => {
  /** A batch of matrices made by `build` from consecutive seeds. */
  function stack(batch: readonly number[], seed: number, build: (seed: number) => Dense): HostArray {
    const size = batch.reduce((product, length) => product * length, 1);
    const list = Array.from({ length: size }, (_, index) => build(seed + 7 * index));
    const values = list.flatMap((one) => Array.from(one.values));
    return la.fromArray(values, [...batch, list[0].m, list[0].n]);
  }
  const square = (x: HostArray): HostArray => la.matmul(x, x);
  const product = (...factors: HostArray[]): HostArray => factors.reduce((a, b) => la.matmul(a, b));

  it('solveSylvester: P K + K Q = C', () => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, seed }, batch, kappa }) => {
        const p = stack(batch, seed, (s) => definite(s, m, kappa));
        const q = stack(batch, seed + 1, (s) => definite(s, n, kappa));
        const c = stack(batch, seed + 2, (s) => gaussian(s, m, n));
        const k = solveSylvester(la, p, q, c);
        expect(la.shape(k)).toEqual([...batch, m, n]);
        // The residual is small beside the solution, which grows with κ.
        expect(la.add(product(p, k), product(k, q))).toBeAllClose(c, tolerance(la, 100 * (m + n), 1 + la.maxAbs(k)));
      }),
    );
  });

  it('solveSylvester gives the solution of least norm where p_i + q_j vanishes', () => {
    fc.assert(
      fc.property(sizes(9), ({ m, n, r, seed }) => {
        const rankOnly = (length: number) => Float64Array.from({ length }, (_, i) => (i < r ? 1 + i / r : 0));
        const [p, q] = [withEigenvalues(seed, rankOnly(m)), withEigenvalues(seed + 1, rankOnly(n))];
        // In the eigenbases K has zeros where both eigenvalues vanish: off the ranges of P and Q at once.
        const [onP, onQ] = [withEigenvalues(seed, ones(m, r)), withEigenvalues(seed + 1, ones(n, r))];
        const [P, Q, E, F] = [p, q, onP, onQ].map((one) => la.fromArray(one.values, [one.n, one.n]));
        const c = la.fromArray(gaussian(seed + 2, m, n).values, [m, n]);
        const k = solveSylvester(la, P, Q, c);
        const [offP, offQ] = [la.subtract(eye(la, m), E), la.subtract(eye(la, n), F)];
        const bound = tolerance(la, 300 * (m + n), 10);
        expect(product(offP, k, offQ)).toBeAllClose(la.full([m, n], 0), bound);
        const residual = la.subtract(la.add(product(P, k), product(k, Q)), c);
        expect(la.add(residual, product(offP, c, offQ))).toBeAllClose(la.full([m, n], 0), bound);
      }),
    );
  });

  const ones = (length: number, r: number): Float64Array => Float64Array.from({ length }, (_, i) => (i < r ? 1 : 0));

  it('solveSylvester and solveLyapunov of zero matrices are zero', () => {
    expect(solveSylvester(la, la.full([3, 3], 0), la.full([2, 2], 0), la.full([3, 2], 1))).toBeAllClose(la.full([3, 2], 0), 0);
    expect(solveLyapunov(la, la.full([2, 3, 3], 0), la.full([2, 3, 3], 1))).toBeAllClose(la.full([2, 3, 3], 0), 0);
  });

  it('the tolerance is each batch member’s own', () => {
    const p = la.diagMatrix(la.fromArray([1e12, 1e12, 1e-12, 1e-12], [2, 2]));
    const c = la.full([2, 2, 2], 1);
    const k = solveLyapunov(la, p, c);
    expect(la.add(product(p, k), product(k, p))).toBeAllClose(c, tolerance(la, 20));
  });

  it('solveLyapunov: P K + K P = C, and K is symmetric where C is', () => {
    fc.assert(
      fc.property(cases, ({ size: { n, seed }, batch, kappa }) => {
        const p = stack(batch, seed, (s) => definite(s, n, kappa));
        const c = stack(batch, seed + 2, (s) => gaussian(s, n, n));
        const k = solveLyapunov(la, p, c);
        expect(la.add(product(p, k), product(k, p))).toBeAllClose(c, tolerance(la, 200 * n, 1 + la.maxAbs(k)));
        const symmetric = solveLyapunov(la, p, la.add(c, la.transpose(c)));
        expect(symmetric).toBeAllClose(la.transpose(symmetric), tolerance(la, 100 * n, 1 + la.maxAbs(symmetric)));
        expect(solveSylvester(la, p, p, c)).toBeAllClose(k, tolerance(la, 100 * n, 1 + la.maxAbs(k)));
      }),
    );
  });

  it('sqrtSpd: symmetric, and its square is S; singular S too', () => {
    fc.assert(
      fc.property(cases, ({ size: { n, r, seed }, batch, kappa }) => {
        const spectrum = (s: number) => withEigenvalues(s, s % 2 ? geometric(n, 1 / kappa) : ones(n, r));
        const s = stack(batch, seed, spectrum);
        const root = sqrtSpd(la, s);
        expect(square(root)).toBeAllClose(s, tolerance(la, 100 * n));
        expect(root).toBeAllClose(la.transpose(root), 0);
        expect(la.eigh(root).values.data.every((x) => x >= -tolerance(la, 100 * n))).toBe(true);
      }),
    );
  });

  it('refuse indefinite matrices, and take those that rounding has made so', () => {
    const [sure, slightly] = [
      [1, -5],
      [1, -1e-10],
    ].map((values) => la.diagMatrix(la.fromArray(values, [2])));
    const c = la.full([2, 2], 1);
    const calls: [string, (s: typeof sure) => typeof sure][] = [
      ['sqrtSpd', (s) => sqrtSpd(la, s)],
      ['solveLyapunov', (s) => solveLyapunov(la, s, c)],
      ['solveSylvester', (s) => solveSylvester(la, s, eye(la, 2), c)],
      ['solveSylvester', (s) => solveSylvester(la, eye(la, 2), s, c)],
    ];
    for (const [name, compute] of calls) {
      expect(() => compute(sure)).toThrow(NumericalError);
      expect(() => compute(sure)).toThrow(`${name}: expected a positive semidefinite matrix, but its eigenvalues run from -5 to 1`);
      expect(() => compute(la.scale(-1, eye(la, 2)))).toThrow(NumericalError);
      expect(la.toArray(compute(slightly)).every(Number.isFinite)).toBe(true);
    }
  });

  it('inverseSqrtSpd: symmetric, and R S R = I', () => {
    fc.assert(
      fc.property(cases, ({ size: { n, seed }, batch, kappa }) => {
        const s = stack(batch, seed, (one) => definite(one, n, kappa));
        const root = inverseSqrtSpd(la, s);
        expect(product(root, s, root)).toBeAllClose(eye(la, n, batch), tolerance(la, 100 * n, kappa));
        expect(root).toBeAllClose(la.transpose(root), 0);
      }),
    );
  });

  it('inverseSqrtSpd refuses a matrix that is singular to rounding', () => {
    const n = 4;
    const singular = la.fromArray(withEigenvalues(3, geometric(n, 1e-17)).values, [n, n]);
    expect(() => inverseSqrtSpd(la, singular)).toThrow(NumericalError);
    expect(() => inverseSqrtSpd(la, singular)).toThrow(/inverseSqrtSpd: expected a positive definite matrix, .* singular to rounding; add/);
    expect(() => inverseSqrtSpd(la, la.full([3, 3], 0))).toThrow(NumericalError);
    expect(() => inverseSqrtSpd(la, la.scale(-1, eye(la, 3, [2])))).toThrow(NumericalError);
  });

  it('polar: X = Q P with orthonormal Q and semidefinite P, also where X is rank deficient', () => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, r, seed }, batch, kappa }) => {
        const [rows, columns] = [Math.max(m, n), Math.min(m, n)];
        const spectrum = seed % 2 ? geometric(columns, 1 / kappa) : ones(columns, r);
        const x = stack(batch, seed, (one) => withSingularValues(one, rows, columns, spectrum));
        const { Q, P } = polar(la, x);
        const bound = tolerance(la, 100 * rows);
        expect(la.matmul(Q, Q, { transposeA: true })).toBeAllClose(eye(la, columns, batch), bound);
        expect(product(Q, P)).toBeAllClose(x, bound);
        expect(P).toBeAllClose(la.transpose(P), 0);
        expect(square(P)).toBeAllClose(la.matmul(x, x, { transposeA: true }), bound);
        expect(la.eigh(P).values.data.every((value) => value >= -bound)).toBe(true);
      }),
    );
  });

  it('geometricMean: G P⁻¹ G = Q, symmetric in its arguments, and between commuting matrices (P Q)^½', () => {
    fc.assert(
      fc.property(sizes(9), batches, fc.constantFrom(1, 10, 1e3), ({ n, seed }, batch, kappa) => {
        const p = stack(batch, seed, (one) => definite(one, n, kappa));
        const q = stack(batch, seed + 1, (one) => definite(one, n, kappa));
        const mean = geometricMean(la, p, q);
        const bound = tolerance(la, 200 * n, kappa);
        const root = inverseSqrtSpd(la, p);
        expect(square(product(root, mean, root))).toBeAllClose(product(root, q, root), bound * kappa);
        expect(mean).toBeAllClose(la.transpose(mean), 0);
        expect(geometricMean(la, q, p)).toBeAllClose(mean, bound);
        const commuting = product(p, p, p);
        expect(geometricMean(la, p, commuting)).toBeAllClose(square(p), bound * kappa);
        expect(geometricMean(la, p, p)).toBeAllClose(p, bound);
      }),
    );
  });

  it('geometricMean of diagonal matrices of very unequal size', () => {
    const [p, q] = [Float64Array.of(1, 1e-12, 1e6, 4), Float64Array.of(1e-12, 1, 1e6, 9)];
    const mean = geometricMean(la, la.diagMatrix(la.fromArray(p, [4])), la.diagMatrix(la.fromArray(q, [4])));
    const relative = timesDiagonal({ m: 1, n: 4, values: la.toArray(la.diag(mean)) }, [1e6, 1e6, 1e-6, 1 / 6]);
    expect(relative.values).toBeAllClose([1, 1, 1, 1], tolerance(la, 1000));
  });

  it('geometricMean refuses matrices that are not definite', () => {
    const indefinite = la.diagMatrix(la.fromArray([1, -1, 2], [3]));
    expect(() => geometricMean(la, indefinite, eye(la, 3))).toThrow(NumericalError);
    expect(() => geometricMean(la, eye(la, 3), indefinite)).toThrow(/geometricMean: cholesky: expected a positive definite matrix/);
  });

  it('leave what they multiply with unchanged, and agree with the textbook product', () => {
    const [p, c] = [definite(1, 5, 10), gaussian(2, 5, 5)];
    const P = la.fromArray(p.values, [5, 5]);
    const k = { m: 5, n: 5, values: la.toArray(solveLyapunov(la, P, la.fromArray(c.values, [5, 5]))) };
    const [left, right] = [multiply(p, k).values, multiply(k, p).values];
    expect(left.map((x, i) => x + right[i])).toBeAllClose(c.values, tolerance(la, 200, 10));
    expect(P).toBeAllClose(p.values, 0);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['solveSylvester', () => solveSylvester(la, eye(la, 3), eye(la, 2), la.full([2, 3], 1)), /a right-hand side 3×2, got 3×3 and 2×3/],
    ['solveSylvester', () => solveSylvester(la, eye(la, 3, [2]), eye(la, 2), la.full([3, 2], 1)), /expected equal batch axes/],
    ['solveLyapunov', () => solveLyapunov(la, la.full([2, 3], 1), eye(la, 3)), /solveLyapunov: expected a square matrix/],
    ['polar', () => polar(la, la.full([2, 3], 1)), /polar: expected at least as many rows as columns, got 2×3; take .* the transpose/],
    ['geometricMean', () => geometricMean(la, eye(la, 3), eye(la, 2)), /geometricMean: .* 3×3 and 2×2/],
  ])('%s names the shapes', (_operation, misuse, message) => {
    expect(misuse).toThrow(ShapeError);
    expect(misuse).toThrow(message);
  });
});
