/** Checks of vector-valued functions that a user states, and their adjoint in the metric of a manifold. */
import { ConfigError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { Manifold } from '../manifolds/manifold.js';
import type { VectorFunction } from './problem.js';

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
  const { at, jvp, vjp } = (value ?? {}) as Partial<VectorFunction<unknown, unknown, unknown, unknown>>;
  if (typeof at !== 'function')
    fail(`${name} must be a vector-valued function ${form}, got ${typeof value === 'function' ? 'a function' : describeValue(value)}`);
  if (typeof jvp !== 'function' && (needsJvp || jvp !== undefined))
    fail(`${name}.jvp must be a function (x, u) => J u, got ${describeValue(jvp)}`);
  if (!kinds.includes(vjp?.kind) || typeof vjp?.at !== 'function')
    fail(
      `${name}.vjp must be { kind: 'ambient' | 'coordinates' | 'riemannian', at: (x, w) => Jᵀw }, got ${typeof vjp === 'function' ? 'a function' : describeValue(vjp)}`,
    );
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
