/** What a metric is to `spd`. One file a metric. */
import type { Awaitable } from '../core/awaitable.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * A Riemannian metric on the symmetric positive definite matrices [.., n, n], with its geodesics; {@link spd} composes a manifold of it. Tangents, gradients and their derivatives are
 * symmetric.
 */
export interface SpdMetric {
  /** The metric's name, as manifolds show it. */
  readonly name: string;
  /** ⟨u, v⟩_x, summed over the batch. */
  inner<M>(la: LinearAlgebra<M>, x: M, u: M, v: M): Awaitable<number>;
  /** The Riemannian gradient from the symmetric part of the Euclidean one. */
  sharp<M>(la: LinearAlgebra<M>, x: M, gradient: M): M;
  /** The Riemannian Hessian along u from the symmetric parts of the Euclidean gradient and of its derivative along u. */
  hessian<M>(la: LinearAlgebra<M>, x: M, gradient: M, derivative: M, u: M): M;
  /** A retraction of second order: R_x(t u). */
  retract<M>(la: LinearAlgebra<M>, x: M, u: M, t: number): M;
  /** The geodesic Exp_x(t u). @throws DomainError where it ends before t. */
  exp<M>(la: LinearAlgebra<M>, x: M, u: M, t: number): M;
  /** The inverse of `exp`. */
  log<M>(la: LinearAlgebra<M>, x: M, y: M): M;
  /** The length of `log`, summed in squares over the batch. */
  dist<M>(la: LinearAlgebra<M>, x: M, y: M): Awaitable<number>;
  /** A tangent at x carried to y, linearly. */
  transport<M>(la: LinearAlgebra<M>, x: M, y: M, u: M): M;
  /** The largest curvature at x of ½dist(·, y)², along unit tangents; left out where it is at most 1. */
  curvature?<M>(la: LinearAlgebra<M>, x: M, y: M): Awaitable<number>;
}
