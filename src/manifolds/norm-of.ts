/** The norm of an inner product, also where its square leaves the range of the engine's numbers. */
import type { Awaitable } from '../core/awaitable.js';
import { scaleTree } from '../core/tree.js';
import { largestEntry } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { type NumberOf, whenRead } from '../linalg/number-of.js';
import type { Manifold } from './manifold.js';

/**
 * Returns $\|u\|_x = \langle u,u\rangle_x^{1/2}$ for an inner product. Where the square overflows, or is so small that
 * it may have lost digits, the norm is that of $u$ divided by its largest entry.
 *
 * @param la - the engine of the tangents.
 * @param inner - the inner product at a point.
 */
export function normOf<M, P, T>(la: LinearAlgebra<M>, inner: Manifold<M, P, T>['inner']): (x: P, u: T) => NumberOf<M> {
  const least = la.epsilon < 1e-10 ? 1e-290 : 1e-30;
  const scaledNorm = (x: P, u: T, square: number, largest: number): Awaitable<number> => {
    // Nothing to scale by: zero, NaN or infinite.
    if (!(largest > 0 && Number.isFinite(1 / largest) && Number.isFinite(largest))) return Math.sqrt(Math.max(0, square));
    const unit = scaleTree<M, T>(la, 1 / largest, u);
    // A square below zero is a zero that rounding has moved.
    return whenRead<M>([inner(x, unit, unit)], (of) => largest * Math.sqrt(Math.max(0, of)));
  };
  return (x, u) =>
    whenRead<M>([inner(x, u, u)], (square) => {
      if (square >= least && square < Number.POSITIVE_INFINITY) return Math.sqrt(square);
      return whenRead<M>([largestEntry(la, u)], (largest) => scaledNorm(x, u, square, largest));
    });
}
