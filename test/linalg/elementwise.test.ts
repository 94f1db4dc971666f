import { abs, square } from 'bures';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '../../src/core/errors.js';
import type { HostArray } from '../../src/linalg/host/host-array.js';
import { hostEngines } from '../support/engines.js';
import { batches, gaussian, sizes } from '../support/matrices.js';
import { tolerance } from '../support/tolerance.js';
import { arrange, layouts } from '../support/views.js';

const cases = fc.record({ size: sizes(7), batch: batches, layoutX: layouts, layoutY: layouts });
const count = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

describe.each(hostEngines)('elementwise operations of %s', (_name, la) => {
  const unary = {
    sqrt: Math.sqrt,
    square: (x: number) => x * x,
    abs: Math.abs,
    sign: Math.sign,
    exp: Math.exp,
    log: Math.log,
    sin: Math.sin,
    cos: Math.cos,
    atan: Math.atan,
  };
  const operations = { ...la, square: (x: HostArray) => square(la, x), abs: (x: HostArray) => abs(la, x) };
  it.each(Object.entries(unary))('%s acts on each entry, of views and batches too', (name, reference) => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, seed }, batch, layoutX }) => {
        const shape = [...batch, m, n];
        const x = gaussian(seed, count(shape), 1).values;
        const result = operations[name as keyof typeof unary](arrange(layoutX, x, shape));
        expect(la.shape(result)).toEqual(shape);
        expect(result).toBeAllClose(x.map(reference), 0);
      }),
    );
  });

  const binary: Record<string, [(x: HostArray, y: HostArray) => HostArray, (x: number, y: number) => number]> = {
    add: [(x, y) => la.add(x, y), (x, y) => x + y],
    subtract: [(x, y) => la.subtract(x, y), (x, y) => x - y],
    multiply: [(x, y) => la.multiply(x, y), (x, y) => x * y],
    divide: [(x, y) => la.divide(x, y), (x, y) => x / y],
    maximum: [(x, y) => la.maximum(x, y), Math.max],
    greater: [(x, y) => la.greater(x, y), (x, y) => (x > y ? 1 : 0)],
    axpy: [(x, y) => la.axpy(-0.75, x, y), (x, y) => -0.75 * x + y],
  };
  it.each(Object.entries(binary))('%s acts on each pair of entries, of views and batches too', (_operation, [compute, reference]) => {
    fc.assert(
      fc.property(cases, ({ size: { m, n, seed }, batch, layoutX, layoutY }) => {
        const shape = [...batch, m, n];
        const [x, y] = [gaussian(seed, count(shape), 1).values, gaussian(seed + 1, count(shape), 1).values];
        const result = compute(arrange(layoutX, x, shape), arrange(layoutY, y, shape));
        expect(la.shape(result)).toEqual(shape);
        expect(result).toBeAllClose(
          x.map((entry, i) => reference(entry, y[i])),
          tolerance(la, 2, 4),
        );
      }),
    );
  });

  it('scale multiplies by a number; maximum and greater compare with one', () => {
    fc.assert(
      fc.property(cases, fc.double({ min: -2, max: 2, noNaN: true }), ({ size: { m, n, seed }, layoutX }, bound) => {
        const x = gaussian(seed, m, n).values;
        const view = arrange(layoutX, x, [m, n]);
        expect(la.scale(bound, view)).toBeAllClose(
          x.map((entry) => bound * entry),
          0,
        );
        expect(la.maximum(view, bound)).toBeAllClose(
          x.map((entry) => Math.max(entry, bound)),
          0,
        );
        expect(la.greater(view, bound)).toBeAllClose(
          x.map((entry) => (entry > bound ? 1 : 0)),
          0,
        );
      }),
    );
  });

  it('where takes x under a nonzero mask and y elsewhere, and lets no NaN through from the side not taken', () => {
    const mask = la.fromArray([1, 0, -2, 0, 0, 5], [2, 3]);
    const x = la.fromArray([1, Number.NaN, 3, Number.NaN, Number.NaN, 6], [2, 3]);
    const y = la.fromArray([Number.NaN, 20, Number.NaN, 40, 50, Number.NaN], [2, 3]);
    expect(la.where(mask, x, y)).toBeAllClose([1, 20, 3, 40, 50, 6], 0);
  });

  it('NaN goes through maximum and sign, and is greater than nothing', () => {
    const x = la.fromArray([Number.NaN, -3], [2]);
    expect(la.maximum(x, 0)).toBeAllClose([Number.NaN, 0], 0);
    expect(la.sign(x)).toBeAllClose([Number.NaN, -1], 0);
    expect(la.greater(x, -5)).toBeAllClose([0, 1], 0);
    expect(la.log(x)).toBeAllClose([Number.NaN, Number.NaN], 0);
  });

  it('arguments stay as they were, and results are new', () => {
    const x = la.fromArray([1, 2, 3, 4, 5, 6], [3, 2]);
    const y = la.fromArray([6, 5, 4, 3, 2, 1], [3, 2]);
    for (const result of [la.add(x, y), la.axpy(0, x, y), la.scale(1, x), la.maximum(x, 0), la.where(x, x, y)]) result.data.fill(-1);
    expect(x).toBeAllClose([1, 2, 3, 4, 5, 6], 0);
    expect(y).toBeAllClose([6, 5, 4, 3, 2, 1], 0);
  });

  it('batch scalars, vectors and arrays without entries are arrays too', () => {
    expect(la.shape(la.add(la.full([], 2), la.full([], 3)))).toEqual([]);
    expect(la.toArray(la.add(la.full([], 2), la.full([], 3)))).toEqual(Float64Array.of(5));
    expect(la.shape(square(la, la.full([0, 3], 1)))).toEqual([0, 3]);
  });

  it('names the function, both shapes and the remedy where shapes differ', () => {
    const x = la.full([2, 3], 1);
    const y = la.full([3, 2], 1);
    expect(() => la.add(x, y)).toThrow(ShapeError);
    expect(() => la.add(x, y)).toThrow('add: expected two arrays of the same shape, got 2×3 and 3×2; nothing is broadcast');
    expect(() => la.where(x, x, la.full([2], 1))).toThrow(/where: .* 2×3 and \[2\]/);
  });

  it('sends whoever passes something else to fromArray', () => {
    const rows = [
      [1, 2],
      [3, 4],
    ] as unknown as HostArray;
    expect(() => la.sqrt(rows)).toThrow(ConfigError);
    expect(() => la.sqrt(rows)).toThrow(/sqrt: expected an NdArray of Float64Array, got .*fromArray/);
    const floats = { ...la.full([2], 1), data: new Float32Array(2), dtype: 'float32' } as unknown as HostArray;
    expect(() => la.add(floats, floats)).toThrow('add: expected an NdArray of Float64Array, got an NdArray of float32');
  });

  it('refuses a view that reaches outside its buffer', () => {
    const view = { ...la.full([2, 3], 1), shape: [4, 3], stride: [3, 1], offset: 0 } as unknown as HostArray;
    view.data = new Float64Array(6);
    expect(() => la.sqrt(view)).toThrow(ShapeError);
    expect(() => la.sqrt(view)).toThrow(/reaches outside a buffer of 6/);
  });
});
