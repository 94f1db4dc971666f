import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * A retraction of `stiefel` and `grassmann`: a map from m×r matrices of full rank to those with orthonormal columns,
 * which leaves the latter unchanged.
 */
export interface OrthonormalRetraction {
  /** Name of the retraction, as shown by manifolds. */
  readonly name: string;
  /** Factory names of the manifolds for whose geodesics R_X(tU) = orthonormalize(X + tU) is correct to second order. */
  readonly secondOrderFor: readonly string[];
  /** Makes the columns of x orthonormal. */
  orthonormalize<M>(la: LinearAlgebra<M>, x: M): M;
}
