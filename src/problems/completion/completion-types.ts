/** Reports of a completion of ratings: to its watcher while it runs, and as its result. */
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import type { HostArray } from '../../linalg/host/host-algebra.js';
import type { FixedRankPoint } from '../../metrics/fixed-rank-metric.js';
import type { FitStep } from './fit-path.js';
import type { Offsets } from './offsets.js';

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
  /** The entries that the model was fitted to: all but the test entries. */
  readonly known: CsrMatrix<HostArray>;
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
  /** Least and greatest value of all entries, the scale of the ratings. */
  readonly range: readonly [least: number, greatest: number];
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
