/**
 * Low-rank problems, each with cost, gradient and Hessian–vector product on any geometry of rank-r matrices; the matrix
 * itself is never formed.
 *
 * @module bures/problems
 */
export type { InParts } from '../core/event-loop.js';
export {
  type AlternatingLeastSquaresOptions,
  type AlternatingLeastSquaresResult,
  type AlternatingSweep,
  alternatingLeastSquares,
  alternatingLeastSquaresDefaults,
  alternatingSweeps,
} from './alternating-least-squares.js';
export { completeMatrix } from './complete-matrix.js';
export {
  type CompleteMatrixOptions,
  type CompletionProgress,
  type CompletionResult,
  completeMatrixDefaults,
} from './complete-matrix-options.js';
export { completeRatings } from './completion/complete-ratings.js';
export type { Completion, CompletionWatcher, Errors, SplitCounts, TriedModel } from './completion/completion-types.js';
export type { FitStep } from './completion/fit-path.js';
export { type MergedEntries, mergeRepeated } from './completion/merge-repeated.js';
export { type Centering, centerings, type Offsets } from './completion/offsets.js';
export { type CompleteRatingsOptions, type CompletionSettings, completeRatingsDefaults } from './completion/ratings-options.js';
export { sampledFixedRank } from './completion/sampled.js';
export { type LowRankApproximationOptions, lowRankApproximation } from './low-rank-approximation.js';
export {
  type LowRankManifold,
  type LowRankPoint,
  type LowRankProblem,
  type LowRankTangent,
  lowRankProblem,
  type MatrixCost,
  type MatrixCostAt,
  type MatrixResiduals,
} from './low-rank-problem.js';
export { type MatrixCompletionOptions, matrixCompletion } from './matrix-completion.js';
export { type MatrixIrlsOptions, matrixIrls, matrixIrlsDefaults } from './matrix-irls.js';
export { type MatrixSensingOptions, type Measurements, matrixSensing, rankOneMeasurements } from './matrix-sensing.js';
export { type RaiseRankOptions, raiseRank } from './raise-rank.js';
export {
  type BiasedFactorizationOptions,
  biasedFactorization,
  biasedFactorizationDefaults,
} from './recommender/biased-factorization.js';
export {
  type CompleteImplicitOptions,
  completeImplicit,
  completeImplicitDefaults,
  type ImplicitCompletion,
  type ImplicitStep,
  popularityModel,
  type TriedRidge,
} from './recommender/complete-implicit.js';
export { type CompletedParts, completionModel, rowPrior } from './recommender/completion-model.js';
export { type FactorizationProblem, factorSweeps, type SolvedRows } from './recommender/factorization-problem.js';
export {
  type FactorizeImplicitOptions,
  type FactorizeRatingsOptions,
  factorizeImplicit,
  factorizeImplicitDefaults,
  factorizeRatings,
  factorizeRatingsDefaults,
} from './recommender/factorize.js';
export { type FoldInOptions, foldInRow } from './recommender/fold-in.js';
export {
  type ImplicitFactorizationOptions,
  implicitFactorization,
  implicitFactorizationDefaults,
} from './recommender/implicit-factorization.js';
export {
  type RankingMeasures,
  type RankingMeasuresOptions,
  rankingMeasures,
  rankingMeasuresDefaults,
} from './recommender/ranking-measures.js';
export { type FoldedRow, predictRatings, type RatingModel, type RowFit, unknownIndex } from './recommender/rating-model.js';
export { predictRow, type Recommendation, type RecommendOptions, recommend, recommendDefaults } from './recommender/recommend.js';
export type { FactorizedRatings, FactorSweep, SweepLimits } from './recommender/run-sweeps.js';
export {
  type EntryTimes,
  type SplitByTimeOptions,
  splitByTime,
  splitByTimeDefaults,
  type TimeSpan,
  type TimeSplit,
  timeSpans,
} from './recommender/split-by-time.js';
export { type ReducedRankRegressionOptions, reducedRankRegression } from './reduced-rank-regression.js';
export { type RobustPcaOptions, robustPca } from './robust-pca.js';
export { type SpectralInitializationOptions, spectralInitialization, spectralInitializationDefaults } from './spectral-initialization.js';
export { type EntrySplit, type SplitEntriesOptions, splitEntries } from './split-entries.js';
export { type AdditiveOptions, additiveState } from './variational-additive.js';
export type { Alignment } from './variational-alignment.js';
export {
  type Learned,
  learnVariances,
  type SweepOptions,
  type SweepSums,
  stateError,
  stateResiduals,
  sweepParts,
  unknownsOf,
  type Variances,
  type VariationalState,
} from './variational-completion.js';
export { type AddedComponents, firstComponents, withComponents } from './variational-components.js';
export { type EntriesByRow, type TwoWayEntries, twoWayEntries } from './variational-entries.js';
export { type Found, type LearnedModel, type SweptState, variationalCompletion } from './variational-model.js';
export type { Posterior } from './variational-posterior.js';
export type { RowSums } from './variational-rows.js';
export { hasSettledRank, type VariationalSweepsOptions, variationalSweeps } from './variational-sweeps.js';
