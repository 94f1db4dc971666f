/** Search for a direction along which a cost falls to second order: the way out of a saddle. */
import { seededRandom } from '../../core/random.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { Objective } from '../problem.js';
import type { Interrupted, SolverState } from '../solver.js';
import { curvatureAlong, type QuadraticModel } from './quadratic-model.js';

/** A unit tangent along which the Hessian is negative. */
export interface Descent<T> {
  readonly direction: T;
  /** ⟨u, Hu⟩ < 0. */
  readonly curvature: number;
}

/**
 * Curvature counts as negative below −√ε times this times the largest one met; above, it could be all rounding or error
 * of differences of gradients.
 */
const curvatureFactor = 100;

/** State of conjugate gradients. */
interface Cursor<T> {
  readonly residual: T;
  readonly direction: T;
  readonly residualSquared: number;
  /** The largest ‖Hδ‖/‖δ‖ so far. */
  readonly largest: number;
}

/**
 * Searches by conjugate gradients on H η = r, r a random tangent. Their k-th quadratic form ⟨δ, Hδ⟩ is a pivot of the
 * Lanczos matrix of H and r, so that a negative one appears as soon as H is indefinite on the k-th Krylov space, and
 * its δ is the direction. An iteration takes one Hessian product, two inner products and three sums of tangents.
 *
 * The random start serves the same purpose as Manopt's `useRand`: from a gradient that is zero or confined to an
 * invariant subspace (as at rank-deficient factors), truncated conjugate gradients never see the rest.
 *
 * @param maxProducts - largest number of Hessian products.
 * @returns the direction; `undefined` if none was found, or if interrupted.
 * @see Nocedal and Wright, Numerical Optimization, 2006, section 7.1; Golub and Van Loan 2013, section 11.3.
 */
export async function negativeCurvature<M, P, T>(
  problem: Objective<M, P, T>,
  { x, iteration }: SolverState<P, T>,
  model: QuadraticModel<M, T>,
  maxProducts: number,
  interrupted: Interrupted,
): Promise<Descent<T> | undefined> {
  const { la } = model;
  const first = await problem.manifold.randomTangent(x, seededRandom(iteration));
  const scope = la.openScope();
  let found: Descent<T> | undefined;
  let cursor: Cursor<T> = { residual: first, direction: first, residualSquared: 1, largest: 0 };
  try {
    for (let products = 1; products <= maxProducts && !(await interrupted()); products++) {
      const { residual, direction, residualSquared, largest } = cursor;
      const look = async () => ({ ...(await curvatureAlong(model, direction)), squared: await model.inner(direction, direction) });
      const { image, curvature, squared } = products === 1 ? await look() : await scope.run(look);
      // Not by the square of the image, which may overflow.
      const stretch = (await problem.manifold.norm(x, image)) / Math.sqrt(squared);
      const size = Math.max(largest, stretch);
      const threshold = curvatureFactor * Math.sqrt(la.epsilon) * size * squared;
      if (curvature < -threshold) {
        found = await scope.run(() => ({ direction: scaleTree(la, 1 / Math.sqrt(squared), direction), curvature: curvature / squared }));
        return found;
      }
      // The direction is flat to rounding: this start shows nothing more.
      if (!(curvature > threshold)) return undefined;
      cursor = await scope.run(async () => {
        const reduced = axpyTree(la, -residualSquared / curvature, image, residual);
        const reducedSquared = await model.inner(reduced, reduced);
        return {
          residual: reduced,
          direction: axpyTree(la, reducedSquared / residualSquared, direction, reduced),
          residualSquared: reducedSquared,
          largest: size,
        };
      });
      // The residual has fallen to √ε of the first.
      if (!(cursor.residualSquared > la.epsilon)) return undefined;
      scope.free(cursor);
    }
    return undefined;
  } finally {
    scope.close(found);
  }
}
