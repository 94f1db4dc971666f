/** The leading singular triples of a matrix that is given by its products alone. */
import './host/whole-engine.js';
import type { Random } from '../core/random.js';
import type { LinearAlgebra } from './linear-algebra.js';
import type { SvdFactors } from './linear-algebra-types.js';

/** An m×n matrix Z given by its products, or a batch of such matrices. */
export interface MatrixProducts<M> {
  /** The leading axes. Default: none. */
  readonly batch?: readonly number[];
  /** Number of rows. */
  readonly m: number;
  /** Number of columns. */
  readonly n: number;
  /** Z X for X n×k. */
  apply(x: M): M;
  /** Zᵀ Y for Y m×k. */
  applyTranspose(y: M): M;
}

/** Options of a subspace iteration. */
interface SubspaceIterationOptions {
  /** Number of triples. */
  readonly count: number;
  /** Number of passes of subspace iteration, each two products. */
  readonly passes: number;
  /** Columns of the subspace beyond the count. */
  readonly oversampling: number;
  /** Source of the random subspace that the iteration begins with. */
  readonly random: Random;
}

/** Options of {@link leadingSingularTriples}. */
export interface WarmSubspaceOptions<M> extends SubspaceIterationOptions {
  /**
   * n×k, columns of about unit length near the right singular vectors, with which the subspace begins; random ones fill
   * it up. Default: none.
   */
  readonly start?: M;
}

/**
 * Computes the leading singular triples by randomized subspace iteration. Each pass shrinks the error in a direction by
 * the squared ratio of the first singular value that the subspace leaves out to its own.
 *
 * @returns U m×count, S [count] in descending order, V n×count. (passes + 1)·2 products with k = count + oversampling
 * columns, as many thin QRs, and the SVD of an n×k matrix.
 * @see Halko, Martinsson and Tropp, SIAM Review 53(2), 2011, algorithm 4.4.
 */
export function leadingSingularTriples<M>(
  la: LinearAlgebra<M>,
  { batch = [], m, n, apply, applyTranspose }: MatrixProducts<M>,
  { count, passes, oversampling, random, start }: WarmSubspaceOptions<M>,
): SvdFactors<M> {
  const given = start === undefined ? 0 : (la.shape(start).at(-1) as number);
  const fresh = Math.min(Math.max(count + oversampling, given), m, n) - given;
  const draws = fresh > 0 ? [la.randomNormal([...batch, n, fresh], random)] : [];
  let right = la.qr(start === undefined ? draws[0] : la.concat([start, ...draws.map((x) => la.scale(n ** -0.5, x))], 'columns')).Q;
  let left = la.qr(apply(right)).Q;
  for (let pass = 0; pass < passes; pass++) {
    right = la.qr(applyTranspose(left)).Q;
    left = la.qr(apply(right)).Q;
  }
  // Z ≈ left · (Zᵀ left)ᵀ, and the SVD of the n×k factor gives the rest.
  const { U, S, V } = firstTriples(la, la.svd(applyTranspose(left)), count);
  return { U: la.matmul(left, V), S, V: U };
}

/** Takes the first triples of an SVD, or of a batch of them. */
export function firstTriples<M>(la: LinearAlgebra<M>, { U, S, V }: SvdFactors<M>, count: number): SvdFactors<M> {
  const head = { columns: [0, count] } as const;
  const shape = la.shape(S);
  const [batch, length] = [shape.slice(0, -1), shape[shape.length - 1]];
  const values = la.slice(la.reshape(S, [...batch, 1, length]), head);
  return { U: la.slice(U, head), S: la.reshape(values, [...batch, count]), V: la.slice(V, head) };
}

/** Matrices with at most this many rows or columns have their whole SVD computed; larger ones, the triples used. */
const WHOLE_SVD = 256;
/** Gradients of language models decay fast enough that these leave errors below 1e-3. */
const iteration = { passes: 8, oversampling: 16 } as const;

/**
 * Computes the leading singular triples of a given matrix: exactly if one of its sizes is at most 256, by
 * {@link leadingSingularTriples} if both are larger.
 *
 * @param x - [.., m, n].
 * @param count - at most min(m, n).
 * @param random - draws the subspace that the iteration begins with.
 * @returns U [.., m, count], S [.., count] in descending order, V [.., n, count].
 */
export function leadingTriplesOf<M>(la: LinearAlgebra<M>, x: M, count: number, random: Random): SvdFactors<M> {
  const shape = la.shape(x);
  const [m, n] = shape.slice(-2);
  if (Math.min(m, n) <= WHOLE_SVD) return firstTriples(la, la.svd(x), count);
  const apply = (y: M): M => la.matmul(x, y);
  const applyTranspose = (y: M): M => la.matmul(x, y, { transposeA: true });
  return leadingSingularTriples(la, { batch: shape.slice(0, -2), m, n, apply, applyTranspose }, { count, random, ...iteration });
}
