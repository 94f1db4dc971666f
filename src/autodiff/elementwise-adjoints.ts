import { square } from '../linalg/derived.js';
import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import type { Tape, Traced } from './tape.js';

type Elementwise<V> = Pick<
  DifferentiableAlgebra<Traced<V>>,
  | 'add'
  | 'subtract'
  | 'scale'
  | 'axpy'
  | 'multiply'
  | 'divide'
  | 'sqrt'
  | 'sign'
  | 'exp'
  | 'log'
  | 'sin'
  | 'cos'
  | 'atan'
  | 'maximum'
  | 'greater'
  | 'where'
>;

/**
 * Records the elementwise operations on a tape. `sign` and `greater` are constant wherever they have a derivative, and
 * count as constants.
 */
export function elementwiseOnTape<V>(tape: Tape<V>): Elementwise<V> {
  const { base } = tape;
  const of = (x: unknown): V => tape.valueOf(x);
  const filled = (like: V, value: number): V => base.full(base.shape(like), value);
  return {
    add: (x, y) =>
      tape.record(base.add(of(x), of(y)), [
        [x, (g) => g],
        [y, (g) => g],
      ]),
    subtract: (x, y) =>
      tape.record(base.subtract(of(x), of(y)), [
        [x, (g) => g],
        [y, (g) => base.scale(-1, g)],
      ]),
    scale: (factor, x) => tape.record(base.scale(factor, of(x)), [[x, (g) => base.scale(factor, g)]]),
    axpy: (factor, x, y) =>
      tape.record(base.axpy(factor, of(x), of(y)), [
        [x, (g) => base.scale(factor, g)],
        [y, (g) => g],
      ]),
    multiply: (x, y) =>
      tape.record(base.multiply(of(x), of(y)), [
        [x, (g) => base.multiply(g, of(y))],
        [y, (g) => base.multiply(g, of(x))],
      ]),
    divide(x, y) {
      const quotient = base.divide(of(x), of(y));
      return tape.record(quotient, [
        [x, (g) => base.divide(g, of(y))],
        [y, (g) => base.scale(-1, base.divide(base.multiply(g, quotient), of(y)))],
      ]);
    },
    sqrt(x) {
      const root = base.sqrt(of(x));
      return tape.record(root, [[x, (g) => base.scale(0.5, base.divide(g, root))]]);
    },
    sign: (x) => tape.record(base.sign(of(x)), []),
    exp(x) {
      const power = base.exp(of(x));
      return tape.record(power, [[x, (g) => base.multiply(g, power)]]);
    },
    log: (x) => tape.record(base.log(of(x)), [[x, (g) => base.divide(g, of(x))]]),
    sin: (x) => tape.record(base.sin(of(x)), [[x, (g) => base.multiply(g, base.cos(of(x)))]]),
    cos: (x) => tape.record(base.cos(of(x)), [[x, (g) => base.scale(-1, base.multiply(g, base.sin(of(x))))]]),
    atan: (x) => tape.record(base.atan(of(x)), [[x, (g) => base.divide(g, base.add(filled(g, 1), square(base, of(x))))]]),
    maximum(x, y) {
      const other = typeof y === 'number' ? y : of(y);
      const mask = (): V => base.greater(of(x), other);
      return tape.record(base.maximum(of(x), other), [
        [x, (g) => base.multiply(g, mask())],
        [y, (g) => base.multiply(g, base.subtract(filled(g, 1), mask()))],
      ]);
    },
    greater: (x, y) => tape.record(base.greater(of(x), typeof y === 'number' ? y : of(y)), []),
    where: (mask, x, y) =>
      tape.record(base.where(of(mask), of(x), of(y)), [
        [x, (g) => base.where(of(mask), g, filled(g, 0))],
        [y, (g) => base.where(of(mask), filled(g, 0), g)],
      ]),
  };
}
