/** A completion from its entries to its factors: entries set aside, offsets, the choice of a fit, and that fit again on all but the test entries. */
import { type AbortSignalLike, type CsrMatrix, type FixedRankPoint, type HostArray, hostAlgebra } from '../../index.js';
import { splitEntries } from '../../problems/index.js';
import { type Candidate, type Choice, chooseFit } from './choose-fit.js';
import { type FitPathOptions, type FitStep, type FittedStep, fitPath } from './fit-path.js';
import { type Centering, dampedOffsets, fitOffsets, lessOffsets, type Offsets } from './offsets.js';
import { residualOf, rootMeanSquare } from './sparse-errors.js';

/** What the flags say. */
export interface CompletionSettings {
  readonly rank: number;
  /** Whether to end at `rank` even if a lower one predicts better. */
  readonly keepRank: boolean;
  readonly center: Centering;
  /** Absent: chosen by the validation entries; 0 if there are none. */
  readonly regularization?: number;
  readonly testFraction: number;
  /** Of the entries that are not for the test. */
  readonly validationFraction: number;
  readonly seed: number;
  readonly maxIterations: number;
  readonly tolerance: number;
}

/** Who watches. */
export interface CompletionWatcher {
  /** When the entries are set aside. */
  onSplit(counts: SplitCounts): void;
  /** Before each fit; the last one is on all but the test entries. */
  onFit(fit: { readonly rank: number; readonly regularization: number; readonly final: boolean }): void;
  /** After each iteration. */
  onStep(step: FitStep): void;
  /** After each fit of the choice; `refit` counts those of the biases to what low rank leaves. */
  onTried(candidate: Candidate, refit: number): void;
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

/** The factors, what they were chosen from, and how well they predict. */
export interface Completion {
  readonly x: FixedRankPoint<HostArray>;
  readonly offsets: Offsets;
  readonly regularization: number;
  readonly errors: Errors;
  /** Of the mean alone, and of the mean with a bias for each row and column. */
  readonly baselines: { readonly mean: Errors; readonly biases: Errors };
  readonly counts: SplitCounts;
  readonly test: CsrMatrix<HostArray> | undefined;
  /** Absent without validation entries. */
  readonly choice?: Choice;
  /** The iterations of the fit on all but the test entries. */
  readonly history: readonly FitStep[];
  /** Rows and columns of which nothing was fitted: their own part is zero. */
  readonly unseen: { readonly rows: number; readonly columns: number };
  readonly interrupted: boolean;
}

/** Completes a matrix. After an interruption the result is the best that there was. */
export async function runCompletion(
  matrix: CsrMatrix<HostArray>,
  settings: CompletionSettings,
  watcher: CompletionWatcher,
  signal: AbortSignalLike,
): Promise<Completion> {
  const { seed, center, testFraction, validationFraction } = settings;
  const { kept: known, aside: test } = await setAside(matrix, testFraction, seed);
  const { kept: train, aside: validation } = await setAside(known, validationFraction, seed + 1);
  const size = (part: CsrMatrix<HostArray> | undefined): number => part?.columnIndices.length ?? 0;
  const counts = { train: size(train), validation: size(validation), test: size(test) };
  watcher.onSplit(counts);
  const begin = fitOffsets(train, center, validation);
  const chosen = validation === undefined ? undefined : await choose({ train, validation, begin }, settings, watcher, signal);
  const { choice, offsets } = chosen ?? { offsets: begin };
  const regularization = choice?.best.regularization ?? settings.regularization ?? 0;
  const found = await fitAgain(known, { x: choice?.best.path.best, offsets }, center, watcher, {
    ...limits(choice, settings),
    regularization,
    seed,
    tolerance: settings.tolerance,
    signal,
  });
  const errorsOf = (model: Offsets, x?: FixedRankPoint<HostArray>): Errors => {
    const error = (part: CsrMatrix<HostArray>): number => {
      const rest = lessOffsets(part, model);
      return rootMeanSquare(x === undefined ? rest : residualOf(rest, x));
    };
    return { train: error(known), ...(test === undefined ? {} : { test: error(test) }) };
  };
  const { damping } = center === 'biases' ? offsets : fitOffsets(train, 'biases', validation);
  return {
    ...found,
    regularization,
    errors: errorsOf(found.offsets, found.x),
    baselines: { mean: errorsOf(fitOffsets(known, 'mean')), biases: errorsOf(dampedOffsets(known, damping)) },
    counts,
    test,
    ...(choice === undefined ? {} : { choice }),
    unseen: unseenOf(known),
    interrupted: signal.aborted,
  };
}

/** Fits of the offsets to what low rank leaves, at most, and the gain in validation error that makes another one worth while. */
const [mostRefits, smallGain] = [4, 1e-3];

/**
 * Chooses a fit; where there are biases, they are then fitted to what the low rank leaves, and the low rank to what they leave, as long as that predicts better. Biases of the raw data
 * take the low rank for noise.
 */
async function choose(
  {
    train,
    validation,
    begin,
  }: { readonly train: CsrMatrix<HostArray>; readonly validation: CsrMatrix<HostArray>; readonly begin: Offsets },
  settings: CompletionSettings,
  { onFit, onStep, onTried }: CompletionWatcher,
  signal: AbortSignalLike,
): Promise<{ readonly choice: Choice; readonly offsets: Offsets }> {
  const { rank, seed, maxIterations, tolerance, keepRank, center } = settings;
  const chooseWith = (offsets: Offsets, regularization: number | undefined, refit: number): Promise<Choice> =>
    chooseFit({
      train: lessOffsets(train, offsets),
      watched: lessOffsets(validation, offsets),
      fit: { rank, seed, maxIterations, tolerance, lastRankOnly: keepRank },
      ...(regularization === undefined ? {} : { regularization }),
      signal,
      onCandidate: (lambda) => onFit({ rank, regularization: lambda, final: false }),
      onStep,
      onTried: (candidate) => onTried(candidate, refit),
    });
  let offsets = begin;
  let choice = await chooseWith(offsets, settings.regularization, 0);
  for (let refit = 1; center === 'biases' && refit <= mostRefits && !signal.aborted; refit++) {
    const refitted = dampedOffsets(residualOf(train, choice.best.path.best.x), offsets.damping);
    const { best } = await chooseWith(refitted, choice.best.regularization, refit);
    const [before, after] = [choice.best, best].map(({ path }) => path.best.validationRmse ?? 0);
    if (after < before) {
      offsets = refitted;
      choice = { tried: [...choice.tried, best], best };
    }
    if (after >= (1 - smallGain) * before) break;
  }
  return { choice, offsets };
}

/** A part of the entries for something else; none where the fraction is zero or the draw takes none. */
async function setAside(
  matrix: CsrMatrix<HostArray>,
  fraction: number,
  seed: number,
): Promise<{ readonly kept: CsrMatrix<HostArray>; readonly aside: CsrMatrix<HostArray> | undefined }> {
  if (fraction === 0) return { kept: matrix, aside: undefined };
  const { train, test } = await splitEntries(hostAlgebra(), matrix, { fraction, seed });
  // Of a handful of entries the draw may leave none to fit, or none aside.
  if (train.columnIndices.length === 0 || test.columnIndices.length === 0) return { kept: matrix, aside: undefined };
  return { kept: train, aside: test };
}

/** How far the chosen fit goes: as far as it predicted best, or to its end if it was best there. */
function limits(choice: Choice | undefined, { rank, maxIterations }: CompletionSettings): Pick<FitPathOptions, 'rank' | 'maxIterations'> {
  if (choice === undefined) return { rank, maxIterations };
  const { best, settled } = choice.best.path;
  return { rank: best.rank, maxIterations: settled ? maxIterations : Math.max(1, best.iterationAtRank) };
}

/** The chosen fit on all entries but the test's; what was chosen, if an interruption comes before the rank is reached. */
async function fitAgain(
  known: CsrMatrix<HostArray>,
  chosen: { readonly x: FittedStep | undefined; readonly offsets: Offsets },
  center: Centering,
  { onFit, onStep }: CompletionWatcher,
  options: Omit<FitPathOptions, 'onStep'>,
): Promise<Pick<Completion, 'x' | 'offsets' | 'history'>> {
  const history: FitStep[] = [];
  const { rank, regularization, signal } = options;
  if (chosen.x !== undefined && signal?.aborted) return { x: chosen.x.x, offsets: chosen.offsets, history };
  // Nothing is chosen here any more: the damping is that of the offsets that were.
  const rest = chosen.x === undefined ? known : residualOf(known, chosen.x.x);
  const offsets = center === 'biases' ? dampedOffsets(rest, chosen.offsets.damping) : fitOffsets(known, center);
  onFit({ rank, regularization, final: true });
  const { last } = await fitPath(lessOffsets(known, offsets), {
    ...options,
    onStep(step) {
      history.push(step);
      onStep(step);
    },
  });
  if (chosen.x !== undefined && last.rank < rank) return { x: chosen.x.x, offsets: chosen.offsets, history };
  return { x: last.x, offsets, history };
}

function unseenOf({ rows, columns, rowPointers, columnIndices }: CsrMatrix<HostArray>): Completion['unseen'] {
  const seen = new Uint8Array(columns);
  for (const column of columnIndices) seen[column] = 1;
  let emptyRows = 0;
  for (let i = 0; i < rows; i++) if (rowPointers[i] === rowPointers[i + 1]) emptyRows++;
  return { rows: emptyRows, columns: columns - seen.reduce((sum, flag) => sum + flag, 0) };
}
