/** The operations that a cost may be written in to be differentiated. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * The part of {@link LinearAlgebra} whose results stay arrays, with reductions to a single number as arrays of shape [] in place of numbers: what leaves the engine leaves the tape as well.
 *
 * Derivatives of factorizations are those of matrices where they exist: `qr` of full column rank with m ≥ n, `svd` and `eigh` without repeated values, symmetric arguments of `cholesky`, `eigh` and the
 * functions of symmetric matrices taken as symmetric. `polar` has none (take it from `svd`), nor has anything that reads numbers out.
 */
export interface DifferentiableAlgebra<M>
  extends Omit<
    LinearAlgebra<M>,
    | 'inner'
    | 'norm'
    | 'total'
    | 'maxAbs'
    | 'toArray'
    | 'readInto'
    | 'peek'
    | 'tidy'
    | 'openScope'
    | 'keep'
    | 'dispose'
    | 'randomNormal'
    | 'sparsePasses'
    | 'polar'
  > {
  /** Sum of all products x_i y_i, of shape []. */
  inner(x: M, y: M): M;
  /** Square root of the sum of squares, of shape []; its derivative at 0 is taken as 0. */
  norm(x: M): M;
  /** Sum of all entries, of shape []. */
  total(x: M): M;
}

/**
 * An engine as those operations, without a tape.
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
