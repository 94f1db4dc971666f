/** Completion of implicit feedback: sets entries aside, chooses the ridge, fits all but the test entries, and ranks. */
import { ConfigError } from '../../core/errors.js';
import { declareOptions, number, option, size } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { type AbortSignalLike, iterateOptions } from '../../solvers/run.js';
import type { SplitCounts } from '../completion/completion-types.js';
import { countRepeated } from '../completion/merge-repeated.js';
import { checkPredictable, seedOption } from '../completion/ratings-options.js';
import { setAside } from '../completion/set-aside.js';
import { factorizeImplicit } from './factorize.js';
import { checkStrengths, implicitFactorizationDefaults } from './implicit-factorization.js';
import { type RankingMeasures, rankingMeasures, rankingMeasuresDefaults } from './ranking-measures.js';
import type { RatingModel } from './rating-model.js';
import type { FactorizedRatings, FactorSweep } from './run-sweeps.js';
import { type EntryTimes, timesOption } from './split-by-time.js';

/** A fit of {@link completeImplicit}, as its watcher is told. */
export interface ImplicitStep extends FactorSweep {
  /** Ridge λ of the fit. */
  readonly regularization: number;
  /** True for the fit on all but the test entries. */
  readonly final: boolean;
}

/** A ridge that was tried. */
export interface TriedRidge {
  /** Ridge λ. */
  readonly regularization: number;
  /** NDCG on the validation entries; absent if none of their rows could be ranked. */
  readonly ndcg?: number;
}

/** Options of {@link completeImplicit}. */
export interface CompleteImplicitOptions {
  /** Number of components. Default: 10, or the smaller side of the table if that is less. */
  readonly rank?: number;
  /** α > 0: feedback of strength s has confidence 1 + α·s. Default: 40. */
  readonly alpha?: number;
  /** Ridge λ on the factors. Default: that of a few that ranks the validation entries best. */
  readonly regularization?: number;
  /** Fraction of the entries set aside to report on, from 0 to below 1. Default: 0.1. */
  readonly testFraction?: number;
  /** Fraction of the other entries set aside to choose the ridge by, from 0 to below 1. Default: 0.1. */
  readonly validationFraction?: number;
  /** Times of the entries, by which the latest are set aside instead of random ones. Default: none. */
  readonly byTime?: EntryTimes;
  /** Length of the lists by which rankings are measured. Default: 10. */
  readonly top?: number;
  /** Largest number of rows by which a ranking is measured. Default: 2000. */
  readonly maxRows?: number;
  /** Seed of the splits and of the start. Default: 0. */
  readonly seed?: number;
  /** Maximum number of sweeps in each fit. Default: 15. */
  readonly maxSweeps?: number;
  /** Called after each sweep. Default: nothing. */
  readonly onSweep?: (step: ImplicitStep) => void;
  /** If aborted, ends after the current sweep, with the best result so far. Default: none. */
  readonly signal?: AbortSignalLike;
}

const fraction = { default: 0.1, min: 0, below: 1 } as const;

const completeImplicitOptions = declareOptions<CompleteImplicitOptions>()({
  rank: size({ default: 10 }),
  alpha: number({ default: implicitFactorizationDefaults.alpha, above: 0 }),
  regularization: number({ optional: true, min: 0 }),
  testFraction: number(fraction),
  validationFraction: number(fraction),
  byTime: timesOption,
  top: size({ default: rankingMeasuresDefaults.top }),
  maxRows: size({ default: 2000 }),
  seed: seedOption,
  maxSweeps: size({ default: 15 }),
  onSweep: option({ optional: true }),
  signal: iterateOptions.options.signal,
});

/** The defaults of {@link completeImplicit}. */
export const completeImplicitDefaults: Required<Omit<CompleteImplicitOptions, 'regularization' | 'byTime' | 'onSweep' | 'signal'>> =
  completeImplicitOptions.defaults;

/** Result of {@link completeImplicit}. */
export interface ImplicitCompletion {
  /** The model. */
  readonly model: RatingModel;
  /** Ridge λ of the model. */
  readonly regularization: number;
  /** Ridges that were tried; empty if the ridge was given, or without validation entries. */
  readonly tried: readonly TriedRidge[];
  /** Sweeps of the fit on all but the test entries. */
  readonly sweeps: readonly FactorSweep[];
  /** Measures on the test entries; absent if none of their rows could be ranked. */
  readonly ranking?: RankingMeasures;
  /** The same measures of the columns in the order of their number of entries, for every row. */
  readonly popularity?: RankingMeasures;
  /** Number of entries of each kind. */
  readonly counts: SplitCounts;
  /** The test entries; `undefined` without them. */
  readonly test: CsrMatrix<HostArray> | undefined;
  /** True if `signal` ended the run. */
  readonly interrupted: boolean;
}

/**
 * Ridges to try, each from the factors of the one before: upwards, since a component that a large ridge has made vanish
 * would not come back.
 */
const ridges = [0.3, 1, 3, 10, 30, 100, 300] as const;

/** Ridge where there is nothing to choose by. */
const usualRidge = 10;

