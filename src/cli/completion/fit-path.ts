/** One fit of a variational completion, watched on entries that it does not fit: which of its sweeps, and so which rank, to take. */
import { type AbortSignalLike, type CsrMatrix, type HostArray, iterate } from '../../index.js';
import {
  hasSettledRank,
  stateError,
  type TwoWayEntries,
  type VariationalState,
  type VariationalSweepsOptions,
  variationalCompletion,
  variationalSweeps,
} from '../../problems/index.js';

/** A sweep in numbers. */
export interface FitStep {
  readonly rank: number;
  /** Sweeps so far. */
  readonly iteration: number;
  /** Over the entries fitted. */
  readonly trainRmse: number;
  /** Over the entries watched. */
  readonly validationRmse?: number;
}

/** How to fit. */
export interface FitPathOptions extends VariationalSweepsOptions {
  /** Sweeps, at most. */
  readonly maxIterations: number;
  /** The relative change of the error over {@link window} sweeps at which a fit has come to its end. */
  readonly tolerance: number;
  /** Entries to judge sweeps by. */
  readonly watched?: CsrMatrix<HostArray>;
  readonly signal: AbortSignalLike;
  /** Called after each sweep. */
  readonly onStep: (step: FitStep) => void;
}

/** What a fit went through. */
export interface FittedPath {
  /** The state that predicts the watched entries best; without them, the last one. */
  readonly state: VariationalState;
  readonly best: FitStep;
  readonly steps: readonly FitStep[];
}

/** Sweeps over which a change is taken. */
const window = 3;
/** The share of the error that a lower rank may cost. */
const simpler = 1e-3;

/**
 * Fits until the error on the watched entries falls no more, or, without them, until the error on those fitted does not change any more.
 *
 * @returns `undefined` where the signal was aborted before the first sweep came to its end.
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

/** Whether a sweep predicts better than the best before it, or nearly as well with fewer components; without watched entries, yes: it came later. */
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
  // A sweep after which components were given up is no judge of what follows.
  if (steps[steps.length - window].rank !== last.rank) return false;
  const errors = steps.map(({ validationRmse = 0 }) => validationRmse);
  return Math.min(...errors.slice(-window)) >= (1 - tolerance) * Math.min(...errors.slice(0, -window));
}
