import { describe, expect, it } from 'vitest';
import { hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import { compareAll } from '../support/all-close.js';

const la = hostAlgebra({ blas: 'off' });

describe('toBeAllClose', () => {
  it('reports the largest error and where', () => {
    const { pass, report } = compareAll(la.fromArray([1, 2, 3, 4, 5, 6.5], [2, 3]), [1, 2, 3, 4.25, 5, 6], 0.1);
    expect(pass).toBe(false);
    expect(report).toContain('largest error 5.000e-1 at [1, 2], where 6.5 was received and 6 expected; tolerance 1.000e-1');
  });

  it('accepts errors up to the tolerance', () => {
    expect(compareAll([1, 2], [1.5, 2], 0.5).pass).toBe(true);
    expect([1, 2]).toBeAllClose([1, 2], 0);
    expect([1, 2]).not.toBeAllClose([1, 3], 0.5);
    expect(() => expect([1, 2]).toBeAllClose([1, 3], 0.5)).toThrow('largest error 1.000e+0 at [1]');
  });

  it('a NaN is close to a NaN alone, an infinity to itself', () => {
    expect(compareAll([Number.NaN, Number.POSITIVE_INFINITY], [Number.NaN, Number.POSITIVE_INFINITY], 0).pass).toBe(true);
    expect(compareAll([Number.NaN], [0], Number.MAX_VALUE).pass).toBe(false);
    expect(compareAll([0], [Number.NaN], Number.MAX_VALUE).pass).toBe(false);
    expect(compareAll([Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY], Number.MAX_VALUE).pass).toBe(false);
  });

  it('tells lengths and shapes apart', () => {
    expect(compareAll([1, 2], [1], 9).report).toContain('received 2, expected 1');
    expect(compareAll(la.full([2, 3], 1), la.full([3, 2], 1), 9).report).toContain('shapes differ: received [2, 3], expected [3, 2]');
  });
});
