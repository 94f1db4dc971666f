/**
 * Inner products and norms of several arrays at once. If reading a number means waiting for a device, only one number
 * is read, not one per array.
 */
import { forEachLeaf } from '../core/tree.js';
import type { LinearAlgebra } from './linear-algebra.js';

/**
 * Returns Σ ⟨x, y⟩ over pairs of arrays, over batches too.
 *
 * @param pairs - two arrays of one shape each; at least one pair.
 */
export async function jointInner<M>(la: LinearAlgebra<M>, pairs: readonly (readonly [M, M])[]): Promise<number> {
  if (!la.readsSynchronously) return la.tidy(() => la.total(sideBySide(la, pairs, ([x, y]) => la.innerEach(asRow(la, x), asRow(la, y)))));
  let sum = 0;
  for (const [x, y] of pairs) sum += await la.inner(x, y);
  return sum;
}

/**
 * Returns the square root of the sum of squares of all entries of some arrays, without overflow.
 *
 * @param arrays - of any shapes; at least one.
 */
export async function jointNorm<M>(la: LinearAlgebra<M>, arrays: readonly M[]): Promise<number> {
  if (!la.readsSynchronously) return la.tidy(() => la.norm(sideBySide(la, arrays, (x) => la.normEach(asRow(la, x)))));
  let norm = 0;
  for (const x of arrays) norm = Math.hypot(norm, await la.norm(x));
  return norm;
}

/** Returns the largest absolute value of the entries of a tree of arrays; NaN if one is NaN. */
export async function largestEntry<M>(la: LinearAlgebra<M>, u: unknown): Promise<number> {
  const leaves: M[] = [];
  forEachLeaf<M>(la, u, (leaf) => leaves.push(leaf));
  let largest = 0;
  for (const leaf of leaves) {
    const own = await la.maxAbs(leaf);
    if (!(own <= largest)) largest = own;
  }
  return largest;
}

function asRow<M>(la: LinearAlgebra<M>, x: M): M {
  return la.reshape(x, [1, la.shape(x).reduce((count, length) => count * length, 1)]);
}

/** Puts one number per item side by side, as the columns of one row. */
function sideBySide<M, Item>(la: LinearAlgebra<M>, items: readonly Item[], number: (item: Item) => M): M {
  return la.concat(
    items.map((item) => la.reshape(number(item), [1, 1])),
    'columns',
  );
}
