import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkMatrix, checkSameShape, checkVector } from '../shape-checks.js';
import { allocate } from './allocate.js';
import { type HostArray, packed, wrap } from './host-array.js';
import { euclideanNorm } from './kernels/euclidean-norm.js';
import { dot } from './kernels/vector.js';

type Reductions = Pick<LinearAlgebra<HostArray>, 'sum' | 'sumVector' | 'innerEach' | 'normEach'> & {
  inner(x: HostArray, y: HostArray): number;
  norm(x: HostArray): number;
  total(x: HostArray): number;
  maxAbs(x: HostArray): number;
};

/**
 * The reductions of the contract; one or two flops per entry. Those that leave the engine give a number, not a promise.
 */
export const reductions: Reductions = {
  sum(x, of) {
    const entries = packed('sum', x);
    checkMatrix('sum', x.shape);
    if (of !== 'rows' && of !== 'columns') throw new ConfigError(`sum: of must be 'rows' or 'columns', got ${describeValue(of)}`);
    const axes = x.shape.length;
    const [m, n] = [x.shape[axes - 2], x.shape[axes - 1]];
    const kept = of === 'rows' ? m : n;
    const shape = [...x.shape.slice(0, -2), kept];
    const out = allocate(shape.reduce((product, length) => product * length, 1));
    for (let row = 0, i = 0; i < entries.length; row++) {
      if (of === 'rows') {
        let rowSum = 0;
        for (let j = 0; j < n; j++) rowSum += entries[i++];
        out[row] = rowSum;
      } else {
        const start = Math.floor(row / m) * n;
        for (let j = 0; j < n; j++) out[start + j] += entries[i++];
      }
    }
    return wrap(out, shape);
  },

  sumVector(x) {
    const entries = packed('sumVector', x);
    checkVector('sumVector', x.shape);
    const n = x.shape[x.shape.length - 1];
    return each(x, 1, (start) => sumRange(entries, start, start + n));
  },

  innerEach(x, y) {
    const a = packed('innerEach', x);
    const b = packed('innerEach', y);
    checkMatrix('innerEach', x.shape);
    checkSameShape('innerEach', x.shape, y.shape);
    return each(x, 2, (start, end) => dot(end - start, a, start, b, start));
  },

  normEach(x) {
    const entries = packed('normEach', x);
    checkMatrix('normEach', x.shape);
    return each(x, 2, (start, end) => euclideanNorm(entries, start, end));
  },

  inner(x, y) {
    const a = packed('inner', x);
    const b = packed('inner', y);
    checkSameShape('inner', x.shape, y.shape);
    return dot(a.length, a, 0, b, 0);
  },

  norm(x) {
    const entries = packed('norm', x);
    return euclideanNorm(entries, 0, entries.length);
  },

  total(x) {
    const entries = packed('total', x);
    return sumRange(entries, 0, entries.length);
  },

  maxAbs(x) {
    const entries = packed('maxAbs', x);
    let largest = 0;
    for (let i = 0; i < entries.length; i++) largest = Math.max(largest, Math.abs(entries[i]));
    return largest;
  },
};

/** Computes one number for each member, whose entries are `start ≤ i < end`; `tail` axes do not belong to the batch. */
function each(x: HostArray, tail: 1 | 2, reduce: (start: number, end: number) => number): HostArray {
  const batch = x.shape.slice(0, -tail);
  const out = allocate(batch.reduce((product, length) => product * length, 1));
  const size = x.shape.slice(-tail).reduce((product, length) => product * length, 1);
  for (let index = 0; index < out.length; index++) out[index] = reduce(index * size, (index + 1) * size);
  return wrap(out, batch);
}

function sumRange(entries: Float64Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i++) sum += entries[i];
  return sum;
}
