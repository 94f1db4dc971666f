/**
 * Interface of a manifold, the only one that solvers and diagnostics use. Your own manifold is an object that
 * implements it (docs/custom-manifold.md).
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Random } from '../core/random.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { NumberOf } from '../linalg/number-of.js';

/**
 * Result of a retraction: the new point, and the maps that carry an optimizer's state to it. The maps reuse the
 * factorizations of the retraction, so nothing is factored twice; they are computed when called.
 */
export interface RetractTransport<P, T> {
  /** The new point y = R_x(t u). */
  readonly point: P;
  /** Carries a tangent vector at x to one at y (linear). */
  vector(v: T): T;
  /**
   * Carries a gradient in coordinates, or an average of gradients (Adam's first moment), to the coordinates of y
   * (linear). Under a change of gauge $(AT^{-1},TB)$ a covector moves as $(g_AT^\top,T^{-\top}g_B)$; without a gauge it
   * moves as a vector does.
   */
  covector(g: T): T;
  /**
   * Carries averages of entrywise squares of gradients, by the entrywise square of the covector map, or the identity if
   * there is no gauge.
   */
  secondMoment(s: T): T;
  /** Transports of the components, if the manifold is a product. */
  readonly components?: Readonly<Record<string, RetractTransport<unknown, unknown>>>;
}

/**
 * A Riemannian manifold with a retraction, over an engine's arrays.
 *
 * Points `P` and tangents `T` are trees of arrays (one array, or a record of them) whose vector-space operations are
 * entrywise. Leading axes are a batch: a batched point is a point of the power manifold, and `inner`, `norm` and `dist`
 * sum over it.
 *
 * @typeParam M - the engine's array.
 * @typeParam P - a point.
 * @typeParam T - a tangent vector, in the manifold's own representation.
 * @typeParam Z - an element of the ambient space in which tangent vectors live.
 * @typeParam G - a Euclidean gradient, as {@link Manifold.egradToRgrad} takes it.
 * @see Absil, Mahony and Sepulchre, Optimization Algorithms on Matrix Manifolds, 2008; Boumal, An Introduction to
 * Optimization on Smooth Manifolds, 2023.
 */
export interface Manifold<M, P, T = P, Z = T, G = Z> {
  /** Name of the manifold with its sizes, for messages and tables. */
  readonly name: string;
  /** Engine to which its arrays belong. */
  readonly algebra: LinearAlgebra<M>;
  /** Dimension, summed over the batch. */
  readonly dim: number;
  /** Typical length on the manifold, in the units of `dist`: the scale of a first trial step. */
  readonly typicalDist: number;
  /** 2 if the retraction agrees with geodesics of this metric to second order, else 1. */
  readonly retractionOrder: 1 | 2;

  /**
   * @throws ShapeError, NumericalError or DomainError (or rejects with one) unless x is a point of this manifold to
   * rounding. A manifold of your own may throw any error: a run that ends at such a point has not converged, and says
   * the error's message.
   */
  checkPoint(x: P): Awaitable<void>;
  /**
   * Checks a start of a run as `checkPoint` does a point. Present if a run may start outside the manifold, from where
   * the first retraction leads to it.
   */
  checkStart?(x: P): Awaitable<void>;

  /** $\langle u,v\rangle_x$, summed over the batch. */
  inner(x: P, u: T, v: T): NumberOf<M>;
  /** $\|u\|_x = \langle u,u\rangle_x^{1/2}$, summed in squares over the batch. */
  norm(x: P, u: T): NumberOf<M>;
  /** Geodesic distance, if it has a closed form. */
  dist?(x: P, y: P): NumberOf<M>;

  /** Orthogonal projection (in the ambient Euclidean product) of the ambient space onto the tangent space at x. */
  project(x: P, z: Z): T;
  /** Embeds a tangent in the ambient space: the right inverse of `project`. */
  embed(x: P, u: T): Z;
  /** Moves an array of a tangent's shape into the tangent space: the identity on tangents up to rounding. */
  toTangent(x: P, u: T): T;

