import { ConfigError, NotImplementedError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { type DifferentiableAlgebra, differentiableAlgebra } from './differentiable-algebra.js';
import { differentiate, innerWith, type PlainCost } from './differentiate.js';
import { finite } from './finite-derivative.js';
import { Traced } from './tape.js';

/** A vector-valued function of a point, written in the operations it is given as a `TracedCost` is. */
export type TracedVector<M, P> = (ops: DifferentiableAlgebra<M>, x: P) => M;

/**
 * A vector-valued function with its derivatives by the coordinates of the point, as {@link autodiffVector} returns it.
 */
export interface DifferentiatedVector<M, P> {
  /** Computes the value r(x). */
  at(x: P): M;
  /** Computes J u, the derivative along a displacement u of the coordinates. */
  jvp(x: P, u: P): M;
  /** The transposed derivative. */
  readonly vjp: DifferentiatedAdjoint<M, P>;
  /** The second derivative, for exact Hessians of costs that the function makes. */
  readonly hessian: DifferentiatedVectorHessian<M, P>;
}

/** The second derivative of a differentiated function. */
export interface DifferentiatedVectorHessian<M, P> {
  /** The derivatives are by the coordinates of the point. */
  readonly kind: 'coordinates';
  /** Computes the derivative of Jᵀw along a displacement u of the coordinates, with the arrays of a point. */
  at(x: P, u: P, w: M): P;
}

/** The transposed derivative of a differentiated function. */
export interface DifferentiatedAdjoint<M, P> {
  /** The derivative is by the coordinates of the point. */
  readonly kind: 'coordinates';
  /** Computes Jᵀw, with the arrays of a point. */
  at(x: P, w: M): P;
}

/**
 * Differentiates a vector-valued function by reverse mode: residuals for `leastSquares`, constraints for
 * `augmentedLagrangian`. The Jacobian is never formed: a product Jᵀw takes about three times as long as the function,
 * and a product J u about twice that, since it is the derivative of ⟨Jᵀw, u⟩ by w (reverse over reverse). The
 * derivative of Jᵀw along u, its `hessian`, is that of ⟨Jᵀw, u⟩ by x and takes as long.
 *
 * @param la - the engine.
 * @param vector - see {@link TracedVector}; it returns an array of any shape.
 * @returns value, products and second derivatives. Arrays of the point that the function does not use have derivative
 * zero.
 * @throws ConfigError if `vector` is not a function; on evaluation a NotImplementedError for an operation without a
 * derivative, a ShapeError from `jvp` where tangents are not displacements of the coordinates (`fixedRank`), and a
 * NumericalError for derivatives that are not finite though the value is, as through `eigh` at repeated eigenvalues
 * (not on a device, where they are not read).
 *
 * @example
 * ```ts
 * import { autodiffVector } from 'bures/autodiff';
 * import { type HostArray, hostAlgebra } from 'bures';
 *
 * const la = hostAlgebra();
 * const squares = autodiffVector(la, (ops, x: HostArray) => ops.multiply(x, x));
 * const x = la.fromArray([1, 2, 3], [3]);
 * const ones = la.full([3], 1);
 * console.log(la.toArray(squares.jvp(x, ones)), la.toArray(squares.vjp.at(x, ones))); // 2, 4, 6 both
 * ```
 * @see Griewank and Walther, Evaluating Derivatives, 2008, section 3.3.
 */
export function autodiffVector<M, P>(la: LinearAlgebra<M>, vector: TracedVector<M, P>): DifferentiatedVector<M, P> {
  checkAlgebra('autodiffVector', la);
  if (typeof vector !== 'function')
    throw new ConfigError(`autodiffVector: expected a function (ops, x) => an array, got ${describeValue(vector)}; write one`);
  const ops = differentiableAlgebra(la);
  /** ⟨w, r(x)⟩ as a cost of x. */
  const weighted =
    (w: M): PlainCost<M, P> =>
    (algebra, x) =>
      algebra.inner(arrayOf(algebra, vector(algebra, x)), w);
  const at = (x: P): M => la.tidy(() => arrayOf(ops, vector(ops, x)));
  const checked = <Derivative>(name: string, x: P, along: readonly unknown[], derivative: Derivative): Derivative =>
    finite(la, derivative, { caller: `autodiffVector.${name}`, along, value: () => at(x) });
  return {
    at,
    jvp: (x, u) =>
      la.tidy(() => {
        const slope: PlainCost<M, M> = (outer, w) =>
          innerWith('autodiffVector.jvp', la, outer, differentiate<M, P>(la, outer, weighted(w), x).gradient, u);
        return checked('jvp', x, [u], differentiate<M, M>(la, ops, slope, la.full(la.shape(at(x)), 0)).gradient);
      }),
    vjp: {
      kind: 'coordinates',
      at: (x, w) => la.tidy(() => checked('vjp', x, [w], differentiate<M, P>(la, ops, weighted(w), x).gradient)),
    },
    hessian: {
      kind: 'coordinates',
      at: (x, u, w) =>
        la.tidy(() => {
          const slope: PlainCost<M, P> = (outer, y) =>
            innerWith('autodiffVector.hessian', la, outer, differentiate<M, P>(la, outer, weighted(w), y).gradient, u);
          return checked('hessian', x, [u, w], differentiate<M, P>(la, ops, slope, x).gradient);
        }),
    },
  };
}

/** @throws NotImplementedError unless a function has returned an array of the engine. */
function arrayOf<M>(ops: DifferentiableAlgebra<M>, value: M): M {
  if (value instanceof Traced || ops.isArray(value)) return value;
  throw new NotImplementedError(
    `autodiffVector: the function must return an array, got ${describeValue(value)}; a number has left the tape: use ops.inner, ops.norm and ops.total`,
  );
}
