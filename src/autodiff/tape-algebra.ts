/** The operations of an algebra on a tape, all of them. */
import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import { elementwiseOnTape } from './elementwise-adjoints.js';
import { factorizationsOnTape } from './factorization-adjoints.js';
import { productsOnTape } from './product-adjoints.js';
import { structureOnTape } from './structure-adjoints.js';
import { symmetricFunctionsOnTape } from './symmetric-adjoints.js';
import type { Tape, Traced } from './tape.js';

/** An algebra whose results are recorded; operands that are not on the tape are constants. */
export function algebraOnTape<V>(tape: Tape<V>): DifferentiableAlgebra<Traced<V>> {
  const { base } = tape;
  return {
    name: `${base.name} on a tape`,
    epsilon: base.epsilon,
    isArray: (value): value is Traced<V> => tape.holds(value) || base.isArray(value),
    shape: (x) => base.shape(tape.valueOf(x)),
    fromArray: (values, shape) => tape.record(base.fromArray(values, shape), []),
    full: (shape, value) => tape.record(base.full(shape, value), []),
    eye: (n, batch) => tape.record(base.eye(n, batch), []),
    ...elementwiseOnTape(tape),
    ...structureOnTape(tape),
    ...productsOnTape(tape),
    ...factorizationsOnTape(tape),
    ...symmetricFunctionsOnTape(tape),
  };
}
