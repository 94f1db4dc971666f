/**
 * Matrix completion from start to end: sets entries aside, raises the rank step by step, and reports errors in the
 * units of the data.
 */
import { ConfigError } from '../core/errors.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FixedRankPoint } from '../metrics/fixed-rank-metric.js';
import { climbRanks } from './climb-ranks.js';
import {
  type CompleteMatrixOptions,
  type CompletionResult,
  type CompletionSettings,
  completeMatrixOptions,
} from './complete-matrix-options.js';
import { arrayBack, arrayInto, inScaledUnits, scaleBeyondSquares } from './completion/value-scale.js';
import { sampledMatrix } from './sampled-matrix.js';
import { splitEntries } from './split-entries.js';

/**
 * Completes a partially known matrix with a matrix of low rank.
 *
 * The rank grows by `rankStep` at a time. The first iterate is the spectral start of the initial rank; at each further
 * rank the leading singular pairs of the residual are added to the iterate. A matrix with singular values far apart
 * needs this: in a spectral start of full rank the small ones drown in sampling noise, and descent spends its time
 * rotating that noise. With `method: 'reweighted'` the run begins there all the same, and {@link matrixIrls} gets away
 * from it: from fewer entries, at any condition number, if there is no noise.
 *
 * @param la - the engine of the data.
 * @param data - the known entries.
 * @param options - the rank and how to reach it.
 * @returns the matrix as a point of `fixedRank`, with errors on the fitted entries and on those set aside.
 * @throws ConfigError, ShapeError for invalid options or options of the other method, if no entry is left to fit, if
 * all are zero (less the mean), or if they have a lower rank than `'reweighted'` is to find.
 *
 * @example
 * ```ts
 * import { csrFromTriplets, hostAlgebra, seededRandom } from 'bures';
 * import { completeMatrix } from 'bures/problems';
 *
 * const la = hostAlgebra();
 * const random = seededRandom(1);
 * const places = Array.from({ length: 60 * 40 }, (_, place) => place).filter(() => random.uniform() < 0.3);
 * const [rowIndices, columnIndices] = [places.map((place) => Math.floor(place / 40)), places.map((place) => place % 40)];
 * const values = places.map((_, e) => Math.sin(rowIndices[e]) + Math.cos(rowIndices[e]) * columnIndices[e]);
 * const data = csrFromTriplets(la, { rows: 60, columns: 40, rowIndices, columnIndices, values });
 * const { testRmse } = await completeMatrix(la, data, { rank: 2, testFraction: 0.1 });
 * console.log(testRmse); // close to zero: the matrix has rank two
 * ```
 * @see Uschmajew and Vandereycken, "Greedy rank updates combined with Riemannian descent methods for low-rank
 * optimization", SampTA 2015; Tan et al., SIAM J. Sci. Comput. 36(6), 2014.
 */
export async function completeMatrix<M>(
  la: LinearAlgebra<M>,
  data: CsrMatrix<M>,
  options: CompleteMatrixOptions<M>,
): Promise<CompletionResult<M>> {
  checkAlgebra('completeMatrix', la);
  checkCsr('completeMatrix', data);
  const read = completeMatrixOptions.read('completeMatrix', options);
  const settings = read.method === 'reweighted' ? asReweighted(read, options) : read;
  const least = Math.min(data.rows, data.columns);
  if (settings.rank > least)
    throw new ConfigError(
      `completeMatrix: rank must be at most min(m, n) = ${least} of the ${data.rows}×${data.columns} data, got ${settings.rank}; lower it`,
    );
  if (settings.initialRank > settings.rank) {
    throw new ConfigError(`completeMatrix: initialRank (${settings.initialRank}) must not exceed rank (${settings.rank}); lower it`);
  }
  const { train, test } =
    settings.testFraction === 0
      ? { train: data, test: undefined }
      : await splitEntries(la, data, { fraction: settings.testFraction, seed: settings.seed });
  const count = train.columnIndices.length;
  if (count === 0) throw new ConfigError('completeMatrix: no entry is left to fit; give more data, or a smaller testFraction');
  const scale = await scaleBeyondSquares(la, train.values);
  if (scale === undefined) return fitted(la, train, test, settings);
  const { onProgress, ...rest } = settings;
  const into = (part: CsrMatrix<M>): CsrMatrix<M> => ({ ...part, values: arrayInto(la, part.values, scale) });
  const back = (x: FixedRankPoint<M>): FixedRankPoint<M> => ({ ...x, S: arrayBack(la, x.S, scale) });
  const report: CompleteMatrixOptions<M>['onProgress'] =
    onProgress && (({ trainRmse, ...progress }, x) => onProgress({ ...progress, trainRmse: scale.back(trainRmse) }, back(x)));
  const found = await fitted(la, into(train), test && into(test), { ...rest, ...(report && { onProgress: report }) });
  const { x, offset, trainRmse, testRmse, ...fit } = found;
  const stopReason = inScaledUnits(fit.stopReason, scale);
  const errors = { trainRmse: scale.back(trainRmse), ...(testRmse !== undefined && { testRmse: scale.back(testRmse) }) };
  return { ...fit, ...errors, stopReason, x: back(x), offset: scale.back(offset) };
}

/** Fits entries whose squares are within the range of numbers. */
async function fitted<M>(
  la: LinearAlgebra<M>,
  train: CsrMatrix<M>,
  test: CsrMatrix<M> | undefined,
  settings: CompletionSettings<M>,
): Promise<CompletionResult<M>> {
  const offset = settings.center ? (await la.total(train.values)) / train.columnIndices.length : 0;
  const centered = offset === 0 ? train : { ...train, values: shifted(la, train.values, -offset) };
  if ((await la.maxAbs(centered.values)) === 0)
    throw new ConfigError(
      `completeMatrix: expected entries of which some are not ${offset}, got ${train.columnIndices.length} that all are${offset === 0 ? '; the matrix of zeros fits them, and has no rank' : '; leave center out, and rank 1 fits them'}`,
    );
  const { x, ...fit } = await climbRanks(la, centered, settings);
  const found = { ...fit, x, offset };
  if (test === undefined || test.columnIndices.length === 0) return found;
  return { ...found, testRmse: await rmse(la, { ...test, values: shifted(la, test.values, -offset) }, x) };
}

/**
 * Returns the settings of a run by reweighting.
 *
 * @throws ConfigError if an option belongs to rank continuation.
 */
function asReweighted<M>(settings: CompletionSettings<M>, options: CompleteMatrixOptions<M>): CompletionSettings<M> {
  const others = ['initialRank', 'rankStep', 'iterationsPerRank', 'regularization', 'geometry', 'solver'] as const;
  const given = others.filter((name) => options[name] !== undefined);
  if (given.length === 0) return { ...settings, relativeResidual: options.relativeResidual ?? 0 };
  throw new ConfigError(
    `completeMatrix: with method 'reweighted' expected none of ${others.join(', ')}, got ${given.join(', ')}; leave it out, or take method 'continuation'`,
  );
}

/** Adds `shift` to each value. */
function shifted<M>(la: LinearAlgebra<M>, values: M, shift: number): M {
  return la.add(values, la.full(la.shape(values), shift));
}

/** Returns the root mean square of P_Ω(X − Z). */
async function rmse<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, { U, S, V }: FixedRankPoint<M>): Promise<number> {
  const fitted = sampledMatrix(la, observed, { left: la.scaleColumns(U, S), right: V });
  return (await la.norm(la.subtract(fitted.values, observed.values))) / Math.sqrt(observed.columnIndices.length);
}
