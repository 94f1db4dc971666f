/** A completion from its entries to its factors: entries set aside, the choice of a model, and that model fitted to all but the test entries. */
import { ConfigError } from '../../core/errors.js';
import { type AbortSignalLike, type CsrMatrix, type FixedRankPoint, type HostArray, hostAlgebra } from '../../index.js';
import { additiveState, splitEntries, stateError, type TwoWayEntries, twoWayEntries, type VariationalState } from '../../problems/index.js';
import { type Candidate, type Choice, chooseFit, ridgeOf } from './choose-fit.js';
import { modelOf } from './completion-result.js';
import { type FitStep, fitPath } from './fit-path.js';
import type { Centering, Offsets } from './offsets.js';
import { type PowerOfTwo, scaledEntries, sizeOf } from './value-scale.js';

/** What the flags say. */
export interface CompletionSettings {
  readonly rank: number;
  /** Whether to end at `rank` even if a lower one predicts better. */
  readonly keepRank: boolean;
  readonly center: Centering;
  /** Absent: learned from the entries. */
  readonly regularization?: number;
  readonly testFraction: number;
  /** Of the entries that are not for the test. */
  readonly validationFraction: number;
  readonly seed: number;
  readonly maxIterations: number;
  readonly tolerance: number;
}

/** Who watches. Errors are in units of the values. */
export interface CompletionWatcher {
  /** When the entries are set aside. */
  onSplit(counts: SplitCounts): void;
  /** Before each fit; the last one is on all but the test entries. */
  onFit(fit: { readonly rank: number; readonly final: boolean }): void;
  /** After each sweep. */
  onStep(step: FitStep): void;
  /** After each model of the choice. */
  onTried(candidate: TriedModel): void;
}

/** Entries of each kind. */
export interface SplitCounts {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** Root mean squares of errors. */
export interface Errors {
  /** Over the entries fitted in the end: all but the test entries. */
  readonly train: number;
  /** Absent without test entries. */
  readonly test?: number;
}

/** A model that was tried, in numbers. */
export interface TriedModel {
  readonly rank: number;
  readonly validationRmse?: number;
  readonly steps: readonly FitStep[];
}

/** The factors, what they were chosen from, and how well they predict. */
export interface Completion {
  /** Of rank 0, with factors of no columns, where offsets alone predict best. */
  readonly x: FixedRankPoint<HostArray>;
  readonly offsets: Offsets;
  /** λ: what was given, or the mean over the components of what was learned; absent at rank 0. */
  readonly regularization?: number;
  /** Standard deviation of the noise that was learned. */
  readonly noise: number;
  readonly errors: Errors;
  /** Of the mean alone, and of the mean with a bias for each row and column. */
  readonly baselines: { readonly mean: Errors; readonly biases: Errors };
  readonly counts: SplitCounts;
  readonly test: CsrMatrix<HostArray> | undefined;
  /** Absent without validation entries. */
  readonly choice?: { readonly tried: readonly TriedModel[]; readonly best: TriedModel };
  /** The sweeps of the fit on all but the test entries. */
  readonly history: readonly FitStep[];
  /** Rows and columns of which nothing was fitted: their own part is zero. */
  readonly unseen: { readonly rows: number; readonly columns: number };
  readonly interrupted: boolean;
}

/** Sweeps of a chosen model over all but the test entries, from where the choice left it; the offsets alone are cheap. */
const finalSweeps = { components: 3, offsets: 5 } as const;

/**
 * Completes a matrix. After an interruption the result is the best that there was.
 *
 * @throws ConfigError where too few entries are left to fit; NumericalError where the result does not fit into float64.
 */
export async function runCompletion(
  matrix: CsrMatrix<HostArray>,
  settings: CompletionSettings,
  watcher: CompletionWatcher,
  signal: AbortSignalLike,
): Promise<Completion> {
  const { seed, testFraction, validationFraction, maxIterations } = settings;
  const scale = sizeOf(matrix.values);
  const { kept: known, aside: test } = await setAside(scaledEntries(matrix, scale), testFraction, seed, 'test');
  const { kept: train, aside: validation } = await setAside(known, validationFraction, seed + 1, 'validation');
  const size = (part: CsrMatrix<HostArray> | undefined): number => part?.columnIndices.length ?? 0;
  const counts = { train: size(train), validation: size(validation), test: size(test) };
  watcher.onSplit(counts);
  const inUnits = (step: FitStep): FitStep => stepInUnits(step, scale);
  watcher.onFit({ rank: settings.rank, final: false });
  const trainData = twoWayEntries(train);
  const chosen = await chooseFit(trainData, {
    ...settings,
    ...(validation === undefined ? {} : { watched: validation }),
    signal,
    onStep: (step) => watcher.onStep(inUnits(step)),
    onTried: (candidate) => watcher.onTried(inNumbers(candidate, scale)),
  });
  const data = validation === undefined ? trainData : twoWayEntries(known);
  const biases = await biasesAlone(data, settings.center === 'biases' ? chosen.additive : undefined, signal);
  const history: FitStep[] = [];
  let state = chosen.best.state;
  if (chosen.best.rank === 0 && settings.center === 'biases') state = biases;
  else if (validation !== undefined && !signal.aborted) {
    watcher.onFit({ rank: state.rank, final: true });
    // The variances stay those that predicted best.
    const final = await fitPath(data, settings.center === 'mean' ? { ...state, mean: meanOf(known) } : state, {
      ...ridgeOf(settings.regularization, chosen.additive),
      learn: false,
      keepRank: true,
      maxIterations: Math.min(maxIterations, state.rank === 0 ? 1 : finalSweeps.components),
      tolerance: 0,
      signal,
      onStep(step) {
        history.push(inUnits(step));
        watcher.onStep(inUnits(step));
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

/** Mean and biases of all but the test entries, with the variances of those that were fitted to choose by. */
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

/** λ as it was given, or the mean over the components of what the variances say, in units of what the offsets leave. */
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

/** Fewer than these have nothing in common that could be told from chance. */
const fewestEntries = 2;

/**
 * A part of the entries for something else; none where the fraction is zero.
 *
 * @throws ConfigError where it leaves too few to fit.
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
      `complete: --${purpose}-fraction ${fraction} of ${matrix.columnIndices.length} entries leaves ${left} to fit, and ${fewestEntries} are the least; pass a smaller one, or 0 to set none aside`,
    );
  }
  // Of a handful of entries the draw may leave none aside.
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
