/** What a retraction is to `stiefel` and `grassmann`: a way to make the columns of X + tU orthonormal again. One file a retraction. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** A map from m×r matrices of full rank to those with orthonormal columns, which leaves the latter where they are. */
export interface OrthonormalRetraction {
  /** The retraction's name, as manifolds show it. */
  readonly name: string;
  /** The manifolds (by factory name) for whose geodesics R_X(tU) = orthonormalize(X + tU) is correct to second order. */
  readonly secondOrderFor: readonly string[];
  /** The orthonormal representative. */
  orthonormalize<M>(la: LinearAlgebra<M>, x: M): M;
}
