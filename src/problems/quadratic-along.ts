/** Costs along curves, from gradient and Hessian alone. */

import type { Awaitable } from '../core/awaitable.js';
import { type Ambient, applyAmbient } from '../linalg/ambient.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { MatrixCostAt } from './low-rank-problem.js';

/** Returns ⟨G, L Rᵀ⟩ = ⟨G R, L⟩. */
function pairing<M>(la: LinearAlgebra<M>, g: Ambient<M>, { left, right }: FactoredMatrix<M>): Awaitable<number> {
  return la.inner(applyAmbient(la, g, right), left);
}

/**
 * Returns g(X + tξ + t²Q) as a polynomial in t, from the constant term up, to second order for any smooth g:
 *
 * $$ g + t\langle\nabla g,\xi\rangle + t^2\bigl(\tfrac12\langle\xi,\nabla^2g[\xi]\rangle+\langle\nabla g,Q\rangle\bigr) $$
 */
export async function secondOrderAlong<M>(
  la: LinearAlgebra<M>,
  { cost, gradient, hessian }: Pick<MatrixCostAt<M>, 'cost' | 'gradient' | 'hessian'>,
  first: FactoredMatrix<M>,
  second: FactoredMatrix<M>,
): Promise<readonly number[]> {
  const curvature = await pairing(la, await hessian(first), first);
  return [await cost(), await pairing(la, gradient, first), 0.5 * curvature + (await pairing(la, gradient, second))];
}

/**
 * Returns the same polynomial for a quadratic g, which is exact with the further terms
 * $t^3\langle Q,\nabla^2g[\xi]\rangle+\tfrac12t^4\langle Q,\nabla^2g[Q]\rangle$.
 */
export async function quadraticAlong<M>(
  la: LinearAlgebra<M>,
  around: Pick<MatrixCostAt<M>, 'cost' | 'gradient' | 'hessian'>,
  first: FactoredMatrix<M>,
  second: FactoredMatrix<M>,
): Promise<readonly number[]> {
  const lower = await secondOrderAlong(la, around, first, second);
  const bent = await around.hessian(second);
  return [...lower, await pairing(la, bent, first), 0.5 * (await pairing(la, bent, second))];
}
