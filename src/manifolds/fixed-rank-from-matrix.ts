/** The matrix of rank r nearest to a given one, in any form: `fixedRank.fromMatrix`. */
import { ShapeError } from '../core/errors.js';
import { seededRandom } from '../core/random.js';
import { type Ambient, applyAmbient, applyAmbientTranspose } from '../linalg/ambient.js';
import { convergedSingularTriples, oversampling } from '../linalg/block-krylov.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { firstTriples } from '../linalg/subspace-iteration.js';
import type { FixedRankPoint } from '../metrics/fixed-rank-metric.js';
import { truncatedProduct } from '../retractions/fixed-rank-retraction.js';
import { checkAmbientShape } from './checks.js';

const NAME = 'fixedRank.fromMatrix';
/** Sparse matrices and operators with at most this many rows or columns are multiplied out. */
const SMALL = 256;

/**
 * Returns the truncated singular value decomposition of a matrix.
 *
 * @param shape - [.., m, n].
 * @throws ShapeError if the matrix has another shape, or factors fewer columns than the rank; NumericalError if the
 * singular triples of a large sparse matrix or operator do not converge.
 */
export function nearestOfRank<M>(la: LinearAlgebra<M>, z: Ambient<M>, shape: readonly number[], rank: number): FixedRankPoint<M> {
  checkAmbientShape(NAME, la, z, shape);
  if (la.isArray(z)) return firstTriples(la, la.svd(z), rank);
  if (z.kind === 'factored') {
    const inner = la.shape(z.left).at(-1) as number;
    if (inner < rank) {
      throw new ShapeError(
        `${NAME}: the factors have ${inner} columns, and a matrix of rank ${rank} needs at least as many; widen the factors or lower the rank`,
      );
    }
    return truncatedProduct(la, z.left, undefined, z.right, rank);
  }
  const [batch, [m, n]] = [shape.slice(0, -2), shape.slice(-2)];
  // A subspace of half of the columns would take longer than all of them.
  if (Math.min(m, n) <= Math.max(SMALL, 2 * (rank + oversampling))) {
    const dense = m < n ? la.transpose(applyAmbientTranspose(la, z, eye(la, m, batch))) : applyAmbient(la, z, eye(la, n, batch));
    return firstTriples(la, la.svd(dense), rank);
  }
  const products = { batch, m, n, apply: (x: M) => applyAmbient(la, z, x), applyTranspose: (y: M) => applyAmbientTranspose(la, z, y) };
  return convergedSingularTriples(la, products, { caller: NAME, count: rank, random: seededRandom(0) });
}
