/** Checks of vector-valued functions that a user states, and their adjoint in the metric of a manifold. */
import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { Manifold } from '../manifolds/manifold.js';
import { lastDerivative } from './objective.js';
import type { VectorFunction, VectorHessian } from './problem.js';

/** Kinds of a transposed derivative. */
const kinds: readonly unknown[] = ['ambient', 'coordinates', 'riemannian'];

/**
 * Requires a vector-valued function with its derivatives.
 *
 * @param needsJvp - true if the products with J itself are used too.
 * @throws ConfigError naming the first part that is missing or invalid.
 */
export function checkVectorFunction(caller: string, name: string, value: unknown, needsJvp: boolean): void {
  const fail = (message: string): never => {
    throw new ConfigError(`${caller}: ${message}; autodiffVector(la, (ops, x) => …) of bures/autodiff makes all of it`);
  };
  const form = needsJvp ? '{ at, jvp, vjp: { kind, at } }' : '{ at, vjp: { kind, at } }';
  const { at, jvp, vjp, hessian } = (value ?? {}) as Partial<VectorFunction<unknown, unknown, unknown, unknown>>;
  if (typeof at !== 'function')
    fail(`${name} must be a vector-valued function ${form}, got ${typeof value === 'function' ? 'a function' : describeValue(value)}`);
  if (typeof jvp !== 'function' && (needsJvp || jvp !== undefined))
    fail(`${name}.jvp must be a function (x, u) => J u, got ${describeValue(jvp)}`);
  if (!kinds.includes(vjp?.kind) || typeof vjp?.at !== 'function')
    fail(
      `${name}.vjp must be { kind: 'ambient' | 'coordinates' | 'riemannian', at: (x, w) => Jᵀw }, got ${typeof vjp === 'function' ? 'a function' : describeValue(vjp)}`,
    );
  if (hessian === undefined) return;
  if (!kinds.includes(hessian?.kind) || typeof hessian?.at !== 'function')
    fail(
      `${name}.hessian must be { kind: 'ambient' | 'coordinates' | 'riemannian', at: (x, u, w) => the derivative of Jᵀw along u }, got ${typeof hessian === 'function' ? 'a function' : describeValue(hessian)}`,
    );
  if (hessian.kind !== 'riemannian' && hessian.kind !== vjp?.kind)
    fail(`${name}.hessian must be of the kind '${vjp?.kind}' of vjp, or of kind 'riemannian', got '${hessian.kind}'`);
}

/**
 * Requires the value of a vector-valued function to be an array of the engine.
 *
 * @throws ConfigError otherwise.
 */
export function checkedValue<M>(caller: string, name: string, la: LinearAlgebra<M>, value: M): M {
  if (la.isArray(value)) return value;
  throw new ConfigError(
    `${caller}: ${name}.at must return an array of ${la.name}, got ${describeValue(value)}; return a number c as la.full([1], c)`,
  );
}

/** Computes J*w, the tangent at x with ⟨J*w, u⟩ = ⟨w, J u⟩ for all tangents u. */
export async function riemannianAdjoint<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  vjp: VectorFunction<M, P, T, G>['vjp'],
  x: P,
  w: M,
): Promise<T> {
  if (vjp.kind === 'ambient') return manifold.egradToRgrad(x, await vjp.at(x, w));
  return vjp.kind === 'coordinates' ? manifold.coordinatesToRgrad(x, await vjp.at(x, w)) : vjp.at(x, w);
}

/** Products of the parts of which Hessians of sums of squares and of augmented Lagrangians consist. */
export interface VectorCurvature<M, P, T> {
  /** Returns the Riemannian Hessian of ⟨w, r⟩ along u, w held. */
  weighed(x: P, u: T, w: M): Promise<T>;
  /** Returns J*(D J u) for a linear map D of arrays of the shape of r(x). */
  gaussNewton(x: P, u: T, scale: (image: M) => M): Promise<T>;
}

/**
 * Returns the products with the second derivatives of a vector-valued function.
 *
 * @returns undefined unless the function states `jvp` and a `hessian` that the manifold can convert.
 */
export function vectorCurvature<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  vector: VectorFunction<M, P, T, G>,
): VectorCurvature<M, P, T> | undefined {
  const { vjp, hessian } = vector;
  const weighed = hessian && weighedHessian(manifold, vjp, hessian);
  if (weighed === undefined || vector.jvp === undefined) return undefined;
  return {
    weighed,
    gaussNewton: async (x, u, scale) => riemannianAdjoint(manifold, vjp, x, scale((await vector.jvp?.(x, u)) as M)),
  };
}

/**
 * Returns the Riemannian Hessian of ⟨w, r⟩; undefined if the manifold cannot convert second derivatives of the kind.
 */
function weighedHessian<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  vjp: VectorFunction<M, P, T, G>['vjp'],
  hessian: VectorHessian<M, P, T, G>,
): VectorCurvature<M, P, T>['weighed'] | undefined {
  if (hessian.kind === 'riemannian') return async (x, u, w) => hessian.at(x, u, w);
  const convert = hessian.kind === 'coordinates' ? manifold.coordinatesToRhess : manifold.ehessToRhess;
  if (convert === undefined || hessian.kind !== vjp.kind) return undefined;
  const toRhess = convert.bind(manifold) as (x: P, derivative: G | P, product: G | P, u: T) => T;
  // The products at one point have the weights, and with them Jᵀw, in common.
  const derivatives = lastDerivative<P, G | P | T, M>();
  return async (x, u, w) => {
    const derivative = (derivatives.get(x, w) ?? (await vjp.at(x, w))) as G | P;
    derivatives.put(x, w, derivative);
    // Where coordinates are converted, a tangent is a displacement of them.
    return toRhess(x, derivative, await hessian.at(x, u as T & P, w), u);
  };
}
