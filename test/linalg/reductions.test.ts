import { trace } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '../../src/core/errors.js';
import { hostEngines } from '../support/engines.js';
import { batches, gaussian, sizes } from '../support/matrices.js';
import { type Dense, members } from '../support/naive.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

const cases = fc.record({ size: sizes(8), batch: batches, layout: layouts });
const count = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const plainSum = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, x) => sum + x, 0);
const sumOfProducts = (x: Dense, y: Dense): number => plainSum(x.values.map((entry, i) => entry * y.values[i]));

describe.each(hostEngines)('reductions of %s', (_name, la) => {
  it('sum, sumVector, trace, innerEach and normEach give one number a row, column or member', () => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, seed }, batch, layout }) => {
        const x = gaussian(seed, count(batch) * m, n).values;
        const y = gaussian(seed + 1, count(batch) * m, n).values;
        const [xs, ys] = [members(x, m, n), members(y, m, n)];
        const [viewX, viewY] = [arrange(layout, x, [...batch, m, n]), arrange('contiguous', y, [...batch, m, n])];
        const bound = tolerance(la, 2 * m * n, m * n);
        const rows = la.sum(viewX, 'rows');
        const columns = la.sum(viewX, 'columns');
        expect(la.shape(rows)).toEqual([...batch, m]);
        expect(la.shape(columns)).toEqual([...batch, n]);
        expect(rows).toBeAllClose(
          xs.flatMap((a) => Array.from({ length: m }, (_, i) => plainSum(a.values.slice(i * n, (i + 1) * n)))),
          bound,
        );
        expect(columns).toBeAllClose(
          xs.flatMap((a) => Array.from({ length: n }, (_, j) => plainSum(a.values.filter((_entry, at) => at % n === j)))),
          bound,
        );
        expect(la.sumVector(viewX)).toBeAllClose(rows, bound);
        const inner = la.innerEach(viewX, viewY);
        expect(la.shape(inner)).toEqual([...batch]);
        expect(inner).toBeAllClose(
          xs.map((a, b) => sumOfProducts(a, ys[b])),
          bound,
        );
        expect(la.normEach(viewX)).toBeAllClose(
          xs.map((a) => Math.sqrt(sumOfProducts(a, a))),
          bound,
        );
        expect(la.inner(viewX, viewY)).toBeAllClose(plainSum(la.toArray(inner)), bound * count(batch));
        expect(la.norm(viewX) ** 2).toBeAllClose(la.inner(viewX, viewX), bound * count(batch));
        expect(la.total(viewX)).toBeAllClose(plainSum(x), bound * count(batch));
        expect(la.maxAbs(viewX)).toBe(Math.max(...x.map(Math.abs)));
      }),
    );
  });

  it('trace sums the diagonal of each member', () => {
    fc.assert(
      fc.property(cases, ({ size: { n, seed }, batch, layout }) => {
        const x = gaussian(seed, count(batch) * n, n).values;
        const traces = trace(la, arrange(layout, x, [...batch, n, n]));
        expect(la.shape(traces)).toEqual([...batch]);
        expect(traces).toBeAllClose(
          members(x, n, n).map((a) => plainSum(a.values.filter((_entry, at) => at % (n + 1) === 0))),
          tolerance(la, n, n),
        );
      }),
    );
  });

  it.each([2 ** 1020, 2 ** 600, 2 ** 1, 2 ** -530, 2 ** -1000, 2 ** -1074])(
    'norms neither overflow nor underflow: entries of size %d',
    (size) => {
      const x = la.scale(size, la.fromArray([3, 0, -4, 0, 0, 0], [2, 3]));
      expect(la.norm(x) / size).toBeAllClose(5, tolerance(la, 4, 5));
      expect(la.normEach(x).get() / size).toBeAllClose(5, tolerance(la, 4, 5));
    },
  );

  it('norms of very unequal entries are right to rounding', () => {
    const x = la.fromArray([3e-200, 4e-200, 1e-320, 0, -0, 0], [3, 2]);
    expect(la.norm(x) / 5e-200).toBeAllClose(1, tolerance(la, 4));
    const y = la.fromArray([3e200, 4e200, 1, 0, -0, 1e-300], [3, 2]);
    expect(la.norm(y) / 5e200).toBeAllClose(1, tolerance(la, 4));
  });

  it('NaN and infinity come through; nothing sums to zero', () => {
    const broken = la.fromArray([1, Number.NaN, 2], [3]);
    expect(la.maxAbs(broken)).toBeNaN();
    expect(la.norm(broken)).toBeNaN();
    expect(la.total(broken)).toBeNaN();
    expect(la.norm(la.fromArray([1, Number.NEGATIVE_INFINITY], [2]))).toBe(Number.POSITIVE_INFINITY);
    const empty = la.full([0, 3], 1);
    expect([la.maxAbs(empty), la.norm(empty), la.total(empty), la.inner(empty, empty)]).toEqual([0, 0, 0, 0]);
    expect(la.sum(empty, 'columns')).toBeAllClose([0, 0, 0], 0);
    expect(la.normEach(la.full([2, 3, 0], 1))).toBeAllClose([0, 0], 0);
  });

  it('names the function and the shapes', () => {
    expect(() => la.innerEach(la.full([2, 3], 1), la.full([3, 2], 1))).toThrow(ShapeError);
    expect(() => la.inner(la.full([2, 3], 1), la.full([3, 2], 1))).toThrow(/inner: .* 2×3 and 3×2/);
    expect(() => trace(la, la.full([2, 3], 1))).toThrow(/trace: expected a square matrix/);
    expect(() => la.normEach(la.full([3], 1))).toThrow(/normEach: expected a matrix/);
    expect(() => la.sumVector(la.full([], 1))).toThrow(/sumVector: expected a vector/);
    expect(() => la.sum(la.full([2, 3], 1), 'all' as 'rows')).toThrow(ConfigError);
  });
});
