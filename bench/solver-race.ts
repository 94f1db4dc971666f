/** One contestant against the clock. */
import type { HostAlgebra } from 'bures';
import type { Contestant } from './solver-contestants.js';
import { relativeError, rowFactors, type SolverProblem, smallestValue } from './solver-problems.js';

/** Relative errors of the whole matrix: the last is the goal, the others mark the way for the profile. */
export const TOLERANCES = [1e-2, 1e-4, 1e-6] as const;

/** Where the clock stood when an error was reached. */
export interface Mark {
  readonly seconds: number;
  /** Of the processor, of all threads. */
  readonly processor: number;
  readonly iterations: number;
}

/** How a contestant fared. */
export interface Outcome {
  readonly solver: string;
  readonly geometry?: string;
  readonly riemannian: boolean;
  /** By tolerance, in their order; `undefined` where it was not reached. */
  readonly reached: readonly (Mark | undefined)[];
  /** At the end of the run. */
  readonly end: Mark;
  /** The smallest relative error on the way. */
  readonly best: number;
  /** At the end of the run. */
  readonly last: number;
  /** The relative error of σ_r at the end of the run. */
  readonly smallest: number;
  /** Why it ended without reaching the goal. */
  readonly stopReason?: string;
}

/** Iterations before the race, for the code to be compiled, and the most seconds that they may take. */
const [warmUps, warmUpSeconds] = [15, 0.3] as const;

/**
 * Runs a contestant until it has reached the goal, the limit or its own end. Errors are measured with the clock
 * stopped.
 *
 * @param tolerances - relative errors of the whole matrix, the last of which is the goal.
 * @returns how it fared; `undefined` where the problem is not of its kind.
 */
export async function race(
  la: HostAlgebra,
  contestant: Contestant,
  problem: SolverProblem,
  limitSeconds: number,
  tolerances: readonly number[] = TOLERANCES,
): Promise<Outcome | undefined> {
  const rehearsal = contestant.prepare(la, problem);
  const run = contestant.prepare(la, problem);
  if (rehearsal === undefined || run === undefined) return undefined;
  const { solver, geometry, riemannian } = contestant;
  const began = performance.now();
  let rehearsed = 0;
  await rehearsal(() => ++rehearsed >= warmUps || performance.now() - began > 1000 * warmUpSeconds);

  const reached: (Mark | undefined)[] = tolerances.map(() => undefined);
  let [seconds, processor, iterations] = [0, 0, 0];
  let [best, last] = [Number.POSITIVE_INFINITY, Number.NaN];
  const mark = (): Mark => ({ seconds, processor, iterations });
  let smallest = Number.NaN;
  let started = clock();
  const stopReason = await run((x, iteration) => {
    const now = clock();
    seconds += now.seconds - started.seconds;
    processor += now.processor - started.processor;
    iterations = iteration;
    last = relativeError(la, rowFactors(la, x), problem.truth);
    if (last < best) best = last;
    smallest = Math.abs(smallestValue(la, rowFactors(la, x)) / smallestValue(la, problem.truth) - 1);
    tolerances.forEach((tolerance, i) => {
      if (last <= tolerance) reached[i] ??= mark();
    });
    const enough = last <= tolerances[tolerances.length - 1] || seconds > limitSeconds;
    started = clock();
    return enough;
  });
  const done = reached.at(-1) !== undefined;
  return {
    solver,
    ...(geometry !== undefined && { geometry }),
    riemannian,
    reached,
    end: mark(),
    best,
    last,
    smallest,
    ...(!done && { stopReason: stopReason ?? 'limit' }),
  };
}

function clock(): { readonly seconds: number; readonly processor: number } {
  const { user, system } = process.cpuUsage();
  return { seconds: performance.now() / 1000, processor: (user + system) / 1e6 };
}
