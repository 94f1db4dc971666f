/**
 * Inner products and norms of several arrays at once. If reading a number means waiting for a device, only one number
 * is read, not one per array.
 */
import { forEachLeaf } from '../core/tree.js';
import type { LinearAlgebra } from './linear-algebra.js';
import { type NumberOf, whenRead } from './number-of.js';

/**
 * Returns Σ ⟨x, y⟩ over pairs of arrays, over batches too.
 *
 * @param pairs - two arrays of one shape each; at least one pair.
 */
export function jointInner<M>(la: LinearAlgebra<M>, pairs: readonly (readonly [M, M])[]): NumberOf<M> {
  if (!la.readsSynchronously) return la.tidy(() => la.total(sideBySide(la, pairs, ([x, y]) => la.innerEach(asRow(la, x), asRow(la, y)))));
  const terms = pairs.map(([x, y]) => la.inner(x, y));
  return whenRead<M>(terms, (...read) => read.reduce((sum, term) => sum + term, 0));
}

/**
 * Returns the square root of the sum of squares of all entries of some arrays, without overflow.
 *
 * @param arrays - of any shapes; at least one.
 */
export function jointNorm<M>(la: LinearAlgebra<M>, arrays: readonly M[]): NumberOf<M> {
  if (!la.readsSynchronously) return la.tidy(() => la.norm(sideBySide(la, arrays, (x) => la.normEach(asRow(la, x)))));
  const norms = arrays.map((x) => la.norm(x));
  return whenRead<M>(norms, (...read) => read.reduce((norm, own) => Math.hypot(norm, own), 0));
}

/** Returns the largest absolute value of the entries of a tree of arrays; NaN if one is NaN. */
export function largestEntry<M>(la: LinearAlgebra<M>, u: unknown): NumberOf<M> {
  const leaves: M[] = [];
  forEachLeaf<M>(la, u, (leaf) => leaves.push(leaf));
  const magnitudes = leaves.map((leaf) => la.maxAbs(leaf));
  return whenRead<M>(magnitudes, (...read) => Math.max(0, ...read));
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
