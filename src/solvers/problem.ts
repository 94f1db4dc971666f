/**
 * A cost on a manifold, and the form in which a solver sees it.
 */
import type { Awaitable } from '../core/awaitable.js';
import type { Manifold } from '../manifolds/manifold.js';

/** ∇g(X) in the ambient space: for fixed rank an m×n matrix in any form (dense, CSR, factored, operator). */
export interface AmbientDerivative<P, G, Batch> {
  /** Discriminant of the kind. */
  readonly kind: 'ambient';
  /** Returns the derivative at x. */
  at(x: P, batch: Batch): Awaitable<G>;
}

/** The derivative with respect to the coordinates of the point, as automatic differentiation returns it. */
export interface CoordinatesDerivative<P, Batch> {
  /** Discriminant of the kind. */
  readonly kind: 'coordinates';
  /** Returns the derivative at x, with the components of a point. */
  at(x: P, batch: Batch): Awaitable<P>;
}

/** The Riemannian gradient itself. */
export interface RiemannianDerivative<P, T, Batch> {
  /** Discriminant of the kind. */
  readonly kind: 'riemannian';
  /** Returns the gradient at x, a tangent vector. */
  at(x: P, batch: Batch): Awaitable<T>;
}

/** The derivative of a cost, with its kind, so that the manifold can turn it into the Riemannian gradient. */
export type Gradient<P, T, G, Batch> = AmbientDerivative<P, G, Batch> | CoordinatesDerivative<P, Batch> | RiemannianDerivative<P, T, Batch>;

/** The second derivative ∇²g(X)[ξ] in the ambient space, ξ the embedded tangent. */
export interface AmbientHessian<P, T, G, Batch> {
  /** Discriminant of the kind. */
  readonly kind: 'ambient';
  /** Returns the second derivative at x along u. */
  at(x: P, u: T, batch: Batch): Awaitable<G>;
}

/** The Riemannian Hessian itself. */
export interface RiemannianHessian<P, T, Batch> {
  /** Discriminant of the kind. */
  readonly kind: 'riemannian';
  /** Returns Hess f(x)[u], a tangent vector. */
  at(x: P, u: T, batch: Batch): Awaitable<T>;
}

/** The derivative of the coordinates' derivative, as automatic differentiation returns it. */
export interface CoordinatesHessian<P, Batch> {
  /** Discriminant of the kind. */
  readonly kind: 'coordinates';
  /**
   * Returns the second derivative at x along u, a displacement of the coordinates. It is used where the gradient is of
   * this kind too and the manifold has {@link Manifold.coordinatesToRhess}; elsewhere differences of gradients are.
   */
  at(x: P, u: P, batch: Batch): Awaitable<P>;
}

/** The second derivative of a cost along a tangent vector. */
export type Hessian<P, T, G, Batch> = AmbientHessian<P, T, G, Batch> | CoordinatesHessian<P, Batch> | RiemannianHessian<P, T, Batch>;

/** A cost and its derivative, of the kind of the problem's `gradient`. */
export interface CostAndDerivative<P, T, G> {
  /** The cost. */
  readonly cost: number;
  /** Its derivative. */
  readonly gradient: G | P | T;
}

/** A vector-valued function $r(x)$, to be used with its derivative by products alone: residuals, constraints. */
export interface VectorFunction<M, P, T, G> {
  /** Returns r(x), an array of any shape; the same shape at every point. */
  at(x: P): Awaitable<M>;
  /** Returns J u, the derivative of r at x along the tangent u, of the shape of r(x). */
  jvp?(x: P, u: T): Awaitable<M>;
  /** Returns Jᵀw, the derivative at x of ⟨w, r(x)⟩ with w held, of the kind it names, as a gradient does. */
  readonly vjp: VectorAdjoint<M, P, T, G>;
  /**
   * The second derivative of ⟨w, r(x)⟩ with w held, of the kind of `vjp` or of kind 'riemannian'. With it, and `jvp`,
   * `trustRegions` has exact Hessians of {@link leastSquares} and of the problems inside {@link augmentedLagrangian};
   * without, it takes differences of gradients.
   */
  readonly hessian?: VectorHessian<M, P, T, G>;
}

/** The transposed derivative of a {@link VectorFunction}, with its kind. */
export type VectorAdjoint<M, P, T, G> =
  | {
      /** Discriminant of the kind. */
      readonly kind: 'ambient';
      /** Returns Jᵀw in the ambient space. */
      at(x: P, w: M): Awaitable<G>;
    }
  | {
      /** Discriminant of the kind. */
      readonly kind: 'coordinates';
      /** Returns Jᵀw with the components of a point. */
      at(x: P, w: M): Awaitable<P>;
    }
  | {
      /** Discriminant of the kind. */
      readonly kind: 'riemannian';
      /** Returns J*w, the adjoint in the metric at x: a tangent vector. */
      at(x: P, w: M): Awaitable<T>;
    };

/** The second derivative of a {@link VectorFunction}, weighed by an array w, along a tangent, with its kind. */
export type VectorHessian<M, P, T, G> =
  | {
      /** Discriminant of the kind. */
      readonly kind: 'ambient';
      /** Returns Σ wᵢ∇²rᵢ(X)[u], the derivative of Jᵀw along u, in the ambient space. */
      at(x: P, u: T, w: M): Awaitable<G>;
    }
  | {
      /** Discriminant of the kind. */
      readonly kind: 'coordinates';
      /** Returns it for u, a displacement of the coordinates, with the components of a point. */
      at(x: P, u: P, w: M): Awaitable<P>;
    }
  | {
      /** Discriminant of the kind. */
      readonly kind: 'riemannian';
      /** Returns the Riemannian Hessian of ⟨w, r⟩ along u: a tangent vector. */
      at(x: P, u: T, w: M): Awaitable<T>;
    };

