/** Fits of the two factorizations, from entries to a model. */
import { declareOptions, flag, number, type Settings, size } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { type PowerOfTwo, scaleBeyondSquares, scaledEntries } from '../completion/value-scale.js';
import { biasedFactorization, biasedFactorizationDefaults, meanRating } from './biased-factorization.js';
import type { FactorizationProblem } from './factorization-problem.js';
import { checkStrengths, implicitFactorization, implicitFactorizationDefaults } from './implicit-factorization.js';
import type { RatingModel } from './rating-model.js';
import { coarseStart, type FactorizedRatings, type FactorSweep, runSweeps, type SweepLimits, sweepLimits } from './run-sweeps.js';

/** Options of {@link factorizeRatings}. */
export interface FactorizeRatingsOptions extends SweepLimits {
  /** Number r of components. Default: 10. */
  readonly rank?: number;
  /**
   * Ridge on the factors, in units of the standard deviation of the ratings: λ of {@link biasedFactorization} divided
   * by it. Default: 5.
   */
  readonly regularization?: number;
  /** Further ridge on the factors for each entry of a row or column, in the same units. Default: 0. */
  readonly entryRegularization?: number;
  /** Ridge on the biases, in numbers of entries. Default: 5. */
  readonly biasRegularization?: number;
  /** If false, there are no biases, and no mean is subtracted. Default: true. */
  readonly biases?: boolean;
}

const factorizeRatingsOptions = declareOptions<FactorizeRatingsOptions>()({
  rank: size({ default: 10 }),
  regularization: number({ default: 5, min: 0 }),
  entryRegularization: number({ default: 0, min: 0 }),
  biasRegularization: number({ default: biasedFactorizationDefaults.biasRegularization, min: 0 }),
  biases: flag({ default: true }),
  ...sweepLimits.options,
});

/** The defaults of {@link factorizeRatings}. */
export const factorizeRatingsDefaults: Required<Omit<FactorizeRatingsOptions, 'start' | 'onSweep' | 'signal'>> =
  factorizeRatingsOptions.defaults;

/**
 * Fits a biased factorization to ratings by alternating least squares. It is the model of {@link completeRatings} with
 * a ridge that is given instead of learned: as fast as such a fit can be, where the ridge is known.
 *
 * @param observed - the known ratings, at most one per place: see {@link mergeRepeated}.
 * @param options - rank, ridges, and when to stop.
 * @returns the model, whose predictions are clipped to the range of the ratings.
 * @throws ConfigError, ShapeError for invalid options, or without entries.
 *
 * @example
 * ```ts
 * import { csrFromTriplets, hostAlgebra } from 'bures';
 * import { factorizeRatings, foldInRow, recommend } from 'bures/problems';
 *
 * const [rowIndices, columnIndices, values] = [[0, 0, 1, 1, 2, 2], [0, 1, 0, 2, 1, 2], [5, 1, 4, 2, 1, 3]];
 * const observed = csrFromTriplets(hostAlgebra(), { rows: 3, columns: 3, rowIndices, columnIndices, values });
 * const { model } = await factorizeRatings(observed, { rank: 1 });
 * console.log(recommend(model, 0, { top: 1, seen: [0, 1] })); // the column that row 0 has not seen
 * const newcomer = foldInRow(model, { columns: [0], values: [5] });
 * console.log(recommend(model, newcomer, { top: 2, seen: [0] }));
 * ```
 * @see biasedFactorization, for the cost.
 */
export async function factorizeRatings(observed: CsrMatrix<HostArray>, options: FactorizeRatingsOptions = {}): Promise<FactorizedRatings> {
  const caller = 'factorizeRatings';
  checkCsr(caller, observed);
  const settings = factorizeRatingsOptions.read(caller, options);
  const la = hostAlgebra();
  const scale = await scaleBeyondSquares(la, observed.values);
  if (scale === undefined) return fitRatings(caller, observed, settings);
  // The factors of a row and a column share the scale of their product.
  const root = scale.factors[0];
  const backSweep = ({ sweep, cost }: FactorSweep): FactorSweep => ({ sweep, cost: scale.back(scale.back(cost)) });
  const { start, onSweep, ...rest } = settings;
  const found = await fitRatings(caller, scaledEntries(observed, scale), {
    ...rest,
    ...(start && { start: la.isArray(start) ? la.scale(1 / root, start) : start }),
    ...(onSweep && { onSweep: (sweep) => onSweep(backSweep(sweep)) }),
  });
  const { cost } = backSweep({ sweep: 0, cost: found.cost });
  return { ...found, cost, sweeps: found.sweeps.map(backSweep), model: modelBack(found.model, scale) };
}