/**
 * Completes a table of implicit feedback: chooses the ridge by the ranking of the validation entries, fits all but the
 * test entries by {@link factorizeImplicit}, and ranks those, beside the columns in the order of their popularity.
 *
 * @param matrix - the strengths of feedback, m×n, m and n at least 2; each above 0, at most one per place: see
 * {@link mergeRepeated}.
 * @returns the model, and what it is worth.
 * @throws ConfigError for an invalid option, for a table with one row or column, for strengths that are not positive,
 * if too few entries are left to fit, or if two share a place.
 */
export async function completeImplicit(matrix: CsrMatrix<HostArray>, options: CompleteImplicitOptions = {}): Promise<ImplicitCompletion> {
  const caller = 'completeImplicit';
  checkCsr(caller, matrix);
  const settings = completeImplicitOptions.read(caller, options);
  const { alpha, testFraction, validationFraction, byTime, top, maxRows, seed, maxSweeps, onSweep, signal } = settings;
  checkStrengths(caller, matrix);
  checkPredictable(caller, matrix);
  const repeated = countRepeated(matrix);
  if (repeated > 0)
    throw new ConfigError(`${caller}: expected one entry per place, got ${repeated} more; pass mergeRepeated(matrix).matrix`);
  const largest = Math.min(matrix.rows, matrix.columns);
  const rank = options.rank ?? Math.min(settings.rank, largest);
  if (rank > largest)
    throw new ConfigError(`${caller}: rank ${rank} exceeds that of a ${matrix.rows}×${matrix.columns} table; pass rank ${largest} or less`);
  const outer = await setAside(caller, matrix, { fraction: testFraction, seed, purpose: 'test', byTime });
  const inner = await setAside(caller, outer.kept, {
    fraction: validationFraction,
    seed: seed + 1,
    purpose: 'validation',
    byTime: outer.keptTimes,
  });
  const [train, validation, test] = [inner.kept, inner.aside, outer.aside];
  const fitTo = async (data: CsrMatrix<HostArray>, regularization: number, final: boolean, start?: HostArray): Promise<FactorizedRatings> =>
    factorizeImplicit(data, {
      rank,
      alpha,
      regularization,
      seed,
      maxSweeps,
      ...(start === undefined ? {} : { start }),
      ...(signal === undefined ? {} : { signal }),
      onSweep(sweep) {
        onSweep?.({ ...sweep, regularization, final });
        return undefined;
      },
    });
  const given = settings.regularization;
  const { best, tried } =
    given === undefined && validation !== undefined
      ? await chosenRidge(
          (regularization, start) => fitTo(train, regularization, false, start),
          async (model) => (await rankingMeasures(model, { known: train, test: validation, top, maxRows, seed }))?.ndcg,
          signal,
        )
      : { best: { regularization: given ?? usualRidge, start: undefined }, tried: [] };
  const { model, sweeps } = await fitTo(outer.kept, best.regularization, true, best.start);
  const measured = async (one: RatingModel) =>
    test === undefined ? undefined : rankingMeasures(one, { known: outer.kept, test, top, maxRows, seed });
  const [ranking, popularity] = [await measured(model), await measured(popularityModel(outer.kept))];
  const size = (part: CsrMatrix<HostArray> | undefined): number => part?.columnIndices.length ?? 0;
  return {
    model,
    regularization: best.regularization,
    tried,
    sweeps,
    ...(ranking === undefined ? {} : { ranking }),
    ...(popularity === undefined ? {} : { popularity }),
    counts: { train: size(train), validation: size(validation), test: size(test) },
    test,
    interrupted: signal?.aborted === true,
  };
}

/**
 * Chooses the ridge that ranks best, from the smallest up. Two in a row that rank worse than the best are taken for the
 * descent beyond it.
 */
async function chosenRidge(
  fitTo: (regularization: number, start: HostArray | undefined) => Promise<FactorizedRatings>,
  ndcgOf: (model: RatingModel) => Promise<number | undefined>,
  signal: AbortSignalLike | undefined,
): Promise<{
  readonly best: { readonly regularization: number; readonly start: HostArray | undefined };
  readonly tried: readonly TriedRidge[];
}> {
  const tried: TriedRidge[] = [];
  let best = { regularization: usualRidge as number, ndcg: Number.NEGATIVE_INFINITY, start: undefined as HostArray | undefined };
  let start: HostArray | undefined;
  let worse = 0;
  for (const regularization of ridges) {
    if (signal?.aborted || worse === 2) break;
    const { model } = await fitTo(regularization, start);
    const ndcg = await ndcgOf(model);
    tried.push({ regularization, ...(ndcg === undefined ? {} : { ndcg }) });
    if (ndcg === undefined) break;
    start = model.right;
    if (ndcg > best.ndcg) [best, worse] = [{ regularization, ndcg, start }, 0];
    else worse++;
  }
  return { best, tried };
}

/** Returns a model that ranks columns by their number of entries, whatever the row. */
export function popularityModel({ rows, columns, columnIndices }: CsrMatrix<HostArray>): RatingModel {
  const la = hostAlgebra();
  const columnBiases = new Float64Array(columns);
  for (const column of columnIndices) columnBiases[column]++;
  const [left, right] = [la.fromArray([], [rows, 0]), la.fromArray([], [columns, 0])];
  const rowFit = { kind: 'ratings', ridge: new Float64Array(0) } as const;
  return { mean: 0, rowBiases: new Float64Array(rows), columnBiases, left, right, rowFit };
}
