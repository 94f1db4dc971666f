/** The leading singular triples of a matrix that is given by its products alone. */
import type { Random } from '../core/random.js';
import type { LinearAlgebra } from './linear-algebra.js';
import type { SvdFactors } from './linear-algebra-types.js';

/** A matrix Z, m×n, by its products. */
export interface MatrixProducts<M> {
  /** Number of rows. */
  readonly m: number;
  /** Number of columns. */
  readonly n: number;
  /** Z X for X n×k. */
  apply(x: M): M;
  /** Zᵀ Y for Y m×k. */
  applyTranspose(y: M): M;
}

/** How far {@link leadingSingularTriples} goes. */
export interface SubspaceIterationOptions {
  /** How many triples. */
  readonly count: number;
  /** Passes of subspace iteration, each two products. */
  readonly passes: number;
  /** Columns of the subspace beyond the count. */
  readonly oversampling: number;
  /** The random subspace that the iteration begins with. */
  readonly random: Random;
}

/**
 * The first singular triples by randomized subspace iteration. The error in a direction shrinks with each pass by the
 * square of the ratio of the first singular value that the subspace leaves out to its own.
 *
 * @returns U m×count, S [count] in descending order, V n×count. (passes + 1)·2 products with k = count + oversampling
 * columns, as many thin QRs, and the SVD of an n×k matrix.
 * @see Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, algorithm 4.4.
 */
export function leadingSingularTriples<M>(
  la: LinearAlgebra<M>,
  { m, n, apply, applyTranspose }: MatrixProducts<M>,
  { count, passes, oversampling, random }: SubspaceIterationOptions,
): SvdFactors<M> {
  const k = Math.min(count + oversampling, m, n);
  let right = la.qr(la.randomNormal([n, k], random)).Q;
  let left = la.qr(apply(right)).Q;
  for (let pass = 0; pass < passes; pass++) {
    right = la.qr(applyTranspose(left)).Q;
    left = la.qr(apply(right)).Q;
  }
  // Z ≈ left · (Zᵀ left)ᵀ, and the SVD of the n×k factor gives the rest.
  const { U, S, V } = la.svd(applyTranspose(left));
  const head = { columns: [0, count] } as const;
  return {
    U: la.matmul(left, la.slice(V, head)),
    S: la.reshape(la.slice(la.reshape(S, [1, k]), head), [count]),
    V: la.slice(U, head),
  };
}
