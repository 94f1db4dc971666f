import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { MatrixAlgebra } from '../linalg/matrix-functions.js';

/**
 * The part of {@link LinearAlgebra} whose results stay arrays. Reductions return arrays of shape [] instead of numbers,
 * because a value that leaves the engine also leaves the tape.
 *
 * Factorizations have a derivative where the matrix has one: `qr` at full column rank with m ≥ n, `svd` and `eigh`
 * without repeated values, `polar` at full column rank. `cholesky`, `eigh` and the functions of symmetric matrices take
 * their arguments as symmetric. No operation that reads numbers out has one.
 */
export interface DifferentiableAlgebra<M> extends Omit<MatrixAlgebra<M>, 'adamStep'> {
  /** Computes the sum of all products x_i y_i, of shape []. */
  inner(x: M, y: M): M;
  /** Computes the square root of the sum of squares, of shape []; its derivative at 0 is taken as 0. */
  norm(x: M): M;
  /** Computes the sum of all entries, of shape []. */
  total(x: M): M;
}

/**
 * Returns these operations of an engine, without a tape.
 *
 * @param la - any engine.
 */
export function differentiableAlgebra<M>(la: LinearAlgebra<M>): DifferentiableAlgebra<M> {
  const row = (x: M): M => {
    const count = la.shape(x).reduce((product, size) => product * size, 1);
    return la.reshape(x, [1, count]);
  };
  return {
    ...la,
    inner: (x, y) => la.innerEach(row(x), row(y)),
    norm: (x) => la.normEach(row(x)),
    total: (x) => la.sumVector(la.sum(row(x), 'rows')),
  };
}
