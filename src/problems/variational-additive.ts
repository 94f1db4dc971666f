import { declareOptions, flag, option } from '../core/options.js';
import { iterateFor } from '../solvers/iterate.js';
import type { AbortSignalLike } from '../solvers/run.js';
import type { VariationalState } from './variational-completion.js';
import type { TwoWayEntries } from './variational-entries.js';
import { type SweptState, variationalCompletion } from './variational-model.js';
import { emptyPosterior } from './variational-posterior.js';
import { variationalSweeps } from './variational-sweeps.js';

/** Options of {@link additiveState}. */
export interface AdditiveOptions {
  /** If true, fits a mean; otherwise it is 0. */
  readonly centered: boolean;
  /** If true, fits biases of rows and columns. */
  readonly biases: boolean;
  /**
   * If aborted, ends the fit of the biases, even within a sweep; they are then those of the last whole sweep. Default:
   * none.
   */
  readonly signal?: AbortSignalLike;
}

const additiveOptions = declareOptions<AdditiveOptions>()({
  centered: flag({}),
  biases: flag({}),
  // Checked by the loop.
  signal: option({ optional: true }),
});

/** `most`: maximum number of sweeps. `least`: relative change of the noise at which the fit ends. */
const [most, least] = [20, 1e-5];

/**
 * Fits a model without components by {@link variationalSweeps}: a mean, or none, and biases with learned variances, or
 * none.
 */
export async function additiveState(data: TwoWayEntries, options: AdditiveOptions): Promise<VariationalState> {
  const { centered, biases, signal } = additiveOptions.read('additiveState', options);
  const { values, count } = data.byRow;
  let [sum, squares] = [0, 0];
  for (const value of values) sum += value;
  const mean = centered ? sum / Math.max(1, values.length) : 0;
  for (const value of values) squares += (value - mean) ** 2;
  const variance = Math.max(squares / Math.max(1, values.length), data.rounding);
  const k = biases ? 1 : 0;
  const prior = new Float64Array(k).fill(0.2 * variance);
  const noise = (biases ? 0.6 : 1) * variance;
  const begin = { rank: 0, biases, mean, rows: emptyPosterior(count, k), columns: emptyPosterior(data.byColumn.count, k) };
  let state: SweptState = { ...begin, variances: { noise, rows: prior, columns: prior } };
  if (!biases) return state;
  const solver = variationalSweeps(data, { learn: true, keepRank: true });
  const sweeps = iterateFor('additiveState', variationalCompletion(data), { solver, initial: state, ...(signal && { signal }) });
  for await (const { iteration, state: reached } of sweeps) {
    const { found, ...model } = reached.x;
    state = model;
    const { noise: before } = model.variances;
    const after = found?.learned?.variances.noise ?? 0;
    if (iteration >= most || (iteration > 0 && Math.abs(after - before) <= least * before)) break;
  }
  return state;
}
