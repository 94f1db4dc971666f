/** The loop around a solver, in the caller's hands or run to its end. */

import { ConfigError, NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { checkKeys, checkNumber, describeValue } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { ArrayScope } from '../linalg/linear-algebra.js';
import { gradientDescent } from './gradient-descent.js';
import { type DrawnObjective, drawnObjective } from './objective.js';
import type { Objective, Problem } from './problem.js';
import type { Solver, SolverState } from './solver.js';
import { any } from './stopping/compose.js';
import { gradientNormBelow } from './stopping/convergence.js';
import { maxIterations } from './stopping/limits.js';
import type { Progress, StoppingRule } from './stopping/stopping-rule.js';

/** Options of {@link iterate}. */
export interface IterateOptions<P, T> {
  /** The algorithm. Default: gradient descent with Armijo steps. */
  readonly solver?: Solver;
  /** Where to start. Default: a random point. */
  readonly initial?: P;
  /** Continue from this state instead of starting: what an earlier run returned. */
  readonly state?: SolverState<P, T>;
  /** Seed of the random initial point. Default: 0. */
  readonly seed?: number;
  /** Aborting ends the loop after the current step. */
  readonly signal?: AbortSignal;
}

/** Options of {@link minimize}. */
export interface MinimizeOptions<P, T> extends IterateOptions<P, T> {
  /** When to stop. Default: {@link defaultStop}. */
  readonly stop?: StoppingRule;
  /** Called after each iteration, the start included. */
  readonly onIteration?: (step: Iteration<P, T>) => void;
}

/** When {@link minimize} stops by default: gradient norm 1e-6, or 1000 iterations, as in Manopt. */
export const defaultStop: StoppingRule = any(gradientNormBelow(1e-6), maxIterations(1000));

/** One iteration: the numbers, and the state they describe. */
export interface Iteration<P, T> extends Progress {
  /** The solver's state, with the point. */
  readonly state: SolverState<P, T>;
}

/** How a run ended. Not converging is a result. */
export interface MinimizeResult<P, T> {
  /** The last point with a finite cost. */
  readonly x: P;
  /** The cost there. */
  readonly cost: number;
  /** The norm of the Riemannian gradient there. */
  readonly gradientNorm: number;
  /** Steps taken. */
  readonly iterations: number;
  /** Whether the stopping rule that fired means success. */
  readonly converged: boolean;
  /** Why it stopped, in words, with the number that triggered. */
  readonly stopReason: string;
  /** Every iteration's numbers, the start included. */
  readonly history: readonly Progress[];
  /** Wall-clock seconds. */
  readonly seconds: number;
  /** The final state: pass it as `state` to go on. */
  readonly state: SolverState<P, T>;
}

const iterateKeys = ['solver', 'initial', 'state', 'seed', 'signal'] as const;

/**
 * Runs a solver step by step: `for await (const step of iterate(problem, { solver })) …`. It first yields the start (iteration 0), and then every step, for ever;
 * it ends by itself only when the solver stalls or the signal is aborted. It yields to the event loop between steps.
 *
 * On a device, arrays that it allocated live until the next step is asked for, those of the last step after the loop too: `keep` what is to live longer.
 *
 * @param problem - the cost.
 * @param options - solver, start, signal. Arrays of a start or a state given here are never freed.
 * @throws ConfigError if problem or options are not right; ShapeError, DomainError or NumericalError if the start is not a point of the manifold, or
 * its cost or gradient is not finite.
 */
export async function* iterate<M, P, T, Z, G, Batch>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: IterateOptions<P, T> = {},
): AsyncGenerator<Iteration<P, T>, void, undefined> {
  checkKeys('iterate', options, iterateKeys);
  const run = prepare(problem, options);
  let last: Iteration<P, T> | undefined;
  try {
    for await (last of steps(run, options)) yield last;
  } finally {
    run.scope.close(last?.state);
  }
}

/** A problem and a solver that have been checked, and the owner of what they will allocate. */
interface Run<M, P, T> {
  readonly seen: DrawnObjective<M, P, T>;
  readonly solver: Solver;
  readonly scope: ArrayScope;
}

function prepare<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>, options: IterateOptions<P, T>): Run<M, P, T> {
  const { solver = gradientDescent() } = options;
  checkSolver(solver);
  const seen = drawnObjective(problem);
  return { seen, solver, scope: problem.manifold.algebra.openScope() };
}

