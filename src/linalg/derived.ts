/** Operations that follow from those of an engine, written once for all of them. */
import { checkOperands, type LinearAlgebra } from './linear-algebra.js';
import { checkDimensions, checkSameBatch, checkSquare, checkVector } from './shape-checks.js';

/** The named operations of an engine, or of an engine on a tape. */
export type Operations<M, Names extends keyof LinearAlgebra<M>> = Pick<
  LinearAlgebra<M>,
  'name' | 'isArray' | 'matmul' | 'shape' | 'tidy' | Names
>;

/**
 * Makes the n×n identity, repeated over a batch.
 *
 * @param la - an engine.
 * @param n - the size.
 * @param batch - the axes before the last two. Default: none.
 * @returns an array [..batch, n, n].
 * @throws ShapeError if n or an axis is no count.
 */
export function eye<M>(la: Operations<M, 'full' | 'diagMatrix'>, n: number, batch: readonly number[] = []): M {
  checkOperands('eye', la, []);
  checkDimensions('eye', Array.isArray(batch) ? [...batch, n, n] : batch);
  return la.tidy(() => la.diagMatrix(la.full([...batch, n], 1)));
}

/**
 * Sums the diagonal of each square matrix: [.., n, n] to [..].
 *
 * @param la - an engine.
 * @param x - square matrices.
 * @throws ShapeError if they are not square.
 */
export function trace<M>(la: Operations<M, 'diag' | 'sumVector'>, x: M): M {
  checkOperands('trace', la, [x]);
  checkSquare('trace', la.shape(x));
  return la.tidy(() => la.sumVector(la.diag(x)));
}

/**
 * Makes the matrix of all sums s_i + t_j.
 *
 * @param la - an engine.
 * @param s - vectors [.., m].
 * @param t - vectors [.., n], with the batch of s.
 * @returns matrices [.., m, n].
 * @throws ShapeError if the batches differ.
 */
export function outerSum<M>(la: Operations<M, 'full' | 'scaleRows' | 'scaleColumns' | 'add'>, s: M, t: M): M {
  checkOperands('outerSum', la, [s, t]);
  const [shapeS, shapeT] = [la.shape(s), la.shape(t)];
  checkVector('outerSum', shapeS);
  checkVector('outerSum', shapeT);
  checkSameBatch('outerSum', shapeS, 1, shapeT, 1);
  return la.tidy(() => {
    const ones = la.full([...shapeS, shapeT[shapeT.length - 1]], 1);
    return la.add(la.scaleRows(s, ones), la.scaleColumns(ones, t));
  });
}

/**
 * Squares each entry.
 *
 * @param la - an engine.
 * @param x - an array of any shape.
 */
export function square<M>(la: Operations<M, 'multiply'>, x: M): M {
  checkOperands('square', la, [x]);
  return la.multiply(x, x);
}

/**
 * Takes the magnitude of each entry.
 *
 * @param la - an engine.
 * @param x - an array of any shape.
 */
export function abs<M>(la: Operations<M, 'multiply' | 'sign'>, x: M): M {
  checkOperands('abs', la, [x]);
  return la.tidy(() => la.multiply(x, la.sign(x)));
}

/** Returns min(x, y), entry by entry. */
export function minimum<M>(la: Pick<LinearAlgebra<M>, 'where' | 'greater'>, x: M, y: M): M {
  return la.where(la.greater(x, y), y, x);
}
