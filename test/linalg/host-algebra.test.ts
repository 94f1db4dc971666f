import { eye, square } from 'bures';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '../../src/core/errors.js';
import { seededRandom } from '../../src/core/random.js';
import { hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import { hostEngines } from '../support/engines.js';

describe('hostAlgebra', () => {
  it('gives the same engine for the same options', () => {
    expect(hostAlgebra()).toBe(hostAlgebra({ blas: 'auto' }));
    expect(hostAlgebra({ blas: 'off' })).toBe(hostAlgebra({ blas: 'off' }));
    expect(hostAlgebra({ blas: 'off' }).name).toBe('host');
  });

  it('rejects options that it does not know', () => {
    expect(() => hostAlgebra({ blas: 'yes' as 'auto' })).toThrow(ConfigError);
    expect(() => hostAlgebra({ bias: 'off' } as object)).toThrow("hostAlgebra: unknown option 'bias'; the options are blas");
  });

  it('cannot be modified', () => {
    expect(Object.isFrozen(hostAlgebra())).toBe(true);
  });
});

describe.each(hostEngines)('construction and transfer of %s', (_name, la) => {
  it('works in float64', () => {
    expect(la.epsilon).toBe(2 ** -52);
  });

  it('recognises its own arrays', () => {
    expect(la.isArray(la.full([2, 3], 1))).toBe(true);
    expect(la.isArray(ndarray(new Float64Array(6), [2, 3]).transpose(1, 0))).toBe(true);
    for (const other of [undefined, null, 3, [1, 2], new Float64Array(3), ndarray(new Float32Array(6), [2, 3]), ndarray([1, 2], [2])]) {
      expect(la.isArray(other)).toBe(false);
    }
  });

  it('readInto fills memory of the caller, from views too', () => {
    const view = la.transpose(la.fromArray([1, 2, 3, 4, 5, 6], [3, 2]));
    const [wide, narrow] = [new Float64Array(6), new Float32Array(6)];
    la.readInto(view, wide);
    la.readInto(view, narrow);
    expect([...wide]).toEqual([1, 3, 5, 2, 4, 6]);
    expect([...narrow]).toEqual([1, 3, 5, 2, 4, 6]);
    expect(() => la.readInto(view, new Float32Array(5))).toThrow('has 6 entries, but the target holds 5');
    expect(() => la.readInto(view, [] as unknown as Float32Array)).toThrow(ConfigError);
  });

  it('fromArray and toArray copy', () => {
    const values = Float64Array.of(1, 2, 3, 4, 5, 6);
    const x = la.fromArray(values, [3, 2]);
    values.fill(0);
    const read = la.toArray(x);
    expect([...read]).toEqual([1, 2, 3, 4, 5, 6]);
    read.fill(0);
    expect(x.get(2, 1)).toBe(6);
    for (const view of [x, x.transpose(1, 0), x.hi(2, 1)]) {
      expect(la.toArray(view).buffer.byteLength).toBe(8 * view.size);
    }
  });

  it('small results share buffers, never entries', () => {
    const arrays = Array.from({ length: 3000 }, (_, index) => la.full([1 + (index % 5), 1 + (index % 7)], index));
    expect(arrays.every((x, index) => x.data.every((entry) => entry === index))).toBe(true);
    expect(arrays.every((x) => x.data.length === x.size)).toBe(true);
  });

  it('goes on where somebody has transferred the buffer of a small result', () => {
    const { buffer } = la.full([2, 3], 1).data;
    structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    expect(la.full([2, 3], 4)).toBeAllClose(new Float64Array(6).fill(4), 0);
  });

  it('shapes passed in are not shared', () => {
    const shape = [2, 3, 4];
    const x = la.full(shape, 1);
    const y = square(la, x);
    shape[0] = 9;
    x.shape[1] = 9;
    expect(la.shape(y)).toEqual([2, 3, 4]);
  });

  it('eye repeats over a batch', () => {
    expect(eye(la, 2, [2])).toBeAllClose([1, 0, 0, 1, 1, 0, 0, 1], 0);
    expect(la.shape(eye(la, 3, [2, 5]))).toEqual([2, 5, 3, 3]);
    expect(la.shape(eye(la, 3))).toEqual([3, 3]);
  });

  it('randomNormal follows its seed', () => {
    const draw = (seed: number) => la.randomNormal([4, 3], seededRandom(seed));
    expect(draw(1)).toBeAllClose(draw(1), 0);
    expect(draw(1)).not.toBeAllClose(draw(2), 1e-3);
    const many = la.randomNormal([200, 50], seededRandom(3));
    // Standard errors: 1/√10000 for the mean, √(2/10000) for the mean square; six of each.
    expect(la.total(many) / 1e4).toBeAllClose(0, 0.06);
    expect(la.inner(many, many) / 1e4).toBeAllClose(1, 0.085);
  });

  it('tidy, keep and dispose do nothing', () => {
    const x = la.tidy(() => la.keep(la.full([2], 3)));
    la.dispose(x);
    expect(x).toBeAllClose([3, 3], 0);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a count that does not fit', () => la.fromArray([1, 2, 3], [2, 2]), /fromArray: shape 2×2 needs 4 values, got 3/],
    ['a negative dimension', () => la.full([-1, 2], 0), /full: a shape is an array of nonnegative integers/],
    ['a fractional dimension', () => la.fromArray([1], [0.5, 2]), /fromArray: a shape is/],
    ['a shape that is a number', () => la.full(3 as unknown as number[], 0), /full: a shape is/],
  ])('refuses %s', (_fault, misuse, message) => {
    expect(misuse).toThrow(ShapeError);
    expect(misuse).toThrow(message);
  });

  it('refuses nested rows and what is no list', () => {
    const rows = [
      [1, 2],
      [3, 4],
    ] as unknown as number[];
    expect(() => la.fromArray(rows, [2])).toThrow(ConfigError);
    expect(() => la.fromArray(rows, [2])).toThrow(/flatten nested rows/);
    expect(() => la.fromArray(7 as unknown as number[], [1])).toThrow(/fromArray: expected an array of numbers .* got 7/);
    expect(() => la.fromArray(BigInt64Array.of(1n) as unknown as number[], [1])).toThrow(ConfigError);
  });
});