/**
 * The residuals of a sum of squares around a point x:
 * $f(R_x(u)) - f(x) \approx \tfrac12\lVert r+Ju\rVert^2-\tfrac12\lVert r\rVert^2$. The gradient of f is J*r.
 */
export interface Linearization<M, T> {
  /** The residuals r, weighted by the loss. */
  readonly residual: M;
  /** Returns J u, weighted by the loss. */
  jvp(u: T): Awaitable<M>;
  /** Returns J*w, the adjoint of `jvp` in the metric at x. */
  adjoint(w: M): Awaitable<T>;
}

/** An approximation of the inverse Hessian, for solvers that use one. */
export interface Preconditioner<P, T, Batch> {
  /** Returns a tangent vector: linear in u, symmetric and positive definite in the metric at x. */
  at(x: P, u: T, batch: Batch): Awaitable<T>;
}

/**
 * A cost to minimize over a manifold. With `nextBatch` it is stochastic: step k sees the batch `nextBatch(k)`. Without,
 * `batch` is `undefined`.
 *
 * Work shared between cost and gradient at one point belongs in `costAndGradient`, or in a function wrapped in
 * {@link perPoint}.
 */
export interface Problem<M, P, T = P, Z = T, G = Z, Batch = undefined> {
  /** The manifold over which the cost is minimized. */
  readonly manifold: Manifold<M, P, T, Z, G>;
  /** Returns the cost at x. */
  cost(x: P, batch: Batch): Awaitable<number>;
  /** The derivative of the cost. */
  readonly gradient: Gradient<P, T, G, Batch>;
  /** Returns cost and gradient (of the kind of `gradient`) in one pass, for costs where that is cheaper. */
  costAndGradient?(x: P, batch: Batch): Awaitable<CostAndDerivative<P, T, G>>;
  /**
   * Returns the cost along the curve of a retraction as a polynomial in the step,
   * $f(R_x(t\,u)) \approx c_0 + c_1t + c_2t^2 + \cdots$, correct to second order in t at least if the retraction is.
   * For a quadratic cost of factors that move in straight lines it is a quartic, and exact: {@link polynomialSearch}
   * minimizes it.
   */
  costAlong?(x: P, u: T, batch: Batch): Awaitable<readonly number[]>;
  /** The second derivative, for methods that use one. */
  readonly hessian?: Hessian<P, T, G, Batch>;
  /**
   * Returns the residuals around x, if the cost is a sum of squares or a robust loss of residuals, for
   * {@link levenbergMarquardt}. {@link leastSquares} makes it.
   */
  linearize?(x: P): Awaitable<Linearization<M, T>>;
  /** An approximation of the inverse Hessian, for {@link trustRegions}. */
  readonly preconditioner?: Preconditioner<P, T, Batch>;
  /**
   * Returns the batch of step k = 0, 1, …; its presence makes the cost stochastic. `undefined` ends the run before step
   * k, with that as its stop reason. An empty batch is `null`, or any other value that the cost accepts.
   */
  nextBatch?(k: number): Awaitable<Batch | undefined>;
  /**
   * Returns the batch of all terms, for a cost that is a finite sum sampled by the batches: on it, cost and gradient
   * are the means of those over `nextBatch`. Variance reduction ({@link svrg}) needs it.
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

/** A problem as solvers see it: batches are drawn, gradients are Riemannian. Made by {@link objective}. */
export interface Objective<M, P, T> {
  /** The manifold over which the cost is minimized. */
  readonly manifold: Manifold<M, P, T, unknown, unknown>;
  /** True if each step sees another batch. */
  readonly stochastic: boolean;
  /** True if the cost is a finite sum, for {@link Objective.evaluateWhole}. */
  readonly finiteSum: boolean;
  /** True if there is a Riemannian Hessian: the problem states one, in a form that the manifold can convert. */
  readonly hasHessian: boolean;
  /** Returns the cost at x on the batch of step k. */
  cost(x: P, k: number): Awaitable<number>;
  /**
   * Returns cost, Riemannian gradient and its norm at x on the batch of step k. A known cost is not computed again,
   * unless the problem is stochastic.
   */
  evaluate(x: P, k: number, knownCost?: number): Promise<Evaluation<T>>;
  /** Returns the Riemannian gradient alone, without the cost if the problem can do so. */
  gradient(x: P, k: number): Promise<T>;
  /** Evaluates on all terms of a finite sum. @throws NotImplementedError if the problem is not a finite sum. */
  evaluateWhole(x: P): Promise<Evaluation<T>>;
  /**
   * Returns the cost along $R_x(t\,u)$ as a polynomial in t, from the constant term up, on the batch of step k; absent
   * if the problem has no {@link Problem.costAlong}.
   */
  costAlong?(x: P, u: T, k: number): Promise<readonly number[]>;
  /**
   * Returns the Riemannian Hessian along u on the batch of step k.
   *
   * @throws NotImplementedError if problem or manifold has none.
   */
  hessian(x: P, u: T, k: number): Promise<T>;
  /**
   * Returns the Riemannian Hessian at x as a map of tangents, for many products at one point: the Euclidean gradient
   * that it needs is taken from the last evaluation there, or computed once. Valid for one step.
   */
  hessianAt(x: P, k: number): Promise<(u: T) => Promise<T>>;
  /** Returns the residuals around x; absent if the problem states none ({@link Problem.linearize}). */
  linearize?(x: P): Promise<Linearization<M, T>>;
  /** Applies the approximate inverse Hessian to u; absent if the problem states none. */
  precondition?(x: P, u: T, k: number): Promise<T>;
}
