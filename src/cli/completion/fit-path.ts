/** One fit of a variational completion, sweep by sweep, watched on entries that it does not fit. */
import { eventLoopYielder, unlessAborted } from '../../core/event-loop.js';
import type { AbortSignalLike, CsrMatrix, HostArray } from '../../index.js';
import {
  copyState,
  firstComponents,
  learnVariances,
  stateError,
  sweepParts,
  type TwoWayEntries,
  type VariationalState,
  withComponents,
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
export interface FitPathOptions {
  /** A ridge on every component in place of the variances, which are then kept. */
  readonly ridge?: number;
  /** Whether variances are learned from each sweep. */
  readonly learn: boolean;
  /** Whether to keep components that die out, and to add none. */
  readonly keepRank: boolean;
  /** The largest rank. Default: that of the start. */
  readonly most?: number;
  /** Seed of the components that are added. Default: 0. */
  readonly seed?: number;
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
/** Sweeps before a component is given up or added, the share by which the noise still falls in a sweep where it is not settled, and the share of its variance that a dying component loses in one. */
const [settling, restless, dying] = [4, 0.02, 0.1];
/** The share of the error that a lower rank may cost. */
const simpler = 1e-3;

/**
 * Fits until the error on the watched entries falls no more, or, without them, until the error on those fitted does not change any more.
 *
 * Components that die out are given up, at most half of them after one sweep, since the others take over a part of what they held.
 * Where none does, as many again are added, up to `most`: sweeps at a rank that the entries do not show are what takes longest.
 *
 * @param begin - where to start; its posteriors are overwritten.
 * @returns `undefined` where the signal was aborted before the first sweep came to its end.
 */
export async function fitPath(data: TwoWayEntries, begin: VariationalState, options: FitPathOptions): Promise<FittedPath | undefined> {
  const { ridge, learn, keepRank, maxIterations, watched, signal, onStep, most = begin.rank, seed = 0 } = options;
  const yieldToEvents = eventLoopYielder();
  const steps: FitStep[] = [];
  let state = begin;
  let best: { readonly step: FitStep; readonly state: VariationalState } | undefined;
  let searching = learn && !keepRank;
  let changed = 0;
  for (;;) {
    const sums = await unlessAborted(sweepParts(state, data, ridge === undefined ? {} : { ridge }), signal, yieldToEvents);
    if (sums === undefined) return best === undefined ? undefined : { state: best.state, best: best.step, steps };
    const step: FitStep = {
      rank: state.rank,
      iteration: steps.length + 1,
      trainRmse: stateError(state, data.matrix),
      ...(watched === undefined ? {} : { validationRmse: stateError(state, watched) }),
    };
    steps.push(step);
    onStep(step);
    await yieldToEvents();
    const learned = learn ? learnVariances(state, data, sums) : undefined;
    const alive = learned === undefined || keepRank ? state.rank : aliveComponents(state, learned.state);
    const resting = learned !== undefined && steps.length - changed >= settling && isResting(state, learned.state);
    const grows = searching && resting && alive === state.rank && state.rank < most;
    const settled = alive === state.rank && !grows && hasSettled(steps, data.rounding, options);
    const last = steps.length >= maxIterations || signal.aborted || settled;
    const better = best === undefined || isBetter(step, best.step);
    // A copy where sweeps follow, which may be worse, or be left half way.
    if (better) best = { step, state: last ? state : copyState(state, best?.state) };
    if (last && best !== undefined) return { state: best.state, best: best.step, steps };
    if (learned === undefined) continue;
    if (grows) {
      // The rows are still in the coordinates of the old variances, and so stay these.
      state = withComponents(state, data, { most: Math.min(state.rank, most - state.rank), exactly: true, seed });
      changed = steps.length;
      continue;
    }
    learned.carryOn();
    const kept = resting ? Math.max(alive, Math.ceil(state.rank / 2)) : state.rank;
    searching &&= kept === state.rank;
    state = firstComponents(learned.state, kept);
  }
}

/** Components that do not die: each sweep takes a large part of the variance of one that the entries do not show. */
function aliveComponents({ rank: all, variances: before }: VariationalState, { variances: after }: VariationalState): number {
  let rank = all;
  while (rank > 0 && after.columns[rank - 1] < (1 - dying) * before.columns[rank - 1]) rank--;
  return rank;
}

/** While the noise falls, components that it hides are still to come up. */
function isResting({ variances: before }: VariationalState, { variances: after }: VariationalState): boolean {
  return after.noise >= (1 - restless) * before.noise;
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
