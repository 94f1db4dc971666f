/** LSQR for a damped linear least-squares problem on a tangent space. */
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { Manifold } from '../../manifolds/manifold.js';
import type { Linearization } from '../problem.js';
import type { Interrupted } from '../solver.js';

/** Damping and stopping conditions of {@link dampedLsqr}. */
export interface LsqrLimits {
  /** λ ≥ 0. */
  readonly damping: number;
  /** Norm of the residual of the normal equations, relative to that at zero, at which the iteration ends. */
  readonly tolerance: number;
  /** Largest number of iterations, each with one product by J and one by J*. */
  readonly maxProducts: number;
}

/** Result of {@link dampedLsqr}. */
export interface LsqrSolution<T> {
  /** The solution η. */
  readonly step: T;
  /** Decrease of ½‖r + Jη‖² + ½λ‖η‖² from zero to η, summed up from terms without cancellation. */
  readonly decrease: number;
  /** Number of iterations. */
  readonly products: number;
}

/** State of the bidiagonalization: unit vectors of residuals and of tangents, the next direction, and the solution. */
interface LsqrCursor<M, T> {
  readonly left: M;
  readonly right: T;
  readonly alpha: number;
  readonly direction: T;
  readonly step: T | undefined;
  readonly rhoBar: number;
  readonly phiBar: number;
  readonly decrease: number;
  /** Norm of the residual of the normal equations. */
  readonly normalResidual: number;
}

/**
 * Solves the damped linear least-squares problem of a tangent space by LSQR, on the bidiagonalization of Golub and
 * Kahan: in exact arithmetic the iterates of conjugate gradients on the normal equations, at errors that grow with the
 * condition of J rather than with its square.
 *
 * $$ \min_{\eta\in T_x}\ \lVert r+J\eta\rVert^2+\lambda\lVert\eta\rVert_x^2 $$
 *
 * @param linearization - r, J and J*, the adjoint in the metric at x.
 * @returns the solution; of a rank-deficient J without damping that of least norm. `undefined` if J*r is zero or the
 * run was interrupted.
 * @see Paige and Saunders, "LSQR: an algorithm for sparse linear equations and sparse least squares", ACM Trans. Math.
 * Softw. 8(1), 1982.
 */
export async function dampedLsqr<M, P, T>(
  manifold: Manifold<M, P, T, unknown, unknown>,
  x: P,
  linearization: Linearization<M, T>,
  { damping, tolerance, maxProducts }: LsqrLimits,
  interrupted: Interrupted,
): Promise<LsqrSolution<T> | undefined> {
  const scope = manifold.algebra.openScope();
  let solution: LsqrSolution<T> | undefined;
  try {
    let cursor = await scope.run(() => lsqrStart(manifold, x, linearization));
    if (cursor === undefined) return undefined;
    const goal = tolerance * cursor.normalResidual;
    let products = 0;
    while (products < maxProducts && cursor.normalResidual > goal) {
      if (products > 0 && (await interrupted())) return undefined;
      const from: LsqrCursor<M, T> = cursor;
      cursor = await scope.run(() => lsqrAdvance(manifold, x, linearization, from, Math.sqrt(damping)));
      products++;
      scope.free(cursor);
    }
    const { step, decrease } = cursor;
    if (step !== undefined) solution = { step, decrease, products };
    return solution;
  } finally {
    scope.close(solution);
  }
}

async function lsqrStart<M, P, T>(
  manifold: Manifold<M, P, T, unknown, unknown>,
  x: P,
  { residual, adjoint }: Linearization<M, T>,
): Promise<LsqrCursor<M, T> | undefined> {
  const la = manifold.algebra;
  const beta = await la.norm(residual);
  if (!(beta > 0)) return undefined;
  const left = la.scale(-1 / beta, residual);
  const image = manifold.toTangent(x, await adjoint(left));
  const alpha = await manifold.norm(x, image);
  if (!(alpha > 0)) return undefined;
  const right = scaleTree(la, 1 / alpha, image);
  return { left, right, alpha, direction: right, step: undefined, rhoBar: alpha, phiBar: beta, decrease: 0, normalResidual: alpha * beta };
}

async function lsqrAdvance<M, P, T>(
  manifold: Manifold<M, P, T, unknown, unknown>,
  x: P,
  { jvp, adjoint }: Linearization<M, T>,
  { left, right, alpha, direction, step, rhoBar, phiBar, decrease }: LsqrCursor<M, T>,
  rootDamping: number,
): Promise<LsqrCursor<M, T>> {
  const la = manifold.algebra;
  const nextLeft = la.axpy(-alpha, left, await jvp(right));
  const beta = await la.norm(nextLeft);
  const unitLeft = beta > 0 ? la.scale(1 / beta, nextLeft) : nextLeft;
  // Projected, since what rounding adds normal to the tangent space would grow from product to product.
  const image = beta > 0 ? manifold.toTangent(x, axpyTree(la, -beta, right, await adjoint(unitLeft))) : right;
  const nextAlpha = beta > 0 ? await manifold.norm(x, image) : 0;
  const unitRight = nextAlpha > 0 ? scaleTree(la, 1 / nextAlpha, image) : right;
  // The first rotation removes the damping, the second the subdiagonal of the bidiagonal matrix.
  const damped = Math.hypot(rhoBar, rootDamping);
  const rho = Math.hypot(damped, beta);
  const [cosine, sine] = [damped / rho, beta / rho];
  const dampedPhi = (rhoBar / damped) * phiBar;
  const phi = cosine * dampedPhi;
  const theta = sine * nextAlpha;
  const stepAlong = phi / rho;
  return {
    left: unitLeft,
    right: unitRight,
    alpha: nextAlpha,
    direction: axpyTree(la, -theta / rho, direction, unitRight),
    step: step === undefined ? scaleTree(la, stepAlong, direction) : axpyTree(la, stepAlong, direction, step),
    rhoBar: -cosine * nextAlpha,
    phiBar: sine * dampedPhi,
    decrease: decrease + 0.5 * phi * phi,
    normalResidual: Math.abs(sine * dampedPhi * nextAlpha * cosine),
  };
}
