import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import { ConfigError, DomainError, fromNdarray, hostAlgebra, ShapeError } from '../../src/index.js';

const la = hostAlgebra();
const kinds = [
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
] as const;

describe('fromNdarray', () => {
  it.each(kinds)('copies %o, of any strides', (Kind) => {
    const x = ndarray(Kind.from(Array.from({ length: 60 }, (_, i) => i)) as Float64Array, [3, 4, 5]);
    for (const view of [x, x.transpose(2, 0, 1), x.step(-1, 2, -2), x.lo(1, 1, 2).hi(1, 2, 3), x.pick(1, null, null)]) {
      const copy = fromNdarray(view);
      expect(copy.shape).toEqual(view.shape);
      const entries: unknown[] = [];
      const visit = (index: number[]): void => {
        if (index.length === view.shape.length) entries.push(view.get(...index));
        else for (let i = 0; i < view.shape[index.length]; i++) visit([...index, i]);
      };
      visit([]);
      expect([...la.toArray(copy)]).toEqual(entries);
    }
  });

  it('takes lists, stores, big integers, numbers without axes and arrays without entries', () => {
    expect(la.toRows(fromNdarray(ndarray([1, 2, 3, 4], [2, 2])))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const store = { length: 3, get: (i: number) => i * i, set: () => 0 };
    expect([...la.toArray(fromNdarray(ndarray(store as never, [3])))]).toEqual([0, 1, 4]);
    expect([...la.toArray(fromNdarray(ndarray(BigInt64Array.of(5n, -6n) as never, [2])))]).toEqual([5, -6]);
    expect(la.total(fromNdarray(ndarray([7], [])))).toBe(7);
    expect(fromNdarray(ndarray(new Float32Array(0), [0, 3])).shape).toEqual([0, 3]);
  });

  it('copies: the array does not change with its source', () => {
    const source = Float64Array.of(1, 2);
    const copy = fromNdarray(ndarray(source, [2]));
    source[0] = 9;
    expect([...la.toArray(copy)]).toEqual([1, 2]);
  });

  it('says what came', () => {
    expect(() => fromNdarray(Float64Array.of(1) as never)).toThrow(ConfigError);
    expect(() => fromNdarray(undefined as never)).toThrow(/expected an NdArray, got nothing/);
    expect(() => fromNdarray(ndarray(['a', 'b'] as never, [2]))).toThrow(/got "a" at \[0\]/);
    expect(() => fromNdarray(ndarray(BigInt64Array.of(0n, 2n ** 60n + 1n) as never, [1, 2]))).toThrow(DomainError);
    expect(() => fromNdarray(ndarray([1, 2, 3], [2, 2]))).toThrow(ShapeError);
    expect(() => la.norm(ndarray(Float32Array.of(1), [1]) as never)).toThrow(/convert it with fromNdarray/);
  });
});

describe('String of an array', () => {
  it('shows its shape and entries, long axes shortened', () => {
    expect(
      String(
        la.fromRows([
          [1, 2.5],
          [1 / 3, 1e-9],
        ]),
      ),
    ).toBe('2×2: \n[[1, 2.5],\n [0.333333, 1e-9]]');
    expect(String(la.fromArray([1, 2, 3], [3]))).toBe('3: [1, 2, 3]');
    expect(String(la.full([20], 1))).toBe('20: [1, 1, 1, …, 1, 1, 1]');
    expect(String(la.transpose(la.fromRows([[1, 2, 3]])))).toBe('3×1: \n[[1],\n [2],\n [3]]');
    expect(`${la.full([2, 1, 2], 0)}`).toContain('2×1×2');
  });
});
