/** Making arrays, and reading them. */
import { ConfigError, ShapeError } from '../../core/errors.js';
import { checkScalar, describeValue } from '../../core/options.js';
import { checkRandom } from '../../core/random.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkDimensions, describeShape, entryCount } from '../shape-checks.js';
import { allocate } from './allocate.js';
import { checkArray, type HostArray, isHostArray, packed, wrap } from './host-array.js';

type Construction = Pick<LinearAlgebra<HostArray>, 'isArray' | 'shape' | 'fromArray' | 'peek' | 'full' | 'eye' | 'randomNormal'> & {
  toArray(x: HostArray): Float64Array;
};

/** Construction and transfer. On the host, reading never waits: `toArray` gives the values, not a promise. */
export const construction: Construction = {
  isArray: isHostArray,

  shape(x) {
    checkArray('shape', x);
    return x.shape;
  },

  fromArray(values, shape) {
    if (typeof values !== 'object' || values === null || typeof values.length !== 'number') {
      throw new ConfigError(
        `fromArray: expected an array of numbers in row-major order, got ${describeValue(values)}; pass, say, fromArray([1, 2, 3, 4], [2, 2])`,
      );
    }
    checkDimensions('fromArray', shape);
    if (values.length !== entryCount(shape)) {
      throw new ShapeError(
        `fromArray: shape ${describeShape(shape)} needs ${entryCount(shape)} values, got ${values.length}; pass all entries in row-major order`,
      );
    }
    // A typed array holds numbers throughout, unless its first element shows it to hold big integers.
    if (!ArrayBuffer.isView(values) || typeof values[0] !== 'number') checkNumbers(values);
    const out = allocate(values.length);
    out.set(values);
    return wrap(out, shape);
  },

  // Always a buffer of its own, which small packed arrays may lack.
  toArray: (x) => packed('toArray', x).slice(),

  peek: (x) => packed('peek', x),

  full(shape, value) {
    checkDimensions('full', shape);
    checkScalar('full', 'the value', value);
    return wrap(allocate(entryCount(shape)).fill(value), shape);
  },

  eye(n, batch = []) {
    const shape = [...batch, n, n];
    checkDimensions('eye', shape);
    const out = allocate(entryCount(shape));
    for (let start = 0; start < out.length; start += n * n) {
      for (let i = 0; i < n; i++) out[start + i * (n + 1)] = 1;
    }
    return wrap(out, shape);
  },

  randomNormal(shape, random) {
    checkDimensions('randomNormal', shape);
    checkRandom('randomNormal', random);
    const out = allocate(entryCount(shape));
    for (let i = 0; i < out.length; i++) out[i] = random.normal();
    return wrap(out, shape);
  },
};

/** A typed array would turn a nested list or a string into NaN without a word. */
function checkNumbers(values: ArrayLike<unknown>): void {
  for (let i = 0; i < values.length; i++) {
    if (typeof values[i] === 'number') continue;
    throw new ConfigError(
      `fromArray: expected numbers, got ${describeValue(values[i])} at index ${i}; flatten nested rows into one list, row after row`,
    );
  }
}