  /**
   * Turns a displacement u of a tangent's shape into one that `retract` accepts: u itself if the retraction takes any
   * displacement of the coordinates, so that entrywise rules such as Adam step along their raw direction; otherwise
   * `toTangent(x, u)`.
   */
  admissible(x: P, u: T): T;

  /** Returns the Riemannian gradient, from the Euclidean gradient of the cost. */
  egradToRgrad(x: P, egrad: G): T;
  /**
   * Returns the Riemannian gradient, from the derivative of the cost by the coordinates of the point, as given by
   * automatic differentiation.
   */
  coordinatesToRgrad(x: P, derivative: P): T;
  /** Returns the Riemannian Hessian along u, from Euclidean gradient and Euclidean Hessian along `embed(x, u)`. */
  ehessToRhess?(x: P, egrad: G, ehess: G, u: T): T;
  /**
   * Returns the Riemannian Hessian along u, from the derivative of the cost by the coordinates of the point and the
   * derivative of that along u, as automatic differentiation gives both. Present if a tangent is a displacement of the
   * coordinates, and the Hessian can be had from these.
   */
  coordinatesToRhess?(x: P, derivative: P, product: P, u: T): T;

  /** Returns the retraction $R_x(t\,u)$; t is 1 if left out. */
  retract(x: P, u: T, t?: number): P;
  /** Returns the same point as `retract`, with the maps that carry state to it. */
  retractTransport(x: P, u: T, t?: number): RetractTransport<P, T>;
  /**
   * Returns this manifold with the retraction of step k = 1, 2, … of a run. Present if that differs between steps:
   * {@link balancedFactors} may balance at some steps only. The loop around every solver calls it before each step; a
   * solver with inner steps, such as {@link svrg}, calls it with their number.
   */
  atStep?(k: number): Manifold<M, P, T, Z, G>;
  /**
   * Carries a tangent at x to y, linearly: by projection, or by an isometry if the manifold has one at no greater cost
   * and documents it.
   */
  transport(x: P, y: P, u: T): T;
  /**
   * Returns P_x(y − x), in the embedding that belongs to the metric: a chart around x that agrees with the logarithm to
   * second order if `retractionOrder` can be 2. For y far away it is only a first guess.
   */
  difference(x: P, y: P): T;
  /** Returns u with R_x(u) = y, if it has a closed form. */
  inverseRetract?(x: P, y: P): T;
  /** Returns the geodesic exponential $\operatorname{Exp}_x(t\,u)$, if it has a closed form; t is 1 if left out. */
  exp?(x: P, u: T, t?: number): P;
  /** Returns the inverse of `exp`, for y close to x. */
  log?(x: P, y: P): T;

  /**
   * Returns the largest curvature at x, along unit tangents, of ½dist(·, y)², which bounds the steps towards a mean.
   * Default: 1, as in flat space.
   */
  curvatureTowards?(x: P, y: P): Awaitable<number>;
  /**
   * Returns a point from which the search for the weighted mean of points starts; the weights add up to 1. Default: the
   * first point.
   */
  roughMean?(points: readonly P[], weights: readonly number[]): P;

  /** Draws a random point: the same seed gives the same point. */
  randomPoint(random: Random): P;
  /** Draws a random tangent vector of unit norm. */
  randomTangent(x: P, random: Random): Awaitable<T>;
  /** Returns the zero tangent vector at x. */
  zeroTangent(x: P): T;
  /**
   * Returns the tangent made of the point's own coordinates: the direction along which decoupled weight decay shrinks.
   */
  decayDirection?(x: P): T;
}

/** A manifold whose geodesics, their inverse and their length have closed forms, and which converts Hessians. */
export type GeodesicManifold<M, P = M, T = P, Z = T, G = Z> = Manifold<M, P, T, Z, G> &
  Required<Pick<Manifold<M, P, T, Z, G>, 'exp' | 'log' | 'dist' | 'ehessToRhess'>>;
