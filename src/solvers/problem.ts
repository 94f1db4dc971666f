/**
 * A cost on a manifold, and the form in which a solver sees it.
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Manifold } from '../manifolds/manifold.js';

/** ∇g(X) in the ambient space: for fixed rank an m×n matrix in any form (dense, CSR, factored, operator). */
export interface AmbientDerivative<P, G, Batch> {
  /** What tells this kind from the others. */
  readonly kind: 'ambient';
  /** The derivative at x. */
  at(x: P, batch: Batch): Awaitable<G>;
}

/** The derivative by the coordinates of the point, as automatic differentiation gives it. */
export interface CoordinatesDerivative<P, Batch> {
  /** What tells this kind from the others. */
  readonly kind: 'coordinates';
  /** The derivative at x, with the components of a point. */
  at(x: P, batch: Batch): Awaitable<P>;
}

/** The Riemannian gradient itself. */
export interface RiemannianDerivative<P, T, Batch> {
  /** What tells this kind from the others. */
  readonly kind: 'riemannian';
  /** The gradient at x, a tangent vector. */
  at(x: P, batch: Batch): Awaitable<T>;
}

/** The derivative of a cost. It says what it is, so that the manifold can turn it into the Riemannian gradient. */
export type Gradient<P, T, G, Batch> = AmbientDerivative<P, G, Batch> | CoordinatesDerivative<P, Batch> | RiemannianDerivative<P, T, Batch>;

/** ∇²g(X)[ξ] in the ambient space, ξ the embedded tangent. */
export interface AmbientHessian<P, T, G, Batch> {
  /** What tells this kind from the others. */
  readonly kind: 'ambient';
  /** The second derivative at x along u. */
  at(x: P, u: T, batch: Batch): Awaitable<G>;
}

/** The Riemannian Hessian itself. */
export interface RiemannianHessian<P, T, Batch> {
  /** What tells this kind from the others. */
  readonly kind: 'riemannian';
  /** Hess f(x)[u], a tangent vector. */
  at(x: P, u: T, batch: Batch): Awaitable<T>;
}

/** The second derivative of a cost along a tangent vector. */
export type Hessian<P, T, G, Batch> = AmbientHessian<P, T, G, Batch> | RiemannianHessian<P, T, Batch>;

/** A cost and its derivative, of the kind that the problem's `gradient` says. */
export interface CostAndDerivative<P, T, G> {
  /** The cost. */
  readonly cost: number;
  /** Its derivative. */
  readonly gradient: G | P | T;
}

/** An approximation of the inverse Hessian, for the solvers that want one. */
export interface Preconditioner<P, T, Batch> {
  /** A tangent vector: linear in u, symmetric and positive definite in the metric at x. */
  at(x: P, u: T, batch: Batch): Awaitable<T>;
}

/**
 * A cost to minimize over a manifold. With `nextBatch` it is stochastic: step k sees the batch `nextBatch(k)`; without, `batch` is `undefined`.
 *
 * Work shared between cost and gradient at one point belongs in `costAndGradient`, or in a function wrapped in {@link perPoint}.
 */
export interface Problem<M, P, T = P, Z = T, G = Z, Batch = undefined> {
  /** Where the cost is minimized. */
  readonly manifold: Manifold<M, P, T, Z, G>;
  /** The cost at x. */
  cost(x: P, batch: Batch): Awaitable<number>;
  /** The derivative of the cost. */
  readonly gradient: Gradient<P, T, G, Batch>;
  /** Cost and gradient (of the kind that `gradient` says) in one pass, for costs where that is cheaper. */
  costAndGradient?(x: P, batch: Batch): Awaitable<CostAndDerivative<P, T, G>>;
  /**
   * The cost along the curve of a retraction, as a polynomial in the step: $f(R_x(t\,u)) \approx c_0 + c_1t + c_2t^2 + \cdots$, right to second order in t at least
   * where the retraction is. For a quadratic cost of factors that move in straight lines it is a quartic, and exact: {@link polynomialSearch} minimizes it.
   */
  costAlong?(x: P, u: T, batch: Batch): Awaitable<readonly number[]>;
  /** The second derivative, for the methods that want one. */
  readonly hessian?: Hessian<P, T, G, Batch>;
  /** About the inverse of the Hessian, for {@link trustRegions}. */
  readonly preconditioner?: Preconditioner<P, T, Batch>;
  /**
   * The batch of step k = 0, 1, …; its presence makes the cost stochastic. `undefined` says that there is no step k: the run ends, with that as its stop
   * reason. A batch of nothing is `null`, or whatever else the cost takes for one.
   */
  nextBatch?(k: number): Awaitable<Batch | undefined>;
  /**
   * Says that the cost is a finite sum, of which the batches are samples: the batch of all its terms, on which cost and gradient are the means of those over
   * `nextBatch`. Variance reduction ({@link svrg}) needs it.
   */
  wholeBatch?(): Awaitable<Batch>;
}

/** Cost and Riemannian gradient at a point. */
export interface Evaluation<T> {
  /** The cost. */
  readonly cost: number;
  /** The Riemannian gradient. */
  readonly gradient: T;
  /** ‖gradient‖_x in the manifold's metric. */
  readonly gradientNorm: number;
}

/**
 * A problem as a solver sees it: batches are drawn, gradients are Riemannian. Made by {@link objective}; solvers are written against this.
 */
export interface Objective<M, P, T> {
  /** Where the cost is minimized. */
  readonly manifold: Manifold<M, P, T, unknown, unknown>;
  /** Whether each step sees another batch. */
  readonly stochastic: boolean;
  /** Whether the cost is a finite sum, for {@link Objective.evaluateWhole}. */
  readonly finiteSum: boolean;
  /** Whether there is a Riemannian Hessian: the problem states one, in a form that the manifold can convert. */
  readonly hasHessian: boolean;
  /** The cost at x on the batch of step k. */
  cost(x: P, k: number): Awaitable<number>;
  /** Cost, Riemannian gradient and its norm at x on the batch of step k. A cost known already is not computed again, unless the problem is stochastic. */
  evaluate(x: P, k: number, knownCost?: number): Promise<Evaluation<T>>;
  /** The Riemannian gradient alone, without the cost where the problem can do so. */
  gradient(x: P, k: number): Promise<T>;
  /** As `evaluate`, on all terms of a finite sum. @throws NotImplementedError if the problem is none. */
  evaluateWhole(x: P): Promise<Evaluation<T>>;
  /** The cost along $R_x(t\,u)$ as a polynomial in t, from the constant term up, on the batch of step k; absent where the problem has no {@link Problem.costAlong}. */
  costAlong?(x: P, u: T, k: number): Promise<readonly number[]>;
  /** The Riemannian Hessian along u on the batch of step k. @throws NotImplementedError if problem or manifold has none. */
  hessian(x: P, u: T, k: number): Promise<T>;
  /** The Riemannian Hessian at x as a map of tangents, for many products at one point: the Euclidean gradient that it needs is that of the last evaluation there, or computed once. Good for one step. */
  hessianAt(x: P, k: number): Promise<(u: T) => Promise<T>>;
  /** About the inverse of the Hessian, where the problem states it. */
  precondition?(x: P, u: T, k: number): Promise<T>;
}
