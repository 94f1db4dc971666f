/** Whether arrays are finite, where that can be told at once. Used by steps of manifolds, and by derivatives. */
import { forEachLeaf } from '../core/tree.js';
import type { LinearAlgebra } from './linear-algebra.js';

/**
 * Returns false if an array of a tree can be read at once and has an entry that is not finite.
 *
 * A sum is not finite if one of its terms is not. It is one number to read, where the arrays of a tensor engine would
 * be copied to be looked through; only a sum that is not finite, which may have overflowed, leads to that.
 */
export function hasFiniteEntries<M>(la: LinearAlgebra<M>, tree: unknown): boolean {
  if (!la.readsSynchronously) return true;
  let all = true;
  forEachLeaf<M>(la, tree, (leaf) => {
    const entries = la.shape(leaf).reduce((product, size) => product * size, 1);
    const sum = la.peek(la.sumVector(la.reshape(leaf, [1, entries])));
    all &&= sum?.every(Number.isFinite) === true || la.peek(leaf)?.every(Number.isFinite) !== false;
  });
  return all;
}
