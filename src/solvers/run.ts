/** A run of a solver, step by step: the loop that `iterate` and `minimize` share. */
import { ConfigError, NumericalError } from '../core/errors.js';
import { eventLoopYielder } from '../core/event-loop.js';
import { declareOptions, describeValue, number, option } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { ArrayScope } from '../linalg/linear-algebra.js';
import { gradientDescent } from './gradient-descent.js';
import { type DrawnObjective, drawnObjective, EndOfData } from './objective.js';
import { startHints } from './option-hints.js';
import type { Evaluation, Problem } from './problem.js';
import type { EvaluatedState, Interrupted, SolverFor, SolverState } from './solver.js';
import type { Progress } from './stopping/stopping-rule.js';

/** The part of an `AbortSignal` that the loops read; declared here because not every runtime's types have it. */
export interface AbortSignalLike {
  /** True if the loop should end. */
  readonly aborted: boolean;
  /** The reason, as passed to `abort`. */
  readonly reason?: unknown;
}

/**
 * Throws the reason of an aborted signal, as `AbortSignal.throwIfAborted` does; an error that says so where it has
 * none.
 */
export function throwIfAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted === true) throw signal.reason ?? new Error('aborted by its signal');
}

/** Options of `iterate`. */
export interface IterateOptions<P, T> {
  /** The algorithm. Default: gradient descent with Armijo steps. */
  readonly solver?: SolverFor<NoInfer<P>, NoInfer<T>>;
  /** Initial point. Default: a random point. */
  readonly initial?: P;
  /**
   * State to continue from, instead of an initial point: that of an earlier run, or `{ x, iteration: 0, memory: {} }`.
   * Its point is evaluated anew, so that the problem or the solver may be another one. Default: none, a fresh start.
   */
  readonly state?: SolverState<P, T>;
  /** Seed of the random initial point. Default: 0. */
  readonly seed?: number;
  /**
   * Signal that ends the loop before the next evaluation, or within a long step of the solver; the state is then that
   * before the step. Default: none.
   */
  readonly signal?: AbortSignalLike;
}

/**
 * One iteration: the numbers of an evaluation, and the state.
 *
 * If the cost is deterministic, the evaluation is that of the state's own point. If it is stochastic, it is the one
 * from which the step was made, at the point before, on the batch of the step.
 */
export interface Iteration<P, T> extends Progress {
  /** The solver's state, with the point. */
  readonly state: SolverState<P, T>;
}

/** Declares the options of `iterate`. */
export const iterateOptions = declareOptions<IterateOptions<unknown, unknown>>()(
  {
    solver: option({ optional: true }, (caller, name, solver) => {
      const { init, step } = (solver ?? {}) as Partial<SolverFor<unknown, unknown>>;
      if (typeof init === 'function' && typeof step === 'function') return;
      throw new ConfigError(
        `${caller}: ${name} must be { name, init, step }, got ${describeValue(solver)}; make one with gradientDescent(…), or see docs/custom-solver.md`,
      );
    }),
    initial: option({ optional: true }),
    state: option({ optional: true }, (caller, name, state) => {
      if (isState(state as SolverState<unknown, unknown> | null)) return;
      throw new ConfigError(
        `${caller}: ${name} must be a solver's state, got ${describeValue(state)}; pass the \`state\` of an earlier result, as result.state`,
      );
    }),
    seed: number({ default: 0 }),
    signal: option({ optional: true }, (caller, name, signal) => {
      if (typeof (signal as AbortSignalLike | null)?.aborted === 'boolean') return;
      throw new ConfigError(`${caller}: ${name} must be an AbortSignal, got ${describeValue(signal)}; pass controller.signal`);
    }),
  },
  startHints,
);

/** A problem and a solver, checked, with their start and the scope that owns what they allocate. */
export interface Run<M, P, T> {
  /** The function that the user called. */
  readonly caller: string;
  readonly seen: DrawnObjective<M, P, T>;
  readonly solver: SolverFor<P, T>;
  /** The state before the first step. */
  readonly start: SolverState<P, T>;
  /** True if an evaluation belongs to a point, whatever the batch, and is reported with it. */
  readonly judgesPoints: boolean;
  readonly scope: ArrayScope;
  /** True if a run that diverges returns to the state before the last one, which is then kept. */
  readonly goesBack: boolean;
  readonly interrupted: Interrupted;
  /** Returns the reason, in words, why an aborted run ended after an iteration. */
  readonly abortReason: (iteration: number) => string;
}