/** Returns a model of ratings in the units of the values. */
function modelBack(model: RatingModel, { back, factors: [root] }: PowerOfTwo): RatingModel {
  const la = hostAlgebra();
  const { mean, left, right, rowBiases, columnBiases, range, rowFit } = model;
  const entryRidge = rowFit.kind === 'ratings' && rowFit.entryRidge !== undefined ? { entryRidge: back(rowFit.entryRidge) } : {};
  return {
    mean: back(mean),
    left: la.scale(root, left),
    right: la.scale(root, right),
    rowBiases: rowBiases.map(back),
    columnBiases: columnBiases.map(back),
    ...(range && { range: [back(range[0]), back(range[1])] as const }),
    rowFit: { ...rowFit, ridge: rowFit.ridge.map(back), ...entryRidge },
  };
}

/** Fits ratings whose squares are within the range of numbers. */
async function fitRatings(
  caller: string,
  observed: CsrMatrix<HostArray>,
  settings: Settings<FactorizeRatingsOptions, keyof typeof factorizeRatingsDefaults>,
): Promise<FactorizedRatings> {
  const { rank, regularization: relative, entryRegularization: perEntry, biasRegularization, biases } = settings;
  const mean = meanRating(caller, observed);
  const [values, center] = [hostAlgebra().peek(observed.values), biases ? mean : 0];
  let [squares, least, greatest] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    squares += (value - center) ** 2;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
  }
  const spread = Math.sqrt(squares / values.length);
  const regularization = relative * spread;
  const entryRegularization = perEntry * spread;
  const problemOf = (part: CsrMatrix<HostArray>): FactorizationProblem =>
    biasedFactorization({ observed: part, rank, regularization, entryRegularization, biasRegularization, biases });
  const problem = problemOf(observed);
  const initial = settings.start === undefined ? await coarseStart(caller, observed, problem, problemOf, spread, settings) : undefined;
  const { factors, unknowns: _unknowns, ...fit } = await runSweeps(caller, problem, spread, { ...settings, initial });
  const ridge = new Float64Array(rank).fill(regularization);
  const rowFit = { kind: 'ratings', ridge, entryRidge: entryRegularization, ...(biases ? { biasRidge: biasRegularization } : {}) } as const;
  return { ...fit, model: { ...factors, mean: center, range: [least, greatest], rowFit } };
}

/** Options of {@link factorizeImplicit}. */
export interface FactorizeImplicitOptions extends SweepLimits {
  /** Number r of components. Default: 10. */
  readonly rank?: number;
  /** Ridge λ on the factors. Default: 10. */
  readonly regularization?: number;
  /** α > 0: feedback of strength s has confidence 1 + α·s. Default: 40. */
  readonly alpha?: number;
}

const factorizeImplicitOptions = declareOptions<FactorizeImplicitOptions>()({
  rank: size({ default: 10 }),
  regularization: number({ default: 10, min: 0 }),
  alpha: number({ default: implicitFactorizationDefaults.alpha, above: 0 }),
  ...sweepLimits.options,
});

/** The defaults of {@link factorizeImplicit}. */
export const factorizeImplicitDefaults: Required<Omit<FactorizeImplicitOptions, 'start' | 'onSweep' | 'signal'>> =
  factorizeImplicitOptions.defaults;

/**
 * Fits a factorization to implicit feedback by weighted alternating least squares.
 *
 * @param observed - the strengths of feedback, each above 0, at most one per place.
 * @param options - rank, ridge, α, and when to stop.
 * @returns the model: its predictions are preferences, near 1 for what a row is likely to take and near 0 for the rest.
 * @throws ConfigError, ShapeError for invalid options, without entries, or for strengths that are not positive.
 * @see implicitFactorization, for the cost.
 */
export async function factorizeImplicit(
  observed: CsrMatrix<HostArray>,
  options: FactorizeImplicitOptions = {},
): Promise<FactorizedRatings> {
  const caller = 'factorizeImplicit';
  checkCsr(caller, observed);
  const settings = factorizeImplicitOptions.read(caller, options);
  checkStrengths(caller, observed);
  const { rank, regularization, alpha } = settings;
  const problem = implicitFactorization({ observed, rank, regularization, alpha });
  const { factors, unknowns: _unknowns, ...fit } = await runSweeps(caller, problem, 1, settings);
  const rowFit = { kind: 'confidence', ridge: new Float64Array(rank).fill(regularization), alpha } as const;
  return { ...fit, model: { ...factors, mean: 0, rowFit } };
}
