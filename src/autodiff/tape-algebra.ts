import type { DifferentiableAlgebra } from './differentiable-algebra.js';
import { elementwiseOnTape } from './elementwise-adjoints.js';
import { factorizationsOnTape } from './factorization-adjoints.js';
import { productsOnTape } from './product-adjoints.js';
import { structureOnTape } from './structure-adjoints.js';
import { symmetricFunctionsOnTape } from './symmetric-adjoints.js';
import type { Tape, Traced } from './tape.js';

/** Returns an algebra whose results are recorded on a tape. Operands that are not on the tape are constants. */
export function algebraOnTape<V>(tape: Tape<V>): DifferentiableAlgebra<Traced<V>> {
  const { base } = tape;
  return {
    name: `${base.name} on a tape`,
    epsilon: base.epsilon,
    dtype: base.dtype,
    readsSynchronously: false,
    peek: () => undefined,
    tidy: (compute) => compute(),
    isArray: (value): value is Traced<V> => tape.holds(value) || base.isArray(value),
    shape: (x) => base.shape(tape.valueOf(x)),
    fromArray: (values, shape) => tape.record(base.fromArray(values, shape), []),
    fromRows: (rows) => tape.record(base.fromRows(rows), []),
    full: (shape, value) => tape.record(base.full(shape, value), []),
    ...elementwiseOnTape(tape),
    ...structureOnTape(tape),
    ...productsOnTape(tape),
    ...factorizationsOnTape(tape),
    matrixFunctions: symmetricFunctionsOnTape(tape),
  };
}
