/** The host engine's arrays are held against those of `ndarray`, whose members they have. */
import fc from 'fast-check';
import ndarray, { type NdArray } from 'ndarray';
import ops from 'ndarray-ops';
import { describe, expect, it } from 'vitest';
import { hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import { HostView } from '../../src/linalg/host/host-view.js';

type Array64 = NdArray<Float64Array>;

/** What both say of themselves. */
function described(x: Array64) {
  const { shape, stride, size, order, dimension, dtype } = x;
  // `ndarray` leaves an arbitrary offset in an array that has no entry.
  return { shape, stride, size, order, dimension, dtype, offset: size === 0 ? 0 : x.offset };
}

const count = (x: Array64): number => x.shape.reduce((product, length) => product * length, 1);

/** The entries in row-major order, each read by `get`. */
function entries(x: Array64): number[] {
  return Array.from({ length: count(x) }, (_, position) => x.get(...indexAt(x.shape, position)));
}

function indexAt(shape: readonly number[], position: number): number[] {
  const index = new Array<number>(shape.length);
  for (let axis = shape.length - 1, rest = position; axis >= 0; rest = Math.floor(rest / shape[axis]), axis--)
    index[axis] = rest % shape[axis];
  return index;
}

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 });
const steps = ['hi', 'lo', 'step', 'pick', 'transpose'] as const;

describe('an array of the host engine', () => {
  it('is what ndarray makes of any sequence of views', () => {
    const views = fc.array(fc.record({ name: fc.constantFrom(...steps), seed: fc.integer({ min: 0, max: 2 ** 20 }) }), { maxLength: 4 });
    fc.assert(
      fc.property(shapes, views, (shape, sequence) => {
        const data = Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
        let theirs: Array64 = ndarray(data, shape);
        let ours: Array64 = new HostView(data, shape.slice(), theirs.stride.slice(), 0);
        for (const { name, seed } of sequence) {
          const given = argumentsOf(name, seed, ours.shape);
          if (ours.shape.length === 0) break;
          theirs = theirs[name](...(given as number[]));
          ours = ours[name](...(given as number[]));
          expect(described(ours)).toEqual({ ...described(theirs), order: expect.any(Array) });
          expect(entries(ours)).toEqual(entries(theirs));
        }
        expect(strides(ours)).toEqual(strides(theirs));
      }),
    );
  });

  it('writes where ndarray writes', () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, seed) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const index = indexAt(shape, seed % length);
        const theirs = ndarray(new Float64Array(length), shape);
        const ours = new HostView(new Float64Array(length), shape.slice(), theirs.stride.slice(), 0);
        expect(ours.set(...index, 7)).toBe(theirs.set(...index, 7));
        expect(ours.data).toEqual(theirs.data);
        expect(ours.index(...index)).toBe(theirs.index(...index));
      }),
    );
  });

  it('without axes is a number', () => {
    const x = new HostView(Float64Array.of(1, 2), [], [], 1);
    expect([x.get(), x.size, x.dimension, x.index(), Number(x)]).toEqual([2, 1, 0, 1, 2]);
    x.set(5);
    expect([...x.data]).toEqual([1, 5]);
  });

  it('is transposed by T', () => {
    const x = hostAlgebra().fromRows([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(hostAlgebra().toRows(x.T)).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
  });

  it('serves the functions that others have written for ndarray', () => {
    const la = hostAlgebra();
    const [x, y, sum] = [la.full([2, 3], 1), la.fromArray([1, 2, 3, 4, 5, 6], [2, 3]), la.full([2, 3], 0)];
    ops.add(sum, x, y.hi(2, 3));
    expect(la.toRows(sum)).toEqual([
      [2, 3, 4],
      [5, 6, 7],
    ]);
    expect(ops.sum(y.transpose(1, 0).lo(1, 1))).toBe(11);
  });

  it('is written readably as a string, not as a number, where it has axes', () => {
    expect(`${hostAlgebra().fromArray([1, 2], [2])}`).toBe('2: [1, 2]');
  });

  it('compiles no code', () => {
    const generated: string[] = [];
    const compile = globalThis.Function;
    globalThis.Function = new Proxy(compile, {
      construct(target, parts: string[]) {
        generated.push(parts.join());
        return new target(...parts);
      },
    });
    try {
      hostAlgebra().full([1, 2, 1, 2, 1, 2, 1], 1);
    } finally {
      globalThis.Function = compile;
    }
    expect(generated).toEqual([]);
  });
});

/** The absolute strides in the order of `order`: where two are equal, several orders are right. */
const strides = (x: Array64): number[] => x.order.map((axis) => Math.abs(x.stride[axis]));

/** Arguments that leave at least one entry of each axis, with gaps. */
function argumentsOf(name: (typeof steps)[number], seed: number, shape: readonly number[]): (number | undefined)[] {
  const draw = (axis: number, most: number): number => Math.floor(seed / 7 ** axis) % most;
  if (name === 'transpose') {
    const axes = shape.map((_, axis) => axis);
    return axes.splice(draw(0, shape.length)).concat(axes);
  }
  return shape.map((length, axis) => {
    if (draw(axis, 3) === 0) return undefined;
    if (name === 'hi') return 1 + draw(axis, length);
    if (name === 'lo' || name === 'pick') return draw(axis, length);
    return [-2, -1, 1, 2][draw(axis, 4)];
  });
}
