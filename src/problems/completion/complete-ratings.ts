/**
 * Completion of ratings from entries to factors: sets entries aside, chooses a model, and fits it to all but the test
 * entries.
 */
import { ConfigError } from '../../core/errors.js';
import { checkNumber, choice, count, declareOptions, flag, number, option, size } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FixedRankPoint } from '../../metrics/fixed-rank-metric.js';
import { type AbortSignalLike, iterateOptions } from '../../solvers/run.js';
import { splitEntries } from '../split-entries.js';
import { additiveState } from '../variational-additive.js';
import { stateError, type VariationalState } from '../variational-completion.js';
import { type TwoWayEntries, twoWayEntries } from '../variational-entries.js';
import { type Candidate, type Choice, chooseFit, ridgeOf } from './choose-fit.js';
import { modelOf } from './completion-result.js';
import { type FitStep, fitPath } from './fit-path.js';
import { countRepeated } from './merge-repeated.js';
import { type Centering, centerings, type Offsets } from './offsets.js';
import { type PowerOfTwo, scaledEntries, sizeOf } from './value-scale.js';

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
  /** If aborted, ends the sweeps at once; the result is then the best so far. Default: none. */
  readonly signal?: AbortSignalLike;
  /** Callbacks that follow the run. Default: none. */
  readonly watcher?: CompletionWatcher;
}

const completeRatingsOptions = declareOptions<CompleteRatingsOptions>()({
  rank: size({ default: 10 }),
  keepRank: flag({ default: false }),
  center: choice(centerings, { default: 'biases' }),
  testFraction: number({ default: 0.1, min: 0, below: 1 }),
  validationFraction: number({ default: 0.1, min: 0, below: 1 }),
  seed: count({ default: 0 }),
  maxIterations: size({ default: 200 }),
  tolerance: number({ default: 5e-4, min: 0 }),
  regularization: number({ optional: true, min: 0 }),
  signal: iterateOptions.options.signal,
  watcher: option({ optional: true }),
});

/** Default options of {@link completeRatings}. */
export const completeRatingsDefaults: Required<Omit<CompleteRatingsOptions, 'regularization' | 'signal' | 'watcher'>> =
  completeRatingsOptions.defaults;

/** The options with which a completion was computed. */
export type CompletionSettings = Required<Omit<CompleteRatingsOptions, 'regularization' | 'signal' | 'watcher'>> &
  Pick<CompleteRatingsOptions, 'regularization'>;

/** Callbacks of {@link completeRatings}. Errors are in units of the values. */
export interface CompletionWatcher {
  /** Called when the entries have been set aside. */
  onSplit?(counts: SplitCounts): void;
  /** Called before each fit; the last one is on all but the test entries. */
  onFit?(fit: { readonly rank: number; readonly final: boolean }): void;
  /** Called after each sweep. */
  onStep?(step: FitStep): void;
  /** Called after each model that was tried. */
  onTried?(candidate: TriedModel): void;
}

/** Number of entries of each kind. */
export interface SplitCounts {
  /** Number of entries that the models to choose from are fitted to. */
  readonly train: number;
  /** Number of entries that rank and iteration are chosen by. */
  readonly validation: number;
  /** Number of entries that errors are reported on. */
  readonly test: number;
}

/** Root mean square errors. */
export interface Errors {
  /** Error over the entries of the final fit: all but the test entries. */
  readonly train: number;
  /** Error over the test entries; absent without them. */
  readonly test?: number;
}

const caller = 'completeRatings';

/** Rank, error and sweeps of a model that was tried. */
export interface TriedModel {
  /** Rank it ended with. */
  readonly rank: number;
  /** Root mean square error over the validation entries; absent without them. */
  readonly validationRmse?: number;
  /** Sweeps of its fit. */
  readonly steps: readonly FitStep[];
}

/** Result of {@link completeRatings}: factors and offsets, the models they were chosen from, and their errors. */
export interface Completion {
  /** Low-rank part; of rank 0, with factors of no columns, if offsets alone predict best. */
  readonly x: FixedRankPoint<HostArray>;
  /** Mean and biases. */
  readonly offsets: Offsets;
  /** λ as given, or the mean of the learned values over the components; absent at rank 0. */
  readonly regularization?: number;
  /** Learned standard deviation of the noise. */
  readonly noise: number;
  /** Errors of the model. */
  readonly errors: Errors;
  /** Errors of the mean alone, and of the mean with a bias for each row and column. */
  readonly baselines: {
    /** Errors of the mean alone. */
    readonly mean: Errors;
    /** Errors of the mean with the biases. */
    readonly biases: Errors;
  };
  /** Number of entries of each kind. */
  readonly counts: SplitCounts;
  /** The test entries; `undefined` without them. */
  readonly test: CsrMatrix<HostArray> | undefined;
  /** Models that were tried, and the best of them; absent without validation entries. */
  readonly choice?: {
    /** Models in the order in which they were tried. */
    readonly tried: readonly TriedModel[];
    /** The model with the least error over the validation entries. */
    readonly best: TriedModel;
  };
  /** Sweeps of the fit on all but the test entries. */
  readonly history: readonly FitStep[];
  /** Number of rows and columns without fitted entries; their own part of the model is zero. */
  readonly unseen: {
    /** Number of rows without fitted entries. */
    readonly rows: number;
    /** Number of columns without fitted entries. */
    readonly columns: number;
  };
  /** True if `signal` ended the run. */
  readonly interrupted: boolean;
}

