/**
 * The oblique manifold: m×n matrices whose columns have length 1, with the Euclidean metric.
 *
 * Tangent at X: U with diag(XᵀU) = 0. Dimension n(m − 1).
 *
 * @see Absil and Gallivan, "Joint diagonalization on the oblique manifold for independent component analysis",
 * ICASSP 2006.
 */
import { ShapeError } from '../core/errors.js';
import { declareOptions, size } from '../core/options.js';
import { algebraOption, algebraOrElementary } from '../linalg/host/default-algebra.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { batchOption, batchPrefix } from './checks.js';
import type { GeodesicManifold } from './manifold.js';
import { unitVectorManifold } from './unit-vectors.js';

/** Options of {@link oblique}. */
export interface ObliqueOptions<M> {
  /** Rows: the length of each column, at least 2. */
  readonly m: number;
  /** Columns, each a unit vector. */
  readonly n: number;
  /** Leading axes: a batched point is a point of the power manifold. Default: none. */
  readonly batch?: readonly number[];
  /** The engine. Default: float64 on the host. */
  readonly algebra?: LinearAlgebra<M>;
}

const obliqueOptions = declareOptions<ObliqueOptions<unknown>>()({ m: size({}), n: size({}), batch: batchOption, algebra: algebraOption });

/**
 * Returns the manifold of m×n matrices whose columns have length 1: a {@link sphere} for each column.
 *
 * $$ \operatorname{OB}(m,n) = \lbrace X\in\mathbb R^{m\times n} : \operatorname{diag}(X^\top X) = 1\rbrace, \qquad \dim = n(m-1) $$
 *
 * Tangents at X, the projection onto them, and the Hessian, where D is the diagonal matrix of $X^\top\nabla f(X)$:
 *
 * $$ \operatorname{diag}(X^\top U) = 0, \qquad P_X(Z) = Z-X\operatorname{ddiag}(X^\top Z), \qquad \operatorname{Hess}f(X)[U] = P_X(\nabla^2f(X)[U])-UD. $$
 *
 * @param options - m, n; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are arrays [.., m, n]. Operations cost a few flops per entry.
 * @throws ShapeError if a size is not a positive integer, or m is 1; ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { hostAlgebra, type HostArray, minimize, oblique } from 'bures';
 *
 * // A correlation matrix XᵀX of rank 2 close to a given matrix.
 * const la = hostAlgebra();
 * const wanted = la.fromArray([1, 0.9, -0.2, 0.9, 1, 0.1, -0.2, 0.1, 1], [3, 3]);
 * const gap = (x: HostArray) => la.subtract(la.matmul(x, x, { transposeA: true }), wanted);
 * const cost = (x: HostArray) => 0.25 * la.norm(gap(x)) ** 2;
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.matmul(x, gap(x)) } as const;
 * console.log((await minimize({ manifold: oblique({ m: 2, n: 3 }), cost, gradient })).cost);
 * ```
 * @see Absil and Gallivan, "Joint diagonalization on the oblique manifold for independent component analysis",
 * ICASSP 2006.
 */
export function oblique<M = HostArray>(options: ObliqueOptions<M>): GeodesicManifold<NoInfer<M>> {
  const { m, n, batch, algebra } = obliqueOptions.read('oblique', options);
  if (m < 2) throw new ShapeError('oblique: m must be at least 2, got 1: a column of one entry has no directions to move in; add rows');
  const la = algebraOrElementary(algebra);
  return unitVectorManifold(la, {
    caller: 'oblique',
    sizes: `${batchPrefix(batch)}${m}×${n}`,
    shape: [...batch, m, n],
    length: m,
    count: batch.reduce((product, size) => product * size, n),
    dot: (x, y) => la.sum(la.multiply(x, y), 'columns'),
    weigh: (c, x) => la.scaleColumns(x, c),
  });
}
