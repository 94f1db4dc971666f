/**
 * What a manifold is to the rest of the library: solvers and diagnostics know this interface and nothing else.
 * A manifold of your own is an object that implements it (docs/custom-manifold.md).
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Random } from '../core/random.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/**
 * Where a retraction arrived, and how to carry an optimizer's state there. The maps reuse the factorizations of the
 * retraction, so that nothing is factored twice; they are computed when called.
 */
export interface RetractTransport<P, T> {
  /** The new point y = R_x(t u). */
  readonly point: P;
  /** Carries a tangent vector at x to one at y (linear). */
  vector(v: T): T;
  /**
   * Carries a gradient in coordinates, or an average of such (Adam's first moment), to the coordinates of y (linear).
   * Under a change of gauge $(AT^{-1},TB)$ a covector moves as $(g_AT^\top,T^{-\top}g_B)$; elsewhere it moves as a vector does.
   */
  covector(g: T): T;
  /** Carries averages of entrywise squares of gradients: the entrywise square of the covector map, or nothing at all where there is no gauge. */
  secondMoment(s: T): T;
  /** Where the manifold is a product: the transports of its components. */
  readonly components?: Readonly<Record<string, RetractTransport<unknown, unknown>>>;
}

/**
 * A Riemannian manifold with a retraction, over an engine's arrays.
 *
 * Points `P` and tangents `T` are trees of arrays (one array, or a record of them) whose vector-space operations are entrywise.
 * Leading axes are a batch: a batched point is a point of the power manifold, and `inner`, `norm` and `dist` sum over it.
 *
 * @typeParam M - the engine's array.
 * @typeParam P - a point.
 * @typeParam T - a tangent vector, in the manifold's own representation.
 * @typeParam Z - an element of the ambient space in which tangent vectors live.
 * @typeParam G - a Euclidean gradient, as {@link Manifold.egradToRgrad} takes it.
 * @see Absil, Mahony and Sepulchre, Optimization Algorithms on Matrix Manifolds, 2008; Boumal, An Introduction to Optimization on Smooth Manifolds, 2023.
 */
export interface Manifold<M, P, T = P, Z = T, G = Z> {
  /** What this manifold is, with its sizes, for messages and tables. */
  readonly name: string;
  /** The engine that its arrays belong to. */
  readonly algebra: LinearAlgebra<M>;
  /** Dimension, summed over the batch. */
  readonly dim: number;
  /** A length typical of the manifold, in the units of `dist`: the scale of a first trial step. */
  readonly typicalDist: number;
  /** 2 if the retraction agrees with geodesics of this metric to second order, else 1. */
  readonly retractionOrder: 1 | 2;

  /** @throws ShapeError, NumericalError or DomainError (or rejects with one) unless x is a point of this manifold to rounding. */
  checkPoint(x: P): Awaitable<void>;
  /** As `checkPoint`, for where a run may begin, if that is more than the points: the first retraction leads from there to them. */
  checkStart?(x: P): Awaitable<void>;

  /** $\langle u,v\rangle_x$, summed over the batch. */
  inner(x: P, u: T, v: T): Awaitable<number>;
  /** $\|u\|_x = \langle u,u\rangle_x^{1/2}$, summed in squares over the batch. */
  norm(x: P, u: T): Awaitable<number>;
  /** Geodesic distance, where it has a closed form. */
  dist?(x: P, y: P): Awaitable<number>;

  /** Orthogonal projection (in the ambient Euclidean product) of the ambient space onto the tangent space at x. */
  project(x: P, z: Z): T;
  /** A tangent as an element of the ambient space: the right inverse of `project`. */
  embed(x: P, u: T): Z;
  /** Moves an array of a tangent's shape into the tangent space: the identity on tangents up to rounding. */
  toTangent(x: P, u: T): T;

  /**
   * What `retract` may be given for a displacement u of a tangent's shape: u itself where the retraction takes any displacement of the coordinates, so
   * that entrywise rules such as Adam step along their raw direction; otherwise `toTangent(x, u)`.
   */
  admissible(x: P, u: T): T;

  /** The Riemannian gradient, from the Euclidean gradient of the cost. */
  egradToRgrad(x: P, egrad: G): T;
  /** The Riemannian gradient, from the derivative of the cost by the coordinates of the point, as automatic differentiation gives it. */
  coordinatesToRgrad(x: P, derivative: P): T;
  /** The Riemannian Hessian along u, from the Euclidean gradient and the Euclidean Hessian along `embed(x, u)`. */
  ehessToRhess?(x: P, egrad: G, ehess: G, u: T): T;

  /** The retraction $R_x(t\,u)$; t is 1 if left out. */
  retract(x: P, u: T, t?: number): P;
  /** The same point as `retract`, with the maps that carry state to it. */
  retractTransport(x: P, u: T, t?: number): RetractTransport<P, T>;
  /**
   * This manifold with the retraction of step k = 1, 2, … of a run, where it is not the same at every step: {@link balancedFactors} may balance at some steps
   * only. The loop around every solver asks for it before each step; a solver with steps of its own inside, as {@link svrg}, asks by their number.
   */
  atStep?(k: number): Manifold<M, P, T, Z, G>;
  /** A tangent at x carried to y, linearly: by projection, or by an isometry where the manifold has one at no greater cost and says so. */
  transport(x: P, y: P, u: T): T;
  /**
   * P_x(y − x), in the embedding that belongs to the metric: a chart around x that agrees with the logarithm to second order where
   * `retractionOrder` can be 2. For y far away it is only a first guess.
   */
  difference(x: P, y: P): T;
  /** u with R_x(u) = y, where that has a closed form. */
  inverseRetract?(x: P, y: P): T;
  /** The geodesic exponential $\operatorname{Exp}_x(t\,u)$, where it has a closed form; t is 1 if left out. */
  exp?(x: P, u: T, t?: number): P;
  /** The inverse of `exp`, for y close to x. */
  log?(x: P, y: P): T;

  /** The largest curvature at x, along unit tangents, of ½dist(·, y)²: what bounds the steps towards a mean. Left out: 1, as in flat space. */
  curvatureTowards?(x: P, y: P): Awaitable<number>;
  /** A point amid others, from which their weighted mean is looked for; the weights add up to 1. Left out: the first of them. */
  roughMean?(points: readonly P[], weights: readonly number[]): P;

  /** A random point: the same seed gives the same point. */
  randomPoint(random: Random): P;
  /** A random tangent vector of unit norm. */
  randomTangent(x: P, random: Random): Awaitable<T>;
  /** The zero tangent vector at x. */
  zeroTangent(x: P): T;
  /** The same tangent with the point's own coordinates in its place: the direction along which decoupled weight decay shrinks. */
  decayDirection?(x: P): T;
}

/** A manifold whose geodesics, their inverse and their length have closed forms, and which converts Hessians. */
export type GeodesicManifold<M, P = M, T = P, Z = T, G = Z> = Manifold<M, P, T, Z, G> &
  Required<Pick<Manifold<M, P, T, Z, G>, 'exp' | 'log' | 'dist' | 'ehessToRhess'>>;
