import { ConfigError } from '../../core/errors.js';
import { checkCount, checkNumber, choice, declareOptions, flag, number, option, size } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import type { HostArray } from '../../linalg/host/host-algebra.js';
import { type AbortSignalLike, iterateOptions } from '../../solvers/run.js';
import { type EntryTimes, timesOption } from '../recommender/split-by-time.js';
import type { CompletionWatcher } from './completion-types.js';
import { countRepeated } from './merge-repeated.js';
import { type Centering, centerings } from './offsets.js';

/** Options of {@link completeRatings}. */
export interface CompleteRatingsOptions {
  /** Largest rank to try, from 1 to the smaller side of the matrix. Default: 10, or that side if it is smaller. */
  readonly rank?: number;
  /** If true, ends at `rank` even if a lower one predicts better. Default: false. */
  readonly keepRank?: boolean;
  /** Offsets to fit: a mean with a bias for each row and column, the mean alone, or none. Default: `'biases'`. */
  readonly center?: Centering;
  /** Weight λ of the squared factors, in units of what the offsets leave. Default: learned for each component. */
  readonly regularization?: number;
  /** Fraction of the entries set aside to report errors on, from 0 to below 1. Default: 0.1. */
  readonly testFraction?: number;
  /** Fraction of the other entries set aside to choose rank and iteration by, from 0 to below 1. Default: 0.1. */
  readonly validationFraction?: number;
  /** Seed of the splits and of the start. Default: 0. */
  readonly seed?: number;
  /** Maximum number of sweeps over rows and columns in each fit. Default: 200. */
  readonly maxIterations?: number;
  /** Relative change of the RMSE over 3 sweeps below which a fit ends. Default: 5e-4. */
  readonly tolerance?: number;
  /** Times of the entries, by which the latest are set aside instead of random ones. Default: none. */
  readonly byTime?: EntryTimes;
  /** If aborted, ends the sweeps at once; the result is then the best so far. Default: none. */
  readonly signal?: AbortSignalLike;
  /** Callbacks that follow the run. Default: none. */
  readonly watcher?: CompletionWatcher;
}

/** Declares the seed of a completion. The split of the validation entries uses the next one. */
export const seedOption = option<number, { readonly default: number }>({ default: 0 }, (by, name, seed) => {
  checkCount(by, name, seed);
  checkNumber(by, name, seed, { max: Number.MAX_SAFE_INTEGER - 1 });
});

const completeRatingsOptions = declareOptions<CompleteRatingsOptions>()({
  rank: size({ default: 10 }),
  keepRank: flag({ default: false }),
  center: choice(centerings, { default: 'biases' }),
  testFraction: number({ default: 0.1, min: 0, below: 1 }),
  validationFraction: number({ default: 0.1, min: 0, below: 1 }),
  seed: seedOption,
  maxIterations: size({ default: 200 }),
  tolerance: number({ default: 5e-4, min: 0 }),
  regularization: number({ optional: true, min: 0 }),
  byTime: timesOption,
  signal: iterateOptions.options.signal,
  watcher: option({ optional: true }),
});

/** Default options of {@link completeRatings}. */
export const completeRatingsDefaults: Required<Omit<CompleteRatingsOptions, 'regularization' | 'byTime' | 'signal' | 'watcher'>> =
  completeRatingsOptions.defaults;

/** The options with which a completion was computed. */
export type CompletionSettings = Required<Omit<CompleteRatingsOptions, 'regularization' | 'byTime' | 'signal' | 'watcher'>> &
  Pick<CompleteRatingsOptions, 'regularization'>;

const caller = 'completeRatings';

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ConfigError for an invalid option, for a matrix with one row or column, which predicts nothing, or with fewer
 * than two entries, and for repeated entries.
 */
export function completionSettings(matrix: CsrMatrix<HostArray>, options: CompleteRatingsOptions): CompletionSettings {
  checkCsr(caller, matrix);
  const { byTime: _byTime, signal: _signal, watcher: _watcher, ...settings } = completeRatingsOptions.read(caller, options);
  const { rows, columns } = matrix;
  const largest = Math.min(rows, columns);
  checkPredictable(caller, matrix);
  const entries = matrix.columnIndices.length;
  if (entries < fewestEntries)
    throw new ConfigError(`${caller}: expected at least ${fewestEntries} entries, got ${entries}; pass the known entries of the matrix`);
  const repeated = countRepeated(matrix);
  if (repeated > 0)
    throw new ConfigError(`${caller}: expected one entry per place, got ${repeated} more; pass mergeRepeated(matrix).matrix`);
  const rank = options.rank ?? Math.min(settings.rank, largest);
  if (rank > largest)
    throw new ConfigError(`${caller}: rank ${rank} exceeds that of a ${rows}×${columns} matrix; pass rank ${largest} or less`);
  return { ...settings, rank };
}

/** @throws ConfigError for a table with one row or column. */
export function checkPredictable(caller: string, { rows, columns }: CsrMatrix<unknown>): void {
  if (Math.min(rows, columns) > 1) return;
  throw new ConfigError(
    `${caller}: a ${rows}×${columns} matrix has nothing to predict a missing entry from; it needs at least two rows and two columns`,
  );
}

/** Smallest number of entries to fit: fewer have nothing in common that could be told from chance. */
export const fewestEntries = 2;
