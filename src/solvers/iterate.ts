/** The loop around a solver, in the caller's hands. */

import { ConfigError, NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { checkKeys, describeValue } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { ArrayScope } from '../linalg/linear-algebra.js';
import { gradientDescent } from './gradient-descent.js';
import { type DrawnObjective, drawnObjective } from './objective.js';
import type { Objective, Problem } from './problem.js';
import type { Interrupted, SolverFor, SolverState } from './solver.js';
import type { Progress } from './stopping/stopping-rule.js';

/** The part of an `AbortSignal` that the loops read; named here because not every runtime's types declare it. */
export interface AbortSignalLike {
  /** Whether the loop should end. */
  readonly aborted: boolean;
  /** Why, as passed to `abort`. */
  readonly reason?: unknown;
}

/** Options of {@link iterate}. */
export interface IterateOptions<P, T> {
  /** The algorithm. Default: gradient descent with Armijo steps. */
  readonly solver?: SolverFor<NoInfer<P>, NoInfer<T>>;
  /** Where to start. Default: a random point. */
  readonly initial?: P;
  /** Continue from this state instead of starting: what an earlier run returned. */
  readonly state?: SolverState<P, T>;
  /** Seed of the random initial point. Default: 0. */
  readonly seed?: number;
  /** Aborting ends the loop after the current step, or within it where the solver takes long over one: the state is then that before the step. */
  readonly signal?: AbortSignalLike;
}

/** One iteration: the numbers, and the state they describe. */
export interface Iteration<P, T> extends Progress {
  /** The solver's state, with the point. */
  readonly state: SolverState<P, T>;
}

/** The options of {@link iterate}, by name. */
export const iterateKeys = ['solver', 'initial', 'state', 'seed', 'signal'] as const;

/**
 * Runs a solver step by step: `for await (const step of iterate(problem, { solver })) …`. It first yields the start (iteration 0), and then every step, for ever;
 * it ends by itself only when the solver stalls (the last state is then yielded again, with `stalled` saying why) or the signal is aborted. It yields to the event loop between steps.
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
): AsyncGenerator<Iteration<P, T>, undefined, undefined> {
  checkKeys('iterate', options, iterateKeys);
  const run = prepareRun(problem, options);
  let last: Iteration<P, T> | undefined;
  try {
    for await (last of runSteps(run, options)) yield last;
  } finally {
    run.scope.close(last?.state);
  }
  return undefined;
}

/** A problem and a solver that have been checked, and the owner of what they will allocate. */
export interface Run<M, P, T> {
  readonly seen: DrawnObjective<M, P, T>;
  readonly solver: SolverFor<P, T>;
  readonly scope: ArrayScope;
  readonly interrupted: Interrupted;
}

/** Checks problem and options, and opens the scope of a run: whoever calls this closes it. */
export function prepareRun<M, P, T, Z, G, Batch>(problem: Problem<M, P, T, Z, G, Batch>, options: IterateOptions<P, T>): Run<M, P, T> {
  const { solver = gradientDescent() } = options;
  checkLoopOptions(options, solver);
  const seen = drawnObjective(problem);
  const yieldToEvents = eventLoopYielder();
  const interrupted = async (): Promise<boolean> => {
    await yieldToEvents();
    return options.signal?.aborted === true;
  };
  return { seen, solver, interrupted, scope: problem.manifold.algebra.openScope() };
}

/**
 * The loop. After each step its scope owns the new state, the one before (to which a run that diverges goes back) and what the objective retains. A state that is handed in
 * with the request for the next step takes the place of the last one.
 */
export async function* runSteps<M, P, T>(
  { seen, solver, scope, interrupted }: Run<M, P, T>,
  { initial, state: given, seed = 0 }: IterateOptions<P, T>,
): AsyncGenerator<Iteration<P, T>, undefined, SolverState<P, T> | undefined> {
  const begun = performance.now();
  let state = resumed(given) ?? (await scope.run(() => start(seen, solver, initial ?? seen.manifold.randomPoint(seededRandom(seed)))));
  for (;;) {
    const before: SolverState<P, T> = (yield { ...progressOf(state), seconds: (performance.now() - begun) / 1000, state }) ?? state;
    // A stalled solver has taken no step: its state is shown once more, to say why, and the loop ends.
    if (before.stalled !== undefined) return undefined;
    if (await interrupted()) return undefined;
    state = checkState(solver, await scope.run(() => solver.step(seen, before, interrupted)));
    if (state === before) {
      if (await interrupted()) return undefined;
      throw new ConfigError(
        `${solver.name}: a step returned the state that it was given; return a new one, or { ...state, stalled: 'why' }`,
      );
    }
    scope.free([state, before, seen.retained(state.x)]);
  }
}

/** A state to go on from: that an earlier solver stalled in it is no reason for this one not to try. */
function resumed<P, T>(state: SolverState<P, T> | undefined): SolverState<P, T> | undefined {
  if (state?.stalled === undefined) return state;
  const { stalled: _stalled, ...rest } = state;
  return rest;
}

async function start<M, P, T>(seen: Objective<M, P, T>, solver: SolverFor<P, T>, x: P): Promise<SolverState<P, T>> {
  await seen.manifold.checkPoint(x);
  const state = checkState(solver, await solver.init(seen, x));
  if (!Number.isFinite(state.cost) || !Number.isFinite(state.gradientNorm)) {
    throw new NumericalError(
      `iterate: at the initial point the cost is ${state.cost} and the gradient norm ${state.gradientNorm}; both must be finite: check the cost and its gradient there`,
    );
  }
  return state;
}

function checkLoopOptions<P, T>({ signal, state, initial }: IterateOptions<P, T>, solver: SolverFor<P, T>): void {
  if (typeof solver?.init !== 'function' || typeof solver.step !== 'function') {
    throw new ConfigError(
      `minimize: solver must be { name, init, step }, got ${describeValue(solver)}; make one with gradientDescent(…), or see docs/custom-solver.md`,
    );
  }
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
    throw new ConfigError(`minimize: signal must be an AbortSignal, got ${describeValue(signal)}; pass controller.signal`);
  }
  if (state !== undefined && (typeof state?.iteration !== 'number' || state.x === undefined || state.memory === undefined)) {
    throw new ConfigError(
      `minimize: state must be a solver's state, got ${describeValue(state)}; pass the \`state\` of an earlier result, as result.state`,
    );
  }
  if (state !== undefined && initial !== undefined) {
    throw new ConfigError('minimize: both state and initial were given; pass initial to start afresh, or state to go on');
  }
}

/** @throws ConfigError if a solver returns something that is no state: said here once rather than where it is first read. */
function checkState<P, T>({ name }: SolverFor<P, T>, state: SolverState<P, T>): SolverState<P, T> {
  if (
    typeof state?.iteration !== 'number' ||
    typeof state.cost !== 'number' ||
    typeof state.gradientNorm !== 'number' ||
    state.memory === undefined
  ) {
    throw new ConfigError(
      `${name}: a step must return a state { iteration, x, cost, gradient, gradientNorm, stepSize, memory }, got ${describeValue(state)}; see docs/custom-solver.md`,
    );
  }
  return state;
}

function progressOf<P, T>({ iteration, cost, gradientNorm, stepSize }: SolverState<P, T>): Omit<Progress, 'seconds'> {
  return { iteration, cost, gradientNorm, stepSize };
}