/**
 * Checks problem and start, and opens the scope of a run, which the caller must close.
 *
 * @param options - as {@link iterateOptions} read them.
 * @param goesBack - keeps the state before the last one.
 */
export async function openRun<M, P, T, Z, G, Batch>(
  caller: string,
  problem: Problem<M, P, T, Z, G, Batch>,
  options: IterateOptions<P, T>,
  goesBack: boolean,
): Promise<Run<M, P, T>> {
  const { solver = gradientDescent(), signal } = options;
  if (options.state !== undefined && options.initial !== undefined) {
    throw new ConfigError(`${caller}: both state and initial were given; pass initial to start afresh, or state to go on`);
  }
  const seen = drawnObjective(caller, problem);
  const yieldToEvents = eventLoopYielder();
  const { algebra } = problem.manifold;
  const scope = algebra.openScope();
  try {
    return {
      caller,
      seen,
      solver,
      scope,
      goesBack,
      start: await scope.run(() => algebra.tidy(() => startOf(seen, solver, options))),
      judgesPoints: !seen.stochastic || solver.evaluate !== undefined,
      interrupted: async () => {
        await yieldToEvents();
        return signal?.aborted === true;
      },
      abortReason: (iteration) => `aborted after iteration ${iteration}: ${String(signal?.reason)}`,
    };
  } catch (error) {
    scope.close(undefined);
    throw error;
  }
}

async function startOf<M, P, T>(
  seen: DrawnObjective<M, P, T>,
  solver: SolverFor<P, T>,
  { initial, state, seed = 0 }: IterateOptions<P, T>,
): Promise<SolverState<P, T>> {
  const { manifold } = seen;
  const x = state?.x ?? initial ?? manifold.randomPoint(seededRandom(seed));
  await (manifold.checkStart === undefined ? manifold.checkPoint(x) : manifold.checkStart(x));
  // A state may come from another problem or solver: it goes through the checks of this one, and is evaluated anew.
  const fresh = checkState(solver, await solver.init(seen, x));
  if (state === undefined) return fresh;
  const { stalled: _stalled, cost: _cost, gradient: _gradient, gradientNorm: _norm, ...rest } = state;
  return solver.resume === undefined ? rest : checkState(solver, await solver.resume(seen, rest));
}

/** The end of a loop. */
export interface Ending {
  /** The reason, in words. */
  readonly reason: string;
  /** True if an evaluation on a batch was not finite, so that no step was made from it. */
  readonly diverged?: boolean;
}

/**
 * Runs the loop. After each step its scope owns the new state, what the objective retains, and the state before: until
 * the next step is requested, or as long as a diverging run may return to it. A state passed to `next` replaces the
 * last one.
 */
export async function* runSteps<M, P, T>(run: Run<M, P, T>): AsyncGenerator<Iteration<P, T>, Ending, EvaluatedState<P, T> | undefined> {
  const { seen, solver, scope, goesBack, start, judgesPoints, interrupted, abortReason } = run;
  const begun = performance.now();
  const report = (state: SolverState<P, T>, { cost, gradientNorm }: Evaluation<T>): Iteration<P, T> => {
    const { iteration, stepSize = 0 } = state;
    return { iteration, cost, gradientNorm, stepSize, seconds: (performance.now() - begun) / 1000, state };
  };
  let [state, before]: SolverState<P, T>[] = [start, start];
  try {
    for (;;) {
      if (!judgesPoints && (await interrupted())) return { reason: abortReason(state.iteration) };
      const at = state;
      let here = await scope.run(() => evaluated(run, at));
      if (!hasFiniteNumbers(here) && state === start) throw new NumericalError(startMessage(run, here));
      if (judgesPoints) {
        scope.free([here, before, seen.retained(here.x)]);
        here = (yield report(here, here)) ?? here;
        if (!goesBack) scope.free([here, seen.retained(here.x)]);
        if (await interrupted()) return { reason: abortReason(here.iteration) };
      } else if (!hasFiniteNumbers(here)) return { reason: batchMessage(here), diverged: true };
      const from = here;
      const next = checkState(solver, await scope.run(() => solver.step(seenAt(seen, from.iteration + 1), from, interrupted)));
      if (next !== here && next.stalled === undefined && next.iteration !== here.iteration + 1) {
        throw new ConfigError(
          `${solver.name}: a step must return a state with iteration ${here.iteration + 1}, one more than it was given, got ${next.iteration}; return { x, iteration: state.iteration + 1, memory }`,
        );
      }
      if (next === here) {
        if (await interrupted()) return { reason: abortReason(here.iteration) };
        throw new ConfigError(
          `${solver.name}: a step returned the state that it was given; return a new one, or { ...state, stalled: 'why' }`,
        );
      }
      // A stalled solver has taken no step: its state is yielded once more, with the reason.
      if (next.stalled !== undefined) {
        yield report(next, here);
        return { reason: next.stalled };
      }
      if (!judgesPoints) {
        scope.free([next, here, seen.retained(next.x)]);
        yield report(next, here);
        // The gradient and the moments of the step before are as large as all that is trained, several times.
        if (!goesBack) scope.free([next, seen.retained(next.x)]);
      }
      [state, before] = [next, here];
    }
  } catch (error) {
    if (error instanceof EndOfData) return { reason: error.message };
    throw error;
  }
}

