import { ConfigError, ShapeError } from '../core/errors.js';
import '../linalg/host/whole-engine.js';
import { count, declareOptions, number, size } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { leadingSingularTriples } from '../linalg/subspace-iteration.js';
import type { FixedRankPoint } from '../metrics/fixed-rank-metric.js';

/** Options of {@link spectralInitialization}. */
export interface SpectralInitializationOptions {
  /** The rank r of the start. */
  readonly rank: number;
  /** Passes of subspace iteration, each of two products with the data. Default: 3. */
  readonly passes?: number;
  /** Columns of the subspace beyond the rank. Default: 5. */
  readonly oversampling?: number;
  /** Seed of the random subspace from which the iteration starts. Default: 0. */
  readonly seed?: number;
}

const spectralInitializationOptions = declareOptions<SpectralInitializationOptions>()({
  rank: size({}),
  passes: count({ default: 3 }),
  oversampling: count({ default: 5 }),
  seed: number({ default: 0 }),
});

/** The defaults of {@link spectralInitialization}. */
export const spectralInitializationDefaults: Required<Omit<SpectralInitializationOptions, 'rank'>> = spectralInitializationOptions.defaults;

/**
 * Returns the best rank-r approximation of the observed entries, with zeros elsewhere, divided by the observed
 * fraction: it is right on average if the entries were observed at random.
 *
 * $$ X_0 = \frac{mn}{|\Omega|}\,\bigl[P_\Omega(Z)\bigr]_r $$
 *
 * Randomized subspace iteration takes (passes + 1)·4·nnz·k flops and as many thin QRs of m×k and n×k, k = rank +
 * oversampling.
 *
 * @param la - the engine of the data.
 * @param observed - the observed entries.
 * @returns the point of `fixedRank`; `hyperBalancedFactors` turns it into a pair { A, B }, a point of every manifold of
 * factors.
 * @throws ShapeError if the rank exceeds min(m, n); ConfigError if there is no entry.
 * @see Keshavan, Montanari and Oh, "Matrix completion from a few entries", IEEE Trans. Inf. Theory 56(6), 2010; Halko,
 * Martinsson and Tropp, SIAM Review 53(2), 2011, algorithm 4.4.
 */
export function spectralInitialization<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  options: SpectralInitializationOptions,
): FixedRankPoint<M> {
  checkAlgebra('spectralInitialization', la);
  checkCsr('spectralInitialization', observed);
  const { rank, passes, oversampling, seed } = spectralInitializationOptions.read('spectralInitialization', options);
  const { rows: m, columns: n } = observed;
  if (observed.columnIndices.length === 0) throw new ConfigError('spectralInitialization: expected observed entries, got none; give some');
  if (rank > Math.min(m, n))
    throw new ShapeError(`spectralInitialization: rank must be at most min(m, n) = ${Math.min(m, n)}, got ${rank}; lower it`);
  const { U, S, V } = leadingSingularTriples(
    la,
    {
      m,
      n,
      apply: (x) => la.sparseMatmul(observed, x),
      applyTranspose: (y) => la.sparseMatmul(observed, y, { transpose: true }),
    },
    { count: rank, passes, oversampling, random: seededRandom(seed) },
  );
  return { U, S: la.scale((m * n) / observed.columnIndices.length, S), V };
}
