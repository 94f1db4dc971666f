import { checkScalar } from '../../core/options.js';
import { checkRandom } from '../../core/random.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { joinRows, splitRows } from '../rows.js';
import { checkDimensions, checkEntries, checkTarget, entryCount } from '../shape-checks.js';
import { allocate } from './allocate.js';
import { checkArray, type HostArray, isHostArray, packed, wrap } from './host-array.js';

type Construction = Pick<LinearAlgebra<HostArray>, 'isArray' | 'shape' | 'fromArray' | 'fromRows' | 'full' | 'randomNormal'> & {
  toArray(x: HostArray): Float64Array;
  toRows(x: HostArray): number[][];
  readInto(x: HostArray, target: Float32Array | Float64Array): void;
  peek(x: HostArray): Float64Array;
};

/** Construction and transfer. On the host, reading never waits: `toArray` gives the values, not a promise. */
export const construction: Construction = {
  isArray: isHostArray,

  shape(x) {
    checkArray('shape', x);
    return x.shape;
  },

  fromArray(values, shape) {
    checkEntries(values, shape);
    const out = allocate(values.length);
    out.set(values);
    return wrap(out, shape);
  },

  fromRows(rows) {
    const { values, shape } = joinRows(rows);
    return construction.fromArray(values, shape);
  },

  // Always a buffer of its own, which small packed arrays may lack.
  toArray: (x) => packed('toArray', x).slice(),

  toRows: (x) => splitRows(packed('toRows', x), x.shape),

  readInto(x, target) {
    const values = packed('readInto', x);
    checkTarget('readInto', x.shape, target);
    target.set(values);
  },

  peek: (x) => packed('peek', x),

  full(shape, value) {
    checkDimensions('full', shape);
    checkScalar('full', 'the value', value);
    return wrap(allocate(entryCount(shape)).fill(value), shape);
  },

  randomNormal(shape, random) {
    checkDimensions('randomNormal', shape);
    checkRandom('randomNormal', random);
    const out = allocate(entryCount(shape));
    for (let i = 0; i < out.length; i++) out[i] = random.normal();
    return wrap(out, shape);
  },
};