/** Returns the objective of step k, with the retraction of that step. */
export function seenAt<M, P, T>(seen: DrawnObjective<M, P, T>, k: number): DrawnObjective<M, P, T> {
  const manifold = seen.manifold.atStep?.(k);
  return manifold === undefined ? seen : { ...seen, manifold };
}

/** Returns a state with its evaluation; known values are not computed again. */
async function evaluated<M, P, T>({ seen, solver }: Run<M, P, T>, state: SolverState<P, T>): Promise<EvaluatedState<P, T>> {
  if (isEvaluated(state)) return state;
  const { x, iteration, cost } = state;
  const evaluation = solver.evaluate === undefined ? seen.evaluate(x, iteration, cost) : solver.evaluate(seen, state);
  return { ...state, ...(await evaluation) };
}

function isEvaluated<P, T>(state: SolverState<P, T>): state is EvaluatedState<P, T> {
  return state.cost !== undefined && state.gradient !== undefined && state.gradientNorm !== undefined;
}

function hasFiniteNumbers({ cost, gradientNorm }: Evaluation<unknown>): boolean {
  return Number.isFinite(cost) && Number.isFinite(gradientNorm);
}

function startMessage<M, P, T>({ caller }: Run<M, P, T>, { cost, gradientNorm, iteration }: EvaluatedState<P, T>): string {
  const where = iteration === 0 ? 'the initial point' : `the point of iteration ${iteration}, where the run begins,`;
  return `${caller}: at ${where} the cost is ${cost} and the gradient norm ${gradientNorm}; both must be finite: check the cost and its gradient there`;
}

function batchMessage({ cost, gradientNorm, iteration }: EvaluatedState<unknown, unknown>): string {
  return `the cost is ${cost} and the gradient norm ${gradientNorm} on the batch of step ${iteration + 1}: the run has diverged`;
}

/** Returns a state to continue from, without the mark that an earlier solver stalled in it. */
export function withoutStall<P, T>(state: SolverState<P, T>): SolverState<P, T> {
  if (state.stalled === undefined) return state;
  const { stalled: _stalled, ...rest } = state;
  return rest;
}

/** Returns true if a value is a solver's state: a count of iterations, a point, and a memory for each part. */
function isState(state: SolverState<unknown, unknown> | null): boolean {
  const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null;
  if (state === null || !isRecord(state) || !(Number.isSafeInteger(state.iteration) && state.iteration >= 0)) return false;
  if (state.x === undefined || !isRecord(state.memory)) return false;
  return Object.values(state.memory).every((memory) => isRecord(memory) && isRecord(memory.tangents) && isRecord(memory.numbers));
}

/** @throws ConfigError if a solver returns something that is not a state, rather than where it is first read. */
function checkState<P, T>({ name }: SolverFor<P, T>, state: SolverState<P, T>): SolverState<P, T> {
  if (typeof state?.iteration !== 'number' || state.x === undefined || typeof state.memory !== 'object' || state.memory === null) {
    throw new ConfigError(
      `${name}: init and step must return a state { x, iteration, memory }, got ${describeValue(state)}; see docs/custom-solver.md`,
    );
  }
  return state;
}