/**
 * Sweeps of the final fit over all but the test entries, which starts from the chosen model; offsets alone are cheap.
 */
const finalSweeps = { components: 3, offsets: 5 } as const;

/**
 * Completes a matrix from noisy entries, such as ratings, by a mean, a bias for each row and column, and a matrix of
 * low rank on top of them, whose components are shrunk as much as the entries call for. The rank, possibly 0, and the
 * sweep are those that predict the validation entries best; the model is then fitted to all but the test entries.
 *
 * @param matrix - the known entries of an m×n matrix, m and n at least 2, at most one per place: see
 * {@link mergeRepeated}.
 * @param options - see {@link CompleteRatingsOptions}.
 * @returns factors, offsets and errors. The cost of a sweep is that of {@link variationalSweeps}.
 * @throws ConfigError for an invalid option, if too few entries are left to fit, or if two share a place;
 * NumericalError if the result does not fit into float64.
 * @see Lim and Teh, "Variational Bayesian approach to movie rating prediction", KDD Cup 2007.
 */
export async function completeRatings(matrix: CsrMatrix<HostArray>, options: CompleteRatingsOptions = {}): Promise<Completion> {
  const settings = completionSettings(matrix, options);
  const { signal = neverAborted, watcher = {} } = options;
  const { seed, testFraction, validationFraction, maxIterations } = settings;
  const scale = sizeOf(matrix.values);
  const { kept: known, aside: test } = await setAside(scaledEntries(matrix, scale), testFraction, seed, 'test');
  const { kept: train, aside: validation } = await setAside(known, validationFraction, seed + 1, 'validation');
  const size = (part: CsrMatrix<HostArray> | undefined): number => part?.columnIndices.length ?? 0;
  const counts = { train: size(train), validation: size(validation), test: size(test) };
  watcher.onSplit?.(counts);
  const inUnits = (step: FitStep): FitStep => stepInUnits(step, scale);
  watcher.onFit?.({ rank: settings.rank, final: false });
  const trainData = twoWayEntries(train);
  const chosen = await chooseFit(trainData, {
    ...settings,
    ...(validation === undefined ? {} : { watched: validation }),
    signal,
    onStep: (step) => watcher.onStep?.(inUnits(step)),
    onTried: (candidate) => watcher.onTried?.(inNumbers(candidate, scale)),
  });
  const data = validation === undefined ? trainData : twoWayEntries(known);
  const biases = await biasesAlone(data, settings.center === 'biases' ? chosen.additive : undefined, signal);
  const history: FitStep[] = [];
  let state = chosen.best.state;
  if (chosen.best.rank === 0 && settings.center === 'biases') state = biases;
  else if (validation !== undefined && !signal.aborted) {
    watcher.onFit?.({ rank: state.rank, final: true });
    // The variances that predicted best are kept.
    const final = await fitPath(data, settings.center === 'mean' ? { ...state, mean: meanOf(known) } : state, {
      ...ridgeOf(settings.regularization, chosen.additive),
      learn: false,
      keepRank: true,
      maxIterations: Math.min(maxIterations, state.rank === 0 ? 1 : finalSweeps.components),
      tolerance: 0,
      signal,
      onStep(step) {
        history.push(inUnits(step));
        watcher.onStep?.(inUnits(step));
      },
    });
    state = final?.state ?? state;
  }
  const errorsOf = (error: (part: CsrMatrix<HostArray>) => number): Errors => ({
    train: scale.back(error(known)),
    ...(test === undefined ? {} : { test: scale.back(error(test)) }),
  });
  const mean = await additiveState(data, { centered: true, biases: false });
  return {
    ...modelOf(state, [matrix.rows, matrix.columns], scale),
    ...regularizationOf(state, settings.regularization, chosen.additive),
    noise: scale.back(Math.sqrt(state.variances.noise)),
    errors: errorsOf((part) => stateError(state, part)),
    baselines: { mean: errorsOf((part) => stateError(mean, part)), biases: errorsOf((part) => stateError(biases, part)) },
    counts,
    test: test === undefined ? undefined : scaledEntries(test, { into: scale.back }),
    ...(validation === undefined ? {} : { choice: choiceInNumbers(chosen, scale) }),
    history: validation === undefined ? chosen.best.steps.map(inUnits) : history,
    unseen: unseenOf(known),
    interrupted: signal.aborted,
  };
}

