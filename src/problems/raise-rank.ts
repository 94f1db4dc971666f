import { declareOptions, number, size } from '../core/options.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FixedRankPoint } from '../metrics/fixed-rank-metric.js';
import { truncatedProduct } from '../retractions/fixed-rank-retraction.js';
import { sampledMatrix } from './sampled-matrix.js';
import { spectralInitialization } from './spectral-initialization.js';

/** Options of {@link raiseRank}. */
export interface RaiseRankOptions {
  /** Number of ranks to add. */
  readonly by: number;
  /** Seed of the search for singular pairs. Default: 0. */
  readonly seed?: number;
}

const raiseRankOptions = declareOptions<RaiseRankOptions>()({ by: size({}), seed: number({ default: 0 }) });

/**
 * Adds the leading singular pairs of the residual to X, with the step that fits best:
 *
 * $$ X^+ = X+t\,D, \qquad D = \bigl[P_\Omega(Z-X)\bigr]_q, \qquad
 *    t = \frac{\langle Z-X,\,P_\Omega(D)\rangle}{\lVert P_\Omega(D)\rVert^2} $$
 *
 * @param la - the engine of the data.
 * @param observed - the entries of Z on Ω.
 * @param x - the fit of rank r.
 * @param options - the number q of ranks to add.
 * @returns the point of rank r + q. Cost: that of {@link spectralInitialization} for rank q, 2·nnz·(r + q) flops, and a
 * truncated product.
 * @see Uschmajew and Vandereycken, "Greedy rank updates combined with Riemannian descent methods for low-rank
 * optimization", SampTA 2015.
 */
export async function raiseRank<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  x: FixedRankPoint<M>,
  options: RaiseRankOptions,
): Promise<FixedRankPoint<M>> {
  const { by, seed } = raiseRankOptions.read('raiseRank', options);
  const scaled = la.scaleColumns(x.U, x.S);
  const residual = la.subtract(observed.values, sampledMatrix(la, observed, { left: scaled, right: x.V }).values);
  const added = spectralInitialization(la, { ...observed, values: residual }, { rank: by, seed });
  const addedLeft = la.scaleColumns(added.U, added.S);
  const change = sampledMatrix(la, observed, { left: addedLeft, right: added.V }).values;
  const squared = await la.inner(change, change);
  // If the residual is zero, there is nothing to add.
  const step = squared > 0 ? (await la.inner(residual, change)) / squared : 0;
  const left = la.concat([scaled, la.scale(step, addedLeft)], 'columns');
  return truncatedProduct(la, left, undefined, la.concat([x.V, added.V], 'columns'), la.shape(left)[1]);
}
