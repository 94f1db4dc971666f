import { checkScalar } from '../../core/options.js';
import type { LinearAlgebra } from '../linear-algebra.js';
import { checkSameShape } from '../shape-checks.js';
import { allocateForOverwrite } from './allocate.js';
import { checkArray, type HostArray, packed, wrap } from './host-array.js';

type Elementwise = Pick<
  LinearAlgebra<HostArray>,
  | 'add'
  | 'subtract'
  | 'scale'
  | 'axpy'
  | 'multiply'
  | 'divide'
  | 'sqrt'
  | 'exp'
  | 'log'
  | 'sin'
  | 'cos'
  | 'atan'
  | 'sign'
  | 'maximum'
  | 'greater'
  | 'where'
>;

/** Packs y after checking that it has the shape of x. */
function partner(caller: string, x: HostArray, y: HostArray): Float64Array {
  checkArray(caller, y);
  checkSameShape(caller, x.shape, y.shape);
  return packed(caller, y);
}

/**
 * The elementwise part of the contract; one flop per entry. Each operation has its own loop: a shared one that takes a
 * function would become megamorphic and run several times slower.
 */
export const elementwise: Elementwise = {
  add(x, y) {
    const a = packed('add', x);
    const b = partner('add', x, y);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i] + b[i];
    return wrap(out, x.shape);
  },

  subtract(x, y) {
    const a = packed('subtract', x);
    const b = partner('subtract', x, y);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i] - b[i];
    return wrap(out, x.shape);
  },

  scale(factor, x) {
    checkScalar('scale', 'the factor', factor);
    const a = packed('scale', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = factor * a[i];
    return wrap(out, x.shape);
  },

  axpy(factor, x, y) {
    checkScalar('axpy', 'the factor', factor);
    const a = packed('axpy', x);
    const b = partner('axpy', x, y);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = factor * a[i] + b[i];
    return wrap(out, x.shape);
  },

  multiply(x, y) {
    const a = packed('multiply', x);
    const b = partner('multiply', x, y);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
    return wrap(out, x.shape);
  },

  divide(x, y) {
    const a = packed('divide', x);
    const b = partner('divide', x, y);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = a[i] / b[i];
    return wrap(out, x.shape);
  },

  sqrt(x) {
    const a = packed('sqrt', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.sqrt(a[i]);
    return wrap(out, x.shape);
  },

  sign(x) {
    const a = packed('sign', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.sign(a[i]);
    return wrap(out, x.shape);
  },

  exp(x) {
    const a = packed('exp', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.exp(a[i]);
    return wrap(out, x.shape);
  },

  log(x) {
    const a = packed('log', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.log(a[i]);
    return wrap(out, x.shape);
  },

  sin(x) {
    const a = packed('sin', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.sin(a[i]);
    return wrap(out, x.shape);
  },

  cos(x) {
    const a = packed('cos', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.cos(a[i]);
    return wrap(out, x.shape);
  },

  atan(x) {
    const a = packed('atan', x);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = Math.atan(a[i]);
    return wrap(out, x.shape);
  },

  maximum(x, y) {
    const a = packed('maximum', x);
    const out = allocateForOverwrite(a.length);
    if (typeof y === 'number') {
      for (let i = 0; i < out.length; i++) out[i] = Math.max(a[i], y);
    } else {
      const b = partner('maximum', x, y);
      for (let i = 0; i < out.length; i++) out[i] = Math.max(a[i], b[i]);
    }
    return wrap(out, x.shape);
  },

  greater(x, y) {
    const a = packed('greater', x);
    const out = allocateForOverwrite(a.length);
    if (typeof y === 'number') {
      for (let i = 0; i < out.length; i++) out[i] = a[i] > y ? 1 : 0;
    } else {
      const b = partner('greater', x, y);
      for (let i = 0; i < out.length; i++) out[i] = a[i] > b[i] ? 1 : 0;
    }
    return wrap(out, x.shape);
  },

  where(mask, x, y) {
    const chosen = packed('where', mask);
    const a = partner('where', mask, x);
    const b = partner('where', mask, y);
    const out = allocateForOverwrite(a.length);
    for (let i = 0; i < out.length; i++) out[i] = chosen[i] !== 0 ? a[i] : b[i];
    return wrap(out, x.shape);
  },
};
