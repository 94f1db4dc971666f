import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * A retraction of `stiefel`, `grassmann`, `orthogonalGroup` and `rotations`: a map from tangents at a matrix with
 * orthonormal columns to such matrices.
 *
 * @see Absil, Mahony and Sepulchre 2008, section 4.1.
 */
export interface OrthonormalRetraction {
  /** Name of the retraction, as shown by manifolds. */
  readonly name: string;
  /**
   * For whose geodesics it is correct to second order: factory names, and `'stiefel, canonical'` for the canonical
   * metric.
   */
  readonly secondOrderFor: readonly string[];
  /** Returns R_X(tU), for U tangent at X. */
  retract<M>(la: LinearAlgebra<M>, x: M, u: M, t: number): M;
  /**
   * Returns the tangent U at X with R_X(U) = Y, as matrices, if it has a closed form.
   *
   * @throws NumericalError if there is none.
   */
  inverse?<M>(la: LinearAlgebra<M>, x: M, y: M): M;
  /**
   * Returns the U with XᵀU = 0 for which R_X(U) spans what Y does, if it has a closed form.
   *
   * @throws NumericalError if there is none.
   */
  inverseHorizontal?<M>(la: LinearAlgebra<M>, x: M, y: M): M;
}