/** The loop. After each step its scope owns the new state, the one before (to which a run that diverges goes back) and the batch. */
async function* steps<M, P, T>(
  { seen, solver, scope }: Run<M, P, T>,
  { initial, state: given, seed = 0, signal }: IterateOptions<P, T>,
): AsyncGenerator<Iteration<P, T>, void, undefined> {
  const begun = performance.now();
  const yieldToEvents = eventLoopYielder();
  let state = given ?? (await scope.run(() => start(seen, solver, initial ?? seen.manifold.randomPoint(seededRandom(seed)))));
  for (;;) {
    yield { ...progressOf(state), seconds: (performance.now() - begun) / 1000, state };
    if (state.stalled !== undefined || signal?.aborted) return;
    await yieldToEvents();
    if (signal?.aborted) return;
    const before = state;
    state = await scope.run(() => solver.step(seen, before));
    scope.free([state, before, seen.drawnBatch()]);
  }
}

async function start<M, P, T>(seen: Objective<M, P, T>, solver: Solver, x: P): Promise<SolverState<P, T>> {
  await seen.manifold.checkPoint(x);
  const state = await solver.init(seen, x);
  if (!Number.isFinite(state.cost) || !Number.isFinite(state.gradientNorm)) {
    throw new NumericalError(
      `iterate: at the initial point the cost is ${state.cost} and the gradient norm ${state.gradientNorm}; both must be finite: check the cost and its gradient there`,
    );
  }
  return state;
}

function checkSolver(solver: Solver): void {
  if (typeof solver?.init !== 'function' || typeof solver.step !== 'function') {
    throw new ConfigError(
      `minimize: solver must be { name, init, step }, got ${describeValue(solver)}; make one with gradientDescent(…), or see docs/custom-solver.md`,
    );
  }
}

function progressOf<P, T>({ iteration, cost, gradientNorm, stepSize }: SolverState<P, T>): Omit<Progress, 'seconds'> {
  return { iteration, cost, gradientNorm, stepSize };
}

/**
 * Minimizes a cost over a manifold.
 *
 * @param problem - manifold, cost and gradient.
 * @param options - solver, start, stopping rule, signal, callback. On a device, `onIteration` may look at a state until the next; see {@link iterate}.
 * @returns the last point and how the run ended. Reaching a limit, stalling, divergence to a cost that is not finite, a numerical breakdown inside a step and an abort
 * are results with `converged: false`, and keep the last good point. On a device its arrays are the caller's to dispose of, or to leave to a `tidy` around the call; what
 * the run allocated besides is freed.
 * @throws ConfigError if problem or options are not right; ShapeError, DomainError or NumericalError if the start is not a point of the manifold, or
 * its cost or gradient is not finite.
 */
export async function minimize<M, P, T, Z, G, Batch>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: MinimizeOptions<P, T> = {},
): Promise<MinimizeResult<P, T>> {
  checkKeys('minimize', options, [...iterateKeys, 'stop', 'onIteration']);
  const { stop = defaultStop, onIteration, ...iterateOptions } = options;
  if (typeof stop?.check !== 'function') {
    throw new ConfigError(
      `minimize: stop must be a stopping rule, got ${describeValue(stop)}; pass, say, any(gradientNormBelow(1e-8), maxIterations(500))`,
    );
  }
  if (options.seed !== undefined) checkNumber('minimize', 'seed', options.seed);
  const run = prepare(problem, iterateOptions);
  const history: Progress[] = [];
  let last: Iteration<P, T> | undefined;
  let survivor: SolverState<P, T> | undefined;
  const finish = (converged: boolean, stopReason: string): MinimizeResult<P, T> => {
    const { state, cost, gradientNorm, iteration } = last as Iteration<P, T>;
    survivor = state;
    const seconds = (history.at(-1) as Progress).seconds;
    return { x: state.x, cost, gradientNorm, iterations: iteration, converged, stopReason, history, seconds, state };
  };
  try {
    for await (const step of steps(run, iterateOptions)) {
      const { state, ...numbers } = step;
      history.push(numbers);
      if (!Number.isFinite(step.cost) || !Number.isFinite(step.gradientNorm)) {
        return finish(
          false,
          `cost ${step.cost} and gradient norm ${step.gradientNorm} at iteration ${step.iteration}: the run has diverged; the point before is returned`,
        );
      }
      const previous = history.at(-2);
      last = step;
      onIteration?.(step);
      const decision = stop.check(numbers, previous, history[0] as Progress);
      if (decision !== undefined) return finish(decision.converged, decision.reason);
      if (state.stalled !== undefined) return finish(false, state.stalled);
    }
    return finish(false, `aborted after iteration ${last?.iteration}: ${String(options.signal?.reason)}`);
  } catch (error) {
    // Before the first iterate a breakdown means a bad start: that is misuse. Later it is how the run ended.
    if (!(error instanceof NumericalError) || last === undefined) throw error;
    return finish(false, `numerical breakdown after iteration ${last.iteration}: ${error.message}`);
  } finally {
    run.scope.close(survivor);
  }
}
