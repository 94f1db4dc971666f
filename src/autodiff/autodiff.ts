import type { Awaitable } from '../core/awaitable.js';
import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { differentiableAlgebra } from './differentiable-algebra.js';
import { differentiate, innerWith, type PlainCost, scalar, type TracedCost } from './differentiate.js';
import { finite } from './finite-derivative.js';

/** The batch of a stochastic cost; nothing for other costs. */
export type BatchArgument<Batch> = [Batch] extends [undefined] ? [] : [batch: Batch];

/** The derivative of a differentiated cost, in the form that a problem takes. */
export interface DifferentiatedGradient<P, Batch = undefined> {
  /** The derivative is by the coordinates of the point. */
  readonly kind: 'coordinates';
  /** Computes the derivative at x, with the arrays of a point. */
  at(x: P, ...batch: BatchArgument<Batch>): P;
}

/** The second derivative of a differentiated cost, in the form that a problem takes. */
export interface DifferentiatedHessian<P, Batch = undefined> {
  /** The derivatives are by the coordinates of the point. */
  readonly kind: 'coordinates';
  /** Computes the derivative of the gradient at x along u, with the arrays of a point. */
  at(x: P, u: P, ...batch: BatchArgument<Batch>): P;
}

/** A cost and its derivative by the coordinates of the point. */
export interface CostAndCoordinates<P> {
  /** The cost. */
  readonly cost: number;
  /** The derivative, with the arrays of a point. */
  readonly gradient: P;
}

/**
 * A cost and its derivatives by the coordinates of the point, as {@link autodiff} returns them: every part of a
 * `Problem` except its manifold.
 */
export interface DifferentiatedCost<P, Batch = undefined> {
  /** Computes the cost. */
  cost(x: P, ...batch: BatchArgument<Batch>): Awaitable<number>;
  /** The derivative by the coordinates of the point. */
  readonly gradient: DifferentiatedGradient<P, Batch>;
  /** Computes the cost and the derivative together. */
  costAndGradient(x: P, ...batch: BatchArgument<Batch>): Promise<CostAndCoordinates<P>>;
  /** The second derivative by the coordinates of the point, which second-order solvers use where the manifold can. */
  readonly hessian: DifferentiatedHessian<P, Batch>;
  /** Computes the derivative of the gradient along a displacement u of the coordinates. */
  hessianProduct(x: P, u: P, ...batch: BatchArgument<Batch>): P;
}

/**
 * Differentiates a cost by reverse mode on a tape, in float64 on the host and float32 on a device. A gradient takes
 * about three times as long as the cost, for any number of coordinates.
 *
 * Hessian–vector products are exact, at about three times the cost of a gradient: the adjoints use the same operations,
 * and a second tape records them (reverse over reverse). `{ manifold, ...autodiff(la, cost) }` states them as its
 * `hessian`, so that `trustRegions` uses them on every manifold that can convert them (`coordinatesToRhess`: all but
 * `fixedRank`, `quotientFactors` and `dampedFactors`, where it takes differences of gradients).
 *
 * A cost `(ops, x, batch)` is that of a stochastic problem: `{ manifold, nextBatch, ...autodiff(la, cost) }`.
 *
 * @param la - the engine.
 * @param cost - see {@link TracedCost}. It may use every operation that has a derivative in `DifferentiableAlgebra`.
 * @returns cost, gradient and Hessian products. Arrays of the point that the cost does not use have derivative zero.
 * @throws ShapeError on evaluation if the cost is not of shape []; NotImplementedError for an operation without a
 * derivative; NumericalError from gradient and `hessianProduct` where they are not finite though the cost is, as
 * through `eigh` at repeated eigenvalues (not on a device, where they are not read).
 *
 * @example
 * ```ts
 * import { autodiff } from 'bures/autodiff';
 * import { euclideanFactors, type FactorPair, type HostArray, hostAlgebra, minimize, seededRandom, square } from 'bures';
 *
 * const la = hostAlgebra();
 * const data = la.randomNormal([30, 20], seededRandom(1));
 * const cost = autodiff(la, (ops, { A, B }: FactorPair<HostArray>) => {
 *   const residual = ops.subtract(ops.matmul(A, B), data);
 *   return ops.total(ops.log(ops.add(square(ops, residual), ops.full([30, 20], 1))));
 * });
 * const { converged } = await minimize({ manifold: euclideanFactors({ m: 30, n: 20, rank: 3 }), ...cost });
 * console.log(converged);
 * ```
 * @see Griewank and Walther, Evaluating Derivatives, 2008.
 */
export function autodiff<M, P, Batch = undefined>(la: LinearAlgebra<M>, cost: TracedCost<M, P, Batch>): DifferentiatedCost<P, Batch> {
  checkAlgebra('autodiff', la);
  if (typeof cost !== 'function') {
    throw new ConfigError(`autodiff: cost must be a function (ops, x) => an array of shape [], got ${describeValue(cost)}`);
  }
  const ops = differentiableAlgebra(la);
  const on =
    ([batch]: BatchArgument<Batch>): PlainCost<M, P> =>
    (algebra, at) =>
      cost(algebra, at, batch as Batch);
  const gradientAt = (x: P, batch: BatchArgument<Batch>): { readonly value: M; readonly gradient: P } => {
    const { value, gradient } = differentiate<M, P>(la, ops, on(batch), x);
    return { value, gradient: finite(la, gradient, { caller: 'autodiff.gradient', along: [], value: () => value }) };
  };
  const hessianProduct = (x: P, u: P, ...batch: BatchArgument<Batch>): P => {
    const fixed = on(batch);
    return la.tidy(() => {
      // The inner product of u with the gradient, which has a tape of its own, is differentiated once more.
      const slope: PlainCost<M, P> = (outer, at) => {
        const { gradient } = differentiate<M, P>(la, outer, fixed, at);
        return innerWith('autodiff.hessianProduct', la, outer, gradient, u);
      };
      const value = (): M => differentiate<M, P>(la, ops, fixed, x).value;
      return finite(la, differentiate<M, P>(la, ops, slope, x).gradient, { caller: 'autodiff.hessianProduct', along: [u], value });
    });
  };
  return {
    cost: (x, ...batch) => la.tidy(() => la.total(scalar(ops, on(batch)(ops, x)))),
    gradient: { kind: 'coordinates', at: (x, ...batch) => la.tidy(() => gradientAt(x, batch).gradient) },
    costAndGradient: (x, ...batch) =>
      la.tidy(async () => {
        const { value, gradient } = gradientAt(x, batch);
        return { cost: await la.total(value), gradient };
      }),
    hessian: { kind: 'coordinates', at: hessianProduct },
    hessianProduct,
  };
}