/** Fits mean and biases to all but the test entries, with the variances of `begin` if it is given. */
async function biasesAlone(data: TwoWayEntries, begin: VariationalState | undefined, signal: AbortSignalLike): Promise<VariationalState> {
  if (begin === undefined) return additiveState(data, { centered: true, biases: true, signal });
  const path = await fitPath(data, begin, {
    learn: false,
    keepRank: true,
    maxIterations: finalSweeps.offsets,
    tolerance: 1e-7,
    signal,
    onStep: () => undefined,
  });
  return path?.state ?? begin;
}

/** Returns λ as given, or its mean over the components from the variances, in units of what the offsets leave. */
function regularizationOf(
  { rank, variances }: VariationalState,
  given: number | undefined,
  additive: VariationalState,
): { readonly regularization?: number } {
  if (rank === 0) return {};
  if (given !== undefined) return { regularization: given };
  const unit = Math.sqrt(additive.variances.noise);
  let sum = 0;
  for (let p = 0; p < rank; p++) sum += variances.noise / Math.sqrt(variances.rows[p] * variances.columns[p]) / unit;
  return { regularization: sum / rank };
}

function stepInUnits(step: FitStep, { back }: PowerOfTwo): FitStep {
  const { validationRmse } = step;
  return { ...step, trainRmse: back(step.trainRmse), ...(validationRmse === undefined ? {} : { validationRmse: back(validationRmse) }) };
}

function inNumbers({ rank, validationRmse, steps }: Candidate, scale: PowerOfTwo): TriedModel {
  return {
    rank,
    ...(validationRmse === undefined ? {} : { validationRmse: scale.back(validationRmse) }),
    steps: steps.map((step) => stepInUnits(step, scale)),
  };
}

function choiceInNumbers({ tried, best }: Choice, scale: PowerOfTwo): NonNullable<Completion['choice']> {
  const models = tried.map((candidate) => inNumbers(candidate, scale));
  return { tried: models, best: models[tried.indexOf(best)] };
}

/** Default signal, which is never aborted. */
const neverAborted: AbortSignalLike = { aborted: false };

/**
 * Checks the options and fills in the defaults.
 *
 * @throws ConfigError for an invalid option, for a matrix with one row or column, which predicts nothing, or with fewer
 * than two entries, and for repeated entries.
 */
function completionSettings(matrix: CsrMatrix<HostArray>, options: CompleteRatingsOptions): CompletionSettings {
  checkCsr(caller, matrix);
  const { signal: _signal, watcher: _watcher, ...settings } = completeRatingsOptions.read(caller, options);
  // The split of the validation entries uses the next seed.
  checkNumber(caller, 'seed', settings.seed, { max: Number.MAX_SAFE_INTEGER - 1 });
  const { rows, columns } = matrix;
  const largest = Math.min(rows, columns);
  if (largest === 1) {
    throw new ConfigError(
      `${caller}: a ${rows}×${columns} matrix has nothing to predict a missing entry from; it needs at least two rows and two columns`,
    );
  }
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

/** Smallest number of entries to fit: fewer have nothing in common that could be told from chance. */
const fewestEntries = 2;

/**
 * Sets a part of the entries aside; none if the fraction is zero.
 *
 * @throws ConfigError if too few are left to fit.
 */
async function setAside(
  matrix: CsrMatrix<HostArray>,
  fraction: number,
  seed: number,
  purpose: 'test' | 'validation',
): Promise<{ readonly kept: CsrMatrix<HostArray>; readonly aside: CsrMatrix<HostArray> | undefined }> {
  if (fraction === 0) return { kept: matrix, aside: undefined };
  const { train, test } = await splitEntries(hostAlgebra(), matrix, { fraction, seed });
  const left = train.columnIndices.length;
  if (left < fewestEntries) {
    throw new ConfigError(
      `${caller}: ${purpose}Fraction (--${purpose}-fraction of the command) ${fraction} of ${matrix.columnIndices.length} entries leaves ${left} to fit, and ${fewestEntries} are the least; pass a smaller one, or 0 to set none aside`,
    );
  }
  // With a handful of entries, the draw may set none aside.
  return test.columnIndices.length === 0 ? { kept: matrix, aside: undefined } : { kept: train, aside: test };
}

function meanOf({ values, columnIndices }: CsrMatrix<HostArray>): number {
  return hostAlgebra().total(values) / columnIndices.length;
}

function unseenOf({ rows, columns, rowPointers, columnIndices }: CsrMatrix<HostArray>): Completion['unseen'] {
  const seen = new Uint8Array(columns);
  for (const column of columnIndices) seen[column] = 1;
  let emptyRows = 0;
  for (let i = 0; i < rows; i++) if (rowPointers[i] === rowPointers[i + 1]) emptyRows++;
  return { rows: emptyRows, columns: columns - seen.reduce((sum, flag) => sum + flag, 0) };
}
