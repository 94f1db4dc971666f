import type { Manifold } from '../manifolds/manifold.js';

/**
 * Returns what a manifold says against a point; undefined if it is one. A manifold of the user's own may throw any
 * error, and says the same by it.
 *
 * @param isStart - true for a point from which no step was taken: a run may start outside some manifolds.
 */
export async function faultOf<M, P, T>(manifold: Manifold<M, P, T, unknown, unknown>, x: P, isStart: boolean): Promise<string | undefined> {
  try {
    await (isStart && manifold.checkStart !== undefined ? manifold.checkStart(x) : manifold.checkPoint(x));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
