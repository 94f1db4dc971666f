/**
 * Completion of ratings from entries to factors: sets entries aside, chooses a model, and fits it to all but the test
 * entries.
 */
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { AbortSignalLike } from '../../solvers/run.js';
import { additiveState } from '../variational-additive.js';
import { stateError, type VariationalState } from '../variational-completion.js';
import { type TwoWayEntries, twoWayEntries } from '../variational-entries.js';
import { type Candidate, type Choice, chooseFit, ridgeOf } from './choose-fit.js';
import { modelOf } from './completion-result.js';
import type { Completion, Errors, TriedModel } from './completion-types.js';
import { type FitStep, fitPath } from './fit-path.js';
import { type CompleteRatingsOptions, completionSettings } from './ratings-options.js';
import { setAside } from './set-aside.js';
import { type PowerOfTwo, scaledEntries, sizeOf } from './value-scale.js';

const caller = 'completeRatings';

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
  const { signal = neverAborted, watcher = {}, byTime } = options;
  const { seed, testFraction, validationFraction, maxIterations } = settings;
  const scale = sizeOf(matrix.values);
  const outer = await setAside(caller, scaledEntries(matrix, scale), { fraction: testFraction, seed, purpose: 'test', byTime });
  const { kept: known, aside: test, keptTimes } = outer;
  const inner = { fraction: validationFraction, seed: seed + 1, purpose: 'validation', byTime: keptTimes } as const;
  const { kept: train, aside: validation } = await setAside(caller, known, inner);
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
    known: scaledEntries(known, { into: scale.back }),
    test: test === undefined ? undefined : scaledEntries(test, { into: scale.back }),
    ...(validation === undefined ? {} : { choice: choiceInNumbers(chosen, scale) }),
    history: validation === undefined ? chosen.best.steps.map(inUnits) : history,
    range: rangeOf(matrix.values),
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

function meanOf({ values, columnIndices }: CsrMatrix<HostArray>): number {
  return hostAlgebra().total(values) / columnIndices.length;
}

/** Returns the least and the greatest value. */
function rangeOf(values: HostArray): readonly [number, number] {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of hostAlgebra().peek(values)) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return [least, greatest];
}

function unseenOf({ rows, columns, rowPointers, columnIndices }: CsrMatrix<HostArray>): Completion['unseen'] {
  const seen = new Uint8Array(columns);
  for (const column of columnIndices) seen[column] = 1;
  let emptyRows = 0;
  for (let i = 0; i < rows; i++) if (rowPointers[i] === rowPointers[i + 1]) emptyRows++;
  return { rows: emptyRows, columns: columns - seen.reduce((sum, flag) => sum + flag, 0) };
}
