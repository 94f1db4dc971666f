/** The norm of an inner product, also where its square leaves the range of the engine's numbers. */
import { scaleTree } from '../core/tree.js';
import { largestEntry } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { Manifold } from './manifold.js';

/**
 * Returns $\|u\|_x = \langle u,u\rangle_x^{1/2}$ for an inner product. Where the square overflows, or is so small that
 * it may have lost digits, the norm is that of $u$ divided by its largest entry.
 *
 * @param la - the engine of the tangents.
 * @param inner - the inner product at a point.
 */
export function normOf<M, P, T>(la: LinearAlgebra<M>, inner: Manifold<M, P, T>['inner']): (x: P, u: T) => Promise<number> {
  const least = la.epsilon < 1e-10 ? 1e-290 : 1e-30;
  return async (x, u) => {
    const square = await inner(x, u, u);
    if (square >= least && square < Number.POSITIVE_INFINITY) return Math.sqrt(square);
    const largest = await largestEntry(la, u);
    // Nothing to scale by: zero, NaN or infinite.
    if (!(largest > 0 && Number.isFinite(1 / largest) && Number.isFinite(largest))) return Math.sqrt(Math.max(0, square));
    const unit = scaleTree<M, T>(la, 1 / largest, u);
    // A square below zero is a zero that rounding has moved.
    return largest * Math.sqrt(Math.max(0, await inner(x, unit, unit)));
  };
}
