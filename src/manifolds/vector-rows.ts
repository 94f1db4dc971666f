/** Vectors of a batch as the rows of one matrix, for manifolds on which each vector is a point. */
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { divideOnRange } from '../metrics/spectrum.js';

/** Views of arrays [.., n] as matrices [k, n], and operations row by row. */
export interface VectorRows<M> {
  /** Returns the vectors as rows. */
  rows(x: M): M;
  /** Returns rows [k, length] as vectors [.., length]. */
  vectors(rows: M): M;
  /** Returns the inner product of each row with its partner, [k]. */
  dot(x: M, y: M): M;
  /** Returns the length of each row, [k], without overflow. */
  lengths(x: M): M;
  /** Returns rows divided by their lengths, and zeros where a length is zero. */
  directions(x: M, lengths: M): M;
}

/**
 * Builds the views for a batch.
 *
 * @param batch - the axes before that of a vector.
 */
export function vectorRows<M>(la: LinearAlgebra<M>, batch: readonly number[]): VectorRows<M> {
  const count = batch.reduce((product, size) => product * size, 1);
  const lengthOf = (x: M): number => la.shape(x).at(-1) as number;
  return {
    rows: (x) => la.reshape(x, [count, lengthOf(x)]),
    vectors: (rows) => la.reshape(rows, [...batch, lengthOf(rows)]),
    dot: (x, y) => la.sum(la.multiply(x, y), 'rows'),
    lengths: (x) => la.normEach(la.reshape(x, [count, 1, lengthOf(x)])),
    directions: (x, lengths) => la.scaleRows(divideOnRange(la, la.full([count], 1), lengths, la.full([count], 0)), x),
  };
}
