/** The second-order model of a cost around a point, with exact or finite-difference Hessian products. */
import type { Awaitable } from '../../core/awaitable.js';
import { NotImplementedError } from '../../core/errors.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Manifold } from '../../manifolds/manifold.js';
import type { Objective } from '../problem.js';
import type { EvaluatedState, SolverState } from '../solver.js';

/** $m(\eta)=f(x)+\langle g,\eta\rangle+\tfrac12\langle\eta,H\eta\rangle$ on the tangent space at x. */
export interface QuadraticModel<M, T> {
  readonly la: LinearAlgebra<M>;
  /** The gradient g. */
  readonly gradient: T;
  /** Relative error of Hessian products. */
  readonly accuracy: number;
  /** Returns H u. */
  hessian(u: T): Promise<T>;
  /** Returns P⁻¹u with P ≈ H; `undefined`, for the identity, if the problem has none. */
  readonly precondition: ((u: T) => Promise<T>) | undefined;
  /** Returns ⟨u, v⟩ at x. */
  inner(u: T, v: T): Awaitable<number>;
}

/** Computes H u and ⟨u, Hu⟩. */
export async function curvatureAlong<M, T>(
  { hessian, inner }: QuadraticModel<M, T>,
  u: T,
): Promise<{ readonly image: T; readonly curvature: number }> {
  const image = await hessian(u);
  return { image, curvature: await inner(u, image) };
}

/** Returns the model of a cost around a solver's point. */
export async function quadraticModel<M, P, T>(problem: Objective<M, P, T>, state: EvaluatedState<P, T>): Promise<QuadraticModel<M, T>> {
  const { manifold, precondition } = problem;
  const { x, iteration } = state;
  const { epsilon } = manifold.algebra;
  // Near a minimum the rounding of a gradient is large relative to it. No Hessian product can remove its part normal to
  // the tangent space, on which conjugate gradients would diverge.
  const gradient = manifold.toTangent(x, state.gradient);
  return {
    la: manifold.algebra,
    gradient,
    accuracy: problem.hasHessian ? epsilon : Math.sqrt(epsilon),
    hessian: problem.hasHessian ? await problem.hessianAt(x, iteration) : await differenceHessian(problem, state, gradient),
    precondition: precondition && ((u) => precondition(x, u, iteration)),
    inner: (u, v) => manifold.inner(x, u, v),
  };
}

/**
 * Returns a difference of gradients in place of the Hessian, not quite linear or symmetric. A product takes one
 * gradient, a retraction and a transport.
 *
 * $$ H[u] = \frac{\lVert u\rVert}{\alpha}\Bigl(T_{y\to x}\operatorname{grad}f(y)-\operatorname{grad}f(x)\Bigr), \qquad y = R_x\Bigl(\alpha\frac{u}{\lVert u\rVert}\Bigr) $$
 *
 * α is √ε times the size of x rather than a fixed 2⁻¹⁴, so that it does not depend on the units of the data; errors of
 * truncation and rounding are then of the same size.
 *
 * @see Boumal, "Riemannian trust regions with finite-difference Hessian approximations are globally convergent",
 * GSI 2015.
 */
async function differenceHessian<M, P, T>(problem: Objective<M, P, T>, { x, iteration }: SolverState<P, T>, gradient: T) {
  const { manifold } = problem;
  const la = manifold.algebra;
  const length = Math.sqrt(la.epsilon) * (await pointSize(manifold, x));
  return async (u: T): Promise<T> => {
    const norm = await manifold.norm(x, u);
    if (norm === 0) return u;
    const t = length / norm;
    const y = manifold.retract(x, u, t);
    const there = manifold.transport(y, x, await problem.gradient(y, iteration));
    return scaleTree(la, 1 / t, axpyTree(la, -1, gradient, there));
  };
}

/**
 * Returns the size of x in the metric: its distance from zero if the manifold has a decay direction, or a length
 * typical of the manifold if not, or if x is close to zero.
 */
export async function pointSize<M, P, T>(manifold: Manifold<M, P, T, unknown, unknown>, x: P): Promise<number> {
  const towardsZero = decayDirectionOf(manifold, x);
  const size = towardsZero === undefined ? 0 : await manifold.norm(x, towardsZero);
  return size > manifold.algebra.epsilon * manifold.typicalDist ? size : manifold.typicalDist;
}

function decayDirectionOf<M, P, T>(manifold: Manifold<M, P, T, unknown, unknown>, x: P): T | undefined {
  try {
    return manifold.decayDirection?.(x);
  } catch (error) {
    // A product has the operation if all its components do, which shows only in a call.
    if (error instanceof NotImplementedError) return undefined;
    throw error;
  }
}
