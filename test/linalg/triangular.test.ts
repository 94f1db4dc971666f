import { eye } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, NumericalError, ShapeError } from '../../src/core/errors.js';
import { hostEngines } from '../support/engines.js';
import { batches, definite, gaussian, sizes } from '../support/matrices.js';
import { dense, largest, members, multiply, transposed } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

describe.each(hostEngines)('cholesky of %s', (_name, la) => {
  it('A = L Lᵀ with L lower triangular, for every condition number, layout and batch', () => {
    fc.assert(
      fc.property(sizes(30), fc.constantFrom(1, 1e4, 1e12), layouts, batches, ({ n, seed }, kappa, layout, batch) => {
        const size = batch.reduce((product, length) => product * length, 1);
        const list = Array.from({ length: size }, (_, index) => definite(seed + index, n, kappa));
        const a = list.flatMap((one) => Array.from(one.values));
        const factor = la.cholesky(arrange(layout, a, [...batch, n, n]));
        expect(la.shape(factor)).toEqual([...batch, n, n]);
        members(la.toArray(factor), n, n).forEach((l, index) => {
          expect(multiply(l, transposed(l)).values).toBeAllClose(list[index].values, tolerance(la, 50 * n, largest(list[index].values)));
          l.values.forEach((x, at) => {
            if (at % n > Math.floor(at / n)) expect(x).toBe(0);
          });
        });
      }),
    );
  });

  it('reads the lower triangle alone', () => {
    const n = 14;
    const a = definite(1, n, 10).values;
    const lower = a.map((x, at) => (at % n > Math.floor(at / n) ? Number.NaN : x));
    expect(la.cholesky(la.fromArray(lower, [n, n]))).toBeAllClose(la.cholesky(la.fromArray(a, [n, n])), 0);
  });

  it.each([3, 20])('says which leading minor is not positive, of order %d', (n) => {
    const x = eye(la, n, [2]);
    x.set(1, 2, 2, -1);
    expect(() => la.cholesky(x)).toThrow(NumericalError);
    expect(() => la.cholesky(x)).toThrow(
      `cholesky: expected a positive definite matrix, but the leading minor of order 3 of the ${n}×${n} matrix number 1 of the batch is not positive; add`,
    );
    expect(() => la.cholesky(la.full([n, n], 0))).toThrow(/minor of order 1 /);
    expect(() => la.cholesky(la.full([2, 3], 1))).toThrow(ShapeError);
  });
});

describe.each(hostEngines)('solveTriangular of %s', (_name, la) => {
  it('solves from either side with either triangle, transposed or not, and ignores the other triangle', () => {
    fc.assert(
      fc.property(
        sizes(20),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom('left' as const, 'right' as const),
        layouts,
        batches,
        ({ m: k, n, seed }, lower, transpose, side, layout, batch) => {
          const size = batch.reduce((product, length) => product * length, 1);
          const inside = (i: number, j: number): boolean => (lower ? j <= i : j >= i);
          const noise = gaussian(seed, size * n, n).values;
          // A dominant diagonal keeps the triangle well conditioned, so that the solution itself can be compared.
          const triangles = members(noise, n, n).map((one) =>
            dense(n, n, (i, j) => (inside(i, j) ? one.values[i * n + j] / n + (i === j ? 2 : 0) : 0)),
          );
          const solutions = members(gaussian(seed + 1, size * n, k).values, side === 'left' ? n : k, side === 'left' ? k : n);
          const sides = triangles.map((triangle, index) => {
            const applied = transpose ? transposed(triangle) : triangle;
            return side === 'left' ? multiply(applied, solutions[index]) : multiply(solutions[index], applied);
          });
          const stored = triangles.flatMap((one) =>
            Array.from(one.values, (x, at) => (inside(Math.floor(at / n), at % n) ? x : Number.NaN)),
          );
          const shape = [...batch, ...(side === 'left' ? [n, k] : [k, n])];
          const b = arrange(
            layout,
            sides.flatMap((one) => Array.from(one.values)),
            shape,
          );
          const before = la.toArray(b);
          const x = la.solveTriangular(arrange(layout, stored, [...batch, n, n]), b, { lower, transpose, side });
          expect(la.shape(x)).toEqual(shape);
          expect(x).toBeAllClose(
            solutions.flatMap((one) => Array.from(one.values)),
            tolerance(la, 100 * n, 10),
          );
          expect(b).toBeAllClose(before, 0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('by default reads the lower triangle, from the left', () => {
    const triangle = la.fromArray([2, 99, 1, 4], [2, 2]);
    expect(la.solveTriangular(triangle, la.fromArray([2, 4, 9, 6], [2, 2]))).toBeAllClose([1, 2, 2, 1], 0);
  });

  it('names what is wrong', () => {
    const singular = la.fromArray([1, 0, 0, 5, 0, 0, 6, 7, 8], [3, 3]);
    expect(() => la.solveTriangular(singular, la.full([3, 2], 1))).toThrow(NumericalError);
    expect(() => la.solveTriangular(singular, la.full([3, 2], 1))).toThrow(
      /solveTriangular: the triangle is singular, its diagonal entry 1 is zero/,
    );
    expect(() => la.solveTriangular(eye(la, 3), la.full([2, 4], 1))).toThrow(ShapeError);
    expect(() => la.solveTriangular(eye(la, 3), la.full([2, 4], 1))).toThrow(/a right-hand side with 3 rows, got 3×3 and 2×4/);
    expect(() => la.solveTriangular(eye(la, 3), la.full([3, 4], 1), { side: 'right' })).toThrow(/with 3 columns/);
    expect(() => la.solveTriangular(eye(la, 3), la.full([3, 4], Number.NaN))).toThrow(
      /solveTriangular: the 3×4 matrix has a non-finite entry/,
    );
    expect(() => la.solveTriangular(eye(la, 3), la.full([3, 4], 1), { side: 'top' as 'left' })).toThrow(ConfigError);
  });
});
