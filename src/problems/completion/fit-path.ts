/** One fit of a variational completion, whose best sweep, and so rank, is chosen by entries that are not fitted. */

import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import type { HostArray } from '../../linalg/host/host-algebra.js';
import { iterate } from '../../solvers/iterate.js';
import type { AbortSignalLike } from '../../solvers/run.js';
import { stateError, type VariationalState } from '../variational-completion.js';
import type { TwoWayEntries } from '../variational-entries.js';
import { variationalCompletion } from '../variational-model.js';
import { hasSettledRank, type VariationalSweepsOptions, variationalSweeps } from '../variational-sweeps.js';

/** Rank and errors after a sweep. */
export interface FitStep {
  /** Rank of the model after the sweep. */
  readonly rank: number;
  /** Number of sweeps so far. */
  readonly iteration: number;
  /** Root mean square error over the fitted entries. */
  readonly trainRmse: number;
  /** Root mean square error over the watched entries; absent without them. */
  readonly validationRmse?: number;
}

/** Options of {@link fitPath}. */
export interface FitPathOptions extends VariationalSweepsOptions {
  /** Maximum number of sweeps. */
  readonly maxIterations: number;
  /** Relative change of the error over {@link window} sweeps at which a fit ends. */
  readonly tolerance: number;
  /** Entries by which sweeps are compared. */
  readonly watched?: CsrMatrix<HostArray>;
  readonly signal: AbortSignalLike;
  /** Called after each sweep. */
  readonly onStep: (step: FitStep) => void;
}

/** Result of {@link fitPath}: the chosen state and all sweeps. */
export interface FittedPath {
  /** State that predicts the watched entries best; without them, the last one. */
  readonly state: VariationalState;
  readonly best: FitStep;
  readonly steps: readonly FitStep[];
}

/** Number of sweeps over which a change is measured. */
const window = 3;
/** Relative increase of the error that is accepted for a lower rank. */
const simpler = 1e-3;

/**
 * Fits until the error on the watched entries stops falling or, without them, until the error on the fitted ones stops
 * changing.
 *
 * @returns `undefined` if the signal was aborted before the end of the first sweep.
 */
export async function fitPath(data: TwoWayEntries, begin: VariationalState, options: FitPathOptions): Promise<FittedPath | undefined> {
  const { maxIterations, tolerance: _tolerance, watched, signal, onStep, ...sweeping } = options;
  const solver = variationalSweeps(data, sweeping);
  const steps: FitStep[] = [];
  let best: { readonly step: FitStep; readonly state: VariationalState } | undefined;
  for await (const { iteration, state } of iterate(variationalCompletion(data), { solver, initial: begin, signal })) {
    if (iteration === 0) continue;
    const step: FitStep = {
      rank: state.x.rank,
      iteration,
      trainRmse: stateError(state.x, data.matrix),
      ...(watched === undefined ? {} : { validationRmse: stateError(state.x, watched) }),
    };
    steps.push(step);
    onStep(step);
    if (best === undefined || isBetter(step, best.step)) best = { step, state: state.x };
    if (iteration >= maxIterations || (hasSettledRank(state) && hasSettled(steps, data.rounding, options))) break;
  }
  return best === undefined ? undefined : { state: best.state, best: best.step, steps };
}

/**
 * Returns true if a sweep predicts better than the best before it, or nearly as well with fewer components. Without
 * watched entries, a later sweep is always better.
 */
function isBetter(step: FitStep, best: FitStep): boolean {
  if (step.validationRmse === undefined || best.validationRmse === undefined) return true;
  return step.validationRmse < (step.rank < best.rank ? 1 + simpler : 1) * best.validationRmse;
}

function hasSettled(steps: readonly FitStep[], rounding: number, { watched, tolerance, maxIterations }: FitPathOptions): boolean {
  if (steps.length <= window || steps.length >= maxIterations) return false;
  const last = steps[steps.length - 1];
  if (last.trainRmse ** 2 <= rounding) return true;
  if (watched === undefined) {
    const before = steps[steps.length - 1 - window].trainRmse;
    return Math.abs(before - last.trainRmse) <= tolerance * before;
  }
  // A sweep after which components were dropped says nothing about those that follow.
  if (steps[steps.length - window].rank !== last.rank) return false;
  const errors = steps.map(({ validationRmse = 0 }) => validationRmse);
  return Math.min(...errors.slice(-window)) >= (1 - tolerance) * Math.min(...errors.slice(0, -window));
}
