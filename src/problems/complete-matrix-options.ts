/** Options of `completeMatrix`, and what it returns. */
import { choice, declareOptions, flag, number, option, type Settings, size } from '../core/options.js';
import type { FixedRankManifold } from '../manifolds/fixed-rank.js';
import type { FixedRankPoint } from '../metrics/fixed-rank-metric.js';
import { type AbortSignalLike, iterateOptions } from '../solvers/run.js';
import type { Solver } from '../solvers/solver.js';

/** Progress of a completion. */
export interface CompletionProgress {
  /** The rank of the iterate. */
  readonly rank: number;
  /** Iterations so far, over all ranks. */
  readonly iteration: number;
  /**
   * Root mean square of the residuals over the fitted entries, in the units of the data and without the regularization.
   */
  readonly trainRmse: number;
  /** Seconds since the start. */
  readonly seconds: number;
}

/** Options of `completeMatrix`. */
export interface CompleteMatrixOptions<M> {
  /** Final rank; the run ends earlier if a lower rank leaves no residual. */
  readonly rank: number;
  /**
   * `'continuation'` raises the rank step by step; `'reweighted'` runs `matrixIrls` at the final rank, for data without
   * noise of which few entries are known. Default: `'continuation'`.
   */
  readonly method?: 'continuation' | 'reweighted';
  /** Rank of the start. Default: 1. */
  readonly initialRank?: number;
  /** Number of ranks added at each step. Default: 1. */
  readonly rankStep?: number;
  /** Maximum number of iterations at each rank but the last. Default: 6. */
  readonly iterationsPerRank?: number;
  /** Maximum number of iterations at the last rank. Default: 200. */
  readonly maxIterations?: number;
  /**
   * Root mean square of the residuals, relative to that of the data, at which a rank is done. Default: 1e-8, and 0 with
   * `'reweighted'`, which then goes on to rounding: singular values below this are not found.
   */
  readonly relativeResidual?: number;
  /**
   * λ ≥ 0 of a term ½λ‖X‖²_F over all mn entries, for noisy data; it shrinks X by about λ over the observed fraction.
   * Default: 0.
   */
  readonly regularization?: number;
  /** If true, first subtracts the mean of the fitted entries, the `offset` of the result. Default: false. */
  readonly center?: boolean;
  /** Fraction of the entries to set aside for testing. Default: 0, for none. */
  readonly testFraction?: number;
  /** Seed of the split and of the start. Default: 0. */
  readonly seed?: number;
  /** Geometry at each rank. Default: `fixedRank` with the embedded metric and the orthographic retraction. */
  readonly geometry?: (shape: { readonly m: number; readonly n: number; readonly rank: number }) => FixedRankManifold<M>;
  /** Solver. Default: conjugate gradients of Hestenes and Stiefel, with the step that minimizes along the line. */
  readonly solver?: Solver;
  /**
   * Called after each iteration with the iterate (less the offset), on a device valid until the next iteration.
   * Default: nothing.
   */
  readonly onProgress?: (progress: CompletionProgress, x: FixedRankPoint<M>) => void;
  /** If aborted, the run ends after the current iteration and returns the result so far. Default: none. */
  readonly signal?: AbortSignalLike;
}

/** Declares the options of `completeMatrix`. */
export const completeMatrixOptions = declareOptions<CompleteMatrixOptions<unknown>>()({
  rank: size({}),
  method: choice(['continuation', 'reweighted'], { default: 'continuation' }),
  initialRank: size({ default: 1 }),
  rankStep: size({ default: 1 }),
  iterationsPerRank: size({ default: 6 }),
  maxIterations: size({ default: 200 }),
  relativeResidual: number({ default: 1e-8, min: 0 }),
  regularization: number({ default: 0, min: 0 }),
  center: flag({ default: false }),
  testFraction: number({ default: 0, min: 0, below: 1 }),
  seed: number({ default: 0 }),
  geometry: option({ optional: true }),
  solver: option({ optional: true }),
  onProgress: option({ optional: true }),
  signal: iterateOptions.options.signal,
});

/** The defaults of `completeMatrix`. */
export const completeMatrixDefaults: Required<
  Omit<CompleteMatrixOptions<unknown>, 'rank' | 'geometry' | 'solver' | 'onProgress' | 'signal'>
> = completeMatrixOptions.defaults;

/** Result of `completeMatrix`. */
export interface CompletionResult<M> extends CompletionProgress {
  /** The matrix, less the offset. */
  readonly x: FixedRankPoint<M>;
  /** Number to add to each entry of the matrix: the mean that was fitted first, or 0. */
  readonly offset: number;
  /** Root mean square of the errors over the entries set aside; absent without them. */
  readonly testRmse?: number;
  /** True if the last rank converged, by residual or by gradient. */
  readonly converged: boolean;
  /** Reason why the run stopped, in words. */
  readonly stopReason: string;
}

/** The options with their defaults. */
export type CompletionSettings<M> = Settings<CompleteMatrixOptions<M>, keyof typeof completeMatrixDefaults>;
