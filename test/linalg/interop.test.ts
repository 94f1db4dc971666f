/**
 * Host arrays are ordinary ndarrays: other libraries of that family read and write them, and their views are accepted
 * back.
 */
import ops from 'ndarray-ops';
import { expect, it } from 'vitest';
import { hostEngines } from '../support/engines.js';

it.each(hostEngines)('ndarray-ops works on the arrays of %s, and its views are accepted', (_name, la) => {
  const x = la.fromArray([3, -1, 4, 1, -5, 9], [2, 3]);
  expect(ops.sup(x)).toBe(9);
  const total = la.full([3, 2], 0);
  ops.add(total, x.transpose(1, 0), la.full([3, 2], 1));
  expect(total).toBeAllClose([4, 2, 0, -4, 5, 10], 0);
  // Xᵀ X[:, 1:], from a transposed view and a cut one.
  expect(la.matmul(x.transpose(1, 0), x.lo(0, 1))).toBeAllClose([-8, 21, 26, -49, -49, 97], 1e-13);
});
