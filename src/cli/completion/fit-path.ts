/** One completion from rank 1 upwards, watched on entries that it does not fit. */
import { type AbortSignalLike, type CsrMatrix, type FixedRankPoint, type HostArray, hostAlgebra } from '../../index.js';
import { type CompletionProgress, completeMatrix } from '../../problems/index.js';
import { residualOf, rootMeanSquare } from './sparse-errors.js';

/** An iteration of a fit, in numbers. */
export interface FitStep {
  readonly rank: number;
  /** Iterations so far, over all ranks. */
  readonly iteration: number;
  /** Iterations so far at this rank. */
  readonly iterationAtRank: number;
  /** Over the entries fitted. */
  readonly trainRmse: number;
  /** Over the entries watched. */
  readonly validationRmse?: number;
}

/** An iteration with its matrix. */
export interface FittedStep extends FitStep {
  readonly x: FixedRankPoint<HostArray>;
}

/** How to fit. */
export interface FitPathOptions {
  /** The rank to end at. */
  readonly rank: number;
  readonly regularization: number;
  readonly seed: number;
  /** Iterations at the last rank, at most. */
  readonly maxIterations: number;
  /** At the last rank, stop when the training error changes by less than this share over some iterations. */
  readonly tolerance: number;
  /** Entries to judge iterations by; with them, the fit stops when they have not been predicted better for some time. */
  readonly watched?: CsrMatrix<HostArray>;
  /** Whether only iterations of the last rank count as the best. */
  readonly lastRankOnly?: boolean;
  readonly signal?: AbortSignalLike;
  /** Called after each iteration. */
  readonly onStep?: (step: FitStep) => void;
}

/** What a fit went through. */
export interface FittedPath {
  /** The iteration that predicts the watched entries best, or the last one. */
  readonly best: FittedStep;
  /** Where it ended. */
  readonly last: FittedStep;
  /** Of each rank the best iteration, or the last one. */
  readonly ranks: readonly FitStep[];
  /** Whether it came to its end, rather than to a limit, and was best there. */
  readonly settled: boolean;
}

/** Iterations at each rank but the last: enough to come near its optimum, from where the next rank begins. */
const iterationsPerRank = 10;
/** Iterations without a better prediction after which there will be none: those of two further ranks, and some. */
const patience = 25;
/** Iterations over which the change of the training error is taken. */
const window = 5;

/**
 * Fits a matrix of low rank.
 *
 * @param train - the entries to fit, offsets taken away.
 */
export async function fitPath(train: CsrMatrix<HostArray>, options: FitPathOptions): Promise<FittedPath> {
  const { rank, regularization, seed, maxIterations, tolerance, watched, lastRankOnly = false, signal, onStep } = options;
  const ranks = new Map<number, FitStep>();
  const errors: number[] = [];
  let best: FittedStep | undefined;
  let atRank = { rank: 0, begun: 0 };
  let [flat, hopeless] = [false, false];
  const stepOf = (progress: CompletionProgress, x: FixedRankPoint<HostArray>): FittedStep => {
    if (progress.rank !== atRank.rank) atRank = { rank: progress.rank, begun: progress.iteration - 1 };
    const { iteration, trainRmse } = progress;
    const step = { rank: progress.rank, iteration, iterationAtRank: Math.max(0, iteration - atRank.begun), trainRmse, x };
    return watched === undefined ? step : { ...step, validationRmse: rootMeanSquare(residualOf(watched, x)) };
  };
  const judge = (step: FittedStep): void => {
    const { x: _x, ...numbers } = step;
    if (isBetter(step, ranks.get(step.rank))) ranks.set(step.rank, numbers);
    if ((!lastRankOnly || step.rank === rank) && isBetter(step, best)) best = step;
    if (step.rank === rank) errors.push(step.trainRmse);
    const before = errors.at(-1 - window);
    flat = before !== undefined && Math.abs(before - step.trainRmse) <= tolerance * before;
    hopeless = watched !== undefined && best !== undefined && step.iteration - best.iteration >= patience;
    onStep?.(numbers);
  };
  const result = await completeMatrix(hostAlgebra(), train, {
    rank,
    regularization,
    seed,
    maxIterations,
    iterationsPerRank,
    signal: {
      get aborted() {
        return flat || hopeless || signal?.aborted === true;
      },
    },
    onProgress: (progress, x) => judge(stepOf(progress, x)),
  });
  const last = stepOf(result, result.x);
  // A fit that was perfect from the start took no step.
  if (ranks.size === 0) ranks.set(last.rank, { rank: last.rank, iteration: 0, iterationAtRank: 0, trainRmse: last.trainRmse });
  const chosen = best ?? last;
  return { best: chosen, last, ranks: [...ranks.values()], settled: (flat || result.converged) && chosen.iteration === last.iteration };
}

/** Whether a step predicts better than another; without watched entries, whether it came later. */
function isBetter(step: FitStep, other: FitStep | undefined): boolean {
  if (other === undefined || step.validationRmse === undefined || other.validationRmse === undefined) return true;
  return step.validationRmse < other.validationRmse;
}
