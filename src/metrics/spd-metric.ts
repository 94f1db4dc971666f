import type { Awaitable } from '../core/awaitable.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { NumberOf } from '../linalg/number-of.js';

/**
 * A Riemannian metric on the symmetric positive definite matrices [.., n, n], with its geodesics; {@link spd} builds a
 * manifold from it. Tangents, gradients and their derivatives are symmetric.
 */
export interface SpdMetric {
  /** Name of the metric, as shown by manifolds. */
  readonly name: string;
  /** Returns ⟨u, v⟩_x, summed over the batch. */
  inner<M>(la: LinearAlgebra<M>, x: M, u: M, v: M): NumberOf<M>;
  /** Returns the Riemannian gradient from the symmetric part of the Euclidean one. */
  sharp<M>(la: LinearAlgebra<M>, x: M, gradient: M): M;
  /**
   * Returns the Riemannian Hessian along u from the symmetric parts of the Euclidean gradient and of its derivative
   * along u.
   */
  hessian<M>(la: LinearAlgebra<M>, x: M, gradient: M, derivative: M, u: M): M;
  /** Returns R_x(t u) of a retraction of second order. */
  retract<M>(la: LinearAlgebra<M>, x: M, u: M, t: number): M;
  /**
   * Returns the u with R_x(u) = y, if it has a closed form.
   *
   * @throws NumericalError if there is none.
   */
  inverseRetract?<M>(la: LinearAlgebra<M>, x: M, y: M): M;
  /** Returns the geodesic Exp_x(t u). @throws NumericalError if it ends before t, as a step that is too long does. */
  exp<M>(la: LinearAlgebra<M>, x: M, u: M, t: number): M;
  /** Returns the inverse of `exp`. */
  log<M>(la: LinearAlgebra<M>, x: M, y: M): M;
  /** Returns the length of `log`, summed in squares over the batch. */
  dist<M>(la: LinearAlgebra<M>, x: M, y: M): NumberOf<M>;
  /** Carries a tangent at x to y, linearly. */
  transport<M>(la: LinearAlgebra<M>, x: M, y: M, u: M): M;
  /**
   * Returns a point near the barycenter of points with weights that sum to one, from where its iteration starts; absent
   * if that is Σ wᵢ xᵢ.
   */
  roughMean?<M>(la: LinearAlgebra<M>, points: readonly M[], weights: readonly number[]): M;
  /** Returns the largest curvature at x of ½dist(·, y)², along unit tangents; absent if it is at most 1. */
  curvature?<M>(la: LinearAlgebra<M>, x: M, y: M): Awaitable<number>;
}
