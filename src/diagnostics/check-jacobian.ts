import type { Manifold } from '../manifolds/manifold.js';
import type { VectorFunction } from '../solvers/problem.js';
import { checkVectorFunction, riemannianAdjoint } from '../solvers/vector-function.js';
import type { SlopeCheck } from './slope-fit.js';
import { judgeSlope, short, withProperties } from './slope-verdict.js';
import { relativeGap, requireManifold, sampleErrors, type TaylorOptions, taylorSetup } from './taylor.js';

/** Result of {@link checkJacobian}. */
export interface JacobianCheck extends SlopeCheck {
  /** |⟨w, J u⟩ − ⟨J*w, u⟩| / (‖w‖‖J u‖) for a random w; 0 if there is no `jvp` to compare with. */
  readonly adjointError: number;
  /** ‖toTangent(J*w) − J*w‖ / ‖J*w‖: rounding, for an adjoint in the tangent space. */
  readonly tangencyError: number;
}

/**
 * Compares a vector-valued function with its first-order Taylor model, and the products J u and Jᵀw with one another:
 * residuals of `leastSquares`, constraints of `augmentedLagrangian`.
 *
 * $$ \bigl\|r(R_x(tu))-r(x)-t\,Ju\bigr\| = O(t^2), \qquad \langle w,Ju\rangle = \langle J^*w,u\rangle_x $$
 *
 * Without `jvp` the model is that of ⟨w, r⟩ for a random w, by `vjp` alone.
 *
 * @param manifold - the manifold on which the function lives.
 * @param vector - the function with its derivatives.
 * @param options - point, direction and steps; see {@link TaylorOptions}.
 * @returns slope (2 expected), window of steps it was fitted over, errors and a verdict in words. About 65 evaluations
 * of the function and one of each product.
 * @throws ConfigError for malformed arguments; the error of `checkPoint` if x is off the manifold; DomainError if u is
 * zero.
 *
 * @example
 * ```ts
 * import { type HostArray, hostAlgebra, sphere } from 'bures';
 * import { checkJacobian } from 'bures/diagnostics';
 *
 * const la = hostAlgebra();
 * const { verdict } = await checkJacobian(sphere({ shape: [3] }), {
 *   at: (x: HostArray) => la.multiply(x, x),
 *   jvp: (x: HostArray, u: HostArray) => la.scale(2, la.multiply(x, u)),
 *   vjp: { kind: 'ambient', at: (x: HostArray, w: HostArray) => la.scale(2, la.multiply(x, w)) },
 * });
 * console.log(verdict); // Jacobian: correct to the order required: …
 * ```
 */
export async function checkJacobian<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  vector: VectorFunction<M, P, T, G>,
  options: TaylorOptions<P, T> = {},
): Promise<JacobianCheck> {
  requireManifold('checkJacobian', manifold);
  checkVectorFunction('checkJacobian', 'the function', vector, false);
  const la = manifold.algebra;
  const setup = await taylorSetup('checkJacobian', manifold as Manifold<M, P, T, unknown, unknown>, options);
  const { x, u, random } = setup;
  const value = await vector.at(x);
  const w = la.randomNormal(la.shape(value), random);
  const pulled = await riemannianAdjoint(manifold, vector.vjp, x, w);
  const tangencyError = await relativeGap(manifold as Manifold<M, P, T, unknown, unknown>, x, pulled, manifold.toTangent(x, pulled));
  const byAdjoint = await manifold.inner(x, pulled, u);
  const image = await vector.jvp?.(x, u);
  const lengths = image && (await la.norm(w)) * (await la.norm(image));
  const gap = image === undefined ? 0 : Math.abs((await la.inner(w, image)) - byAdjoint);
  const adjointError = gap === 0 ? 0 : gap / Math.max(lengths ?? 0, Math.abs(byAdjoint));
  const samples = await sampleErrors(setup, la.epsilon, async (t) => {
    const stepped = await vector.at(manifold.retract(x, u, t));
    const change = la.subtract(stepped, value);
    const magnitude = (await la.norm(stepped)) + (await la.norm(value));
    if (image === undefined) {
      const along = await la.inner(w, change);
      const scale = await la.norm(w);
      return {
        error: Math.abs(along - t * byAdjoint),
        magnitude: scale * magnitude,
        signal: Math.max(Math.abs(along), Math.abs(t * byAdjoint)),
      };
    }
    return {
      error: await la.norm(la.axpy(-t, image, change)),
      magnitude,
      signal: Math.max(await la.norm(change), t * (await la.norm(image))),
    };
  });
  const size = image === undefined ? Math.abs(byAdjoint) : await la.norm(image);
  const check = judgeSlope(
    {
      name: 'Jacobian',
      error: image === undefined ? '⟨w, r(R_x(tu)) − r(x)⟩ − t⟨J*w, u⟩' : '‖r(R_x(tu)) − r(x) − tJu‖',
      expectedSlope: 2,
      slopeTolerance: setup.slopeTolerance,
      remedy: (_slope, t, error) =>
        `along u it is off by ${short(error / (t * size))} of itself; check the formula of ${image === undefined ? 'vjp, and that vjp.kind says what it returns' : 'jvp'}`,
    },
    samples,
  );
  const adjoint = {
    description: 'jvp and vjp are not adjoint: ⟨w, Ju⟩ and ⟨J*w, u⟩ differ, relative to ‖w‖‖Ju‖, by',
    error: adjointError,
    tolerance: Math.sqrt(la.epsilon),
    remedy: 'check the formula of vjp, and that vjp.kind says what it returns',
  };
  const tangency = {
    description: 'J*w is not tangent: it differs from its projection by',
    error: tangencyError,
    tolerance: Math.sqrt(la.epsilon),
    remedy: "return a tangent vector at x, or state vjp of kind 'ambient'",
  };
  return { ...withProperties(check, [adjoint, tangency]), adjointError, tangencyError };
}
