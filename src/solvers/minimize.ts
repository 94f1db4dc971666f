/** The loop around a solver, run to its end. */
import { ConfigError, NumericalError } from '../core/errors.js';
import { declareOptions, describeValue, option } from '../core/options.js';
import { faultOf } from './fault.js';
import { runHints } from './option-hints.js';
import type { Problem } from './problem.js';
import {
  type Ending,
  type IterateOptions,
  type Iteration,
  iterateOptions,
  openRun,
  type Run,
  runSteps,
  seenAt,
  withoutStall,
} from './run.js';
import type { EvaluatedState, SolverState } from './solver.js';
import { any } from './stopping/compose.js';
import { gradientNormBelow } from './stopping/convergence.js';
import { maxIterations } from './stopping/limits.js';
import type { Progress, StopDecision, StoppingRule } from './stopping/stopping-rule.js';

/** Options of {@link minimize}. */
export interface MinimizeOptions<P, T> extends IterateOptions<P, T> {
  /**
   * Stopping rule, in the place of both parts of the default. A rule of this library without a limit gets one of
   * 100,000 iterations where the cost is deterministic, since rounding may keep it from ever being met. Default:
   * {@link defaultStop}.
   */
  readonly stop?: StoppingRule;
  /** Called after each iteration and, if the cost is deterministic, with the start. Default: nothing. */
  readonly onIteration?: (step: Iteration<P, T>) => void;
}

const minimizeOptions = declareOptions<MinimizeOptions<unknown, unknown>>()(
  {
    ...iterateOptions.options,
    stop: option({ optional: true }, (caller, name, stop) => {
      if (typeof (stop as StoppingRule | null)?.check === 'function') return;
      throw new ConfigError(
        `${caller}: ${name} must be a stopping rule, got ${describeValue(stop)}; pass, say, any(gradientNormBelow(1e-8), maxIterations(500))`,
      );
    }),
    onIteration: option({ optional: true }, (caller, name, value) => {
      if (typeof value === 'function') return;
      throw new ConfigError(`${caller}: ${name} must be a function, got ${describeValue(value)}; pass, say, ({ iteration, cost }) => …`);
    }),
  },
  runHints,
);

/** Default stopping rule of {@link minimize}: gradient norm 1e-6, or 1000 iterations, as in Manopt. */
export const defaultStop: StoppingRule = any(gradientNormBelow(1e-6), maxIterations(1000));

/** Limit on the iterations of a run whose rule has none. */
const lastResort = 100_000;

/**
 * Type of the last cost of a run: a number, or `undefined` if the cost is stochastic and no step was taken, since no
 * further cost is evaluated.
 */
export type LastNumber<Batch> = [Batch] extends [undefined] ? number : number | undefined;

/** Result of {@link minimize}. Not converging is a result, too. */
export interface MinimizeResult<P, T, Last = number> {
  /** The last point with a finite cost. */
  readonly x: P;
  /** The cost at x; for a stochastic cost, that from which the last step was made, on its batch. */
  readonly cost: Last;
  /** The norm of the Riemannian gradient that belongs to this cost. */
  readonly gradientNorm: Last;
  /**
   * Name of the solver with its parts, and with what it did on this problem in particular: `trustRegions` says where
   * its Hessian products were differences of gradients.
   */
  readonly solver: string;
  /** Number of steps taken. */
  readonly iterations: number;
  /** True if the stopping rule that ended the run means success. */
  readonly converged: boolean;
  /** The reason for stopping, in words, with the number that triggered it. */
  readonly stopReason: string;
  /** The numbers of every iteration and, if the cost is deterministic, of the start. */
  readonly history: readonly Progress[];
  /** Wall-clock seconds. */
  readonly seconds: number;
  /** The final state: pass it as `state` to continue. */
  readonly state: SolverState<P, T>;
}

/**
 * Minimizes a cost over a manifold.
 *
 * $$ \min_{x\in\mathcal M}f(x) $$
 *
 * N steps on a stochastic cost take N gradients. Rules that need a cost or a gradient then see those of the last step.
 *
 * @param problem - manifold, cost and gradient; with `nextBatch` the cost is stochastic.
 * @param options - solver (default {@link gradientDescent} with {@link armijo}), start (default: a random point),
 * stopping rule (default {@link defaultStop}), signal, callback.
 * @returns the last point and a report. A limit, the end of the data, stalling, divergence to a cost that is not
 * finite, a numerical breakdown inside a step and an abort give results with `converged: false` and the last good
 * point. On a device the caller disposes of the result's arrays, or leaves them to a `tidy` around the call; all other
 * arrays of the run are freed.
 * @throws ConfigError if problem or options are invalid; ShapeError, DomainError or NumericalError if the start is not
 * a point of the manifold, or its cost or gradient is not finite.
 *
 * @example
 * ```ts
 * import { any, euclidean, gradientNormBelow, hostAlgebra, maxIterations, minimize } from 'bures';
 *
 * const la = hostAlgebra();
 * const target = la.fromArray([1, 2, 3], [3]);
 * const { x, converged, stopReason } = await minimize(
 *   {
 *     manifold: euclidean({ shape: [3] }),
 *     cost: (x) => 0.5 * la.norm(la.subtract(x, target)) ** 2,
 *     gradient: { kind: 'ambient', at: (x) => la.subtract(x, target) },
 *   },
 *   { stop: any(gradientNormBelow(1e-10), maxIterations(100)) },
 * );
 * console.log(la.toArray(x), converged, stopReason);
 * ```
 */
export async function minimize<M, P, T, Z, G, Batch = undefined>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: MinimizeOptions<P, T> = {},
): Promise<MinimizeResult<P, T, LastNumber<Batch>>> {
  const { stop: asked = defaultStop, onIteration, ...settings } = minimizeOptions.read('minimize', options);
  const run = await openRun('minimize', problem, settings, true);
  const stop = asked.endsEveryRun === false && run.judgesPoints ? any(asked, maxIterations(lastResort)) : asked;
  const steps = runSteps(run);
  let result: MinimizeResult<P, T, number | undefined> | undefined;
  try {
    result = await runToEnd(run, steps, stop, onIteration);
    return result as MinimizeResult<P, T, LastNumber<Batch>>;
  } finally {
    await steps.return({ reason: 'ended' });
    run.scope.close(result?.state);
  }
}

/** Takes steps until the stopping rule, the solver, the data, a breakdown or the signal ends the run. */
async function runToEnd<M, P, T>(
  run: Run<M, P, T>,
  steps: ReturnType<typeof runSteps<M, P, T>>,
  stop: StoppingRule,
  onIteration: MinimizeOptions<P, T>['onIteration'],
): Promise<MinimizeResult<P, T, number | undefined>> {
  const history: Progress[] = [];
  let last: Iteration<P, T> | undefined;
  /** The state to which a run returns if the evaluation at the last one is not finite. */
  let before = run.start;
  let replaced: EvaluatedState<P, T> | undefined;
  const finish = (converged: boolean, stopReason: string, state = last?.state ?? run.start): MinimizeResult<P, T, number | undefined> => {
    const { cost, gradientNorm, seconds = 0 } = last ?? {};
    const solver = run.solver.describe?.(run.seen) ?? run.solver.name;
    return { x: state.x, cost, gradientNorm, solver, iterations: state.iteration, converged, stopReason, history, seconds, state };
  };
  const spent = run.judgesPoints ? undefined : stop.checkBefore?.({ iteration: run.start.iteration, seconds: 0 });
  if (spent !== undefined) return finish(checkDecision(stop, spent)?.converged === true, spent.reason);
  for (;;) {
    const next = await nextOrBreakdown(steps, last, replaced);
    if (next.done) {
      const { reason, diverged = false } = next.value;
      return diverged ? finish(false, `${reason}; the point before is returned`, before) : finish(false, reason);
    }
    const { state, ...numbers } = next.value;
    const { cost, gradientNorm, iteration } = numbers;
    if (state.stalled !== undefined) {
      if (!run.judgesPoints) last = { ...next.value, state: withoutStall(state) };
      return finish(false, explained(run, state.stalled, gradientNorm === 0 && run.solver.confirm === undefined));
    }
    history.push(numbers);
    if (!Number.isFinite(cost) || !Number.isFinite(gradientNorm)) {
      return finish(
        false,
        `cost ${cost} and gradient norm ${gradientNorm} at iteration ${iteration}: the run has diverged; the point before is returned`,
      );
    }
    before = last?.state ?? run.start;
    last = next.value;
    onIteration?.(last);
    const decision = checkDecision(stop, stop.check(numbers, history.at(-2), history[0]));
    const looked = decision?.converged && decision.stationary && run.judgesPoints ? await lookForDescent(run, state) : undefined;
    replaced = looked?.better;
    if (decision === undefined || replaced !== undefined) continue;
    const { converged, stationary = false } = decision;
    const reason = `${decision.reason}${looked?.remark ?? ''}`;
    const fault = converged ? await faultOf(run.seen.manifold, state.x, state.iteration === 0) : undefined;
    if (fault !== undefined) return finish(false, `${reason}, but at a point that the manifold refuses: ${fault}`);
    const unmoved = looked?.remark === undefined && (gradientNorm === 0 || (stationary && history.length === 1));
    return finish(converged, explained(run, reason, unmoved && (stationary || !converged)));
  }
}

/** Returns the reason for stopping, with a remark if the solver could not leave a critical point. */
function explained<M, P, T>({ solver }: Run<M, P, T>, reason: string, unmoved: boolean): string {
  if (!unmoved) return reason;
  if (solver.confirm !== undefined)
    return `${reason}; a critical point, which ${solver.name} found no way to leave: hessianSpectrum tells whether it is a minimum`;
  return `${reason}; a critical point: first-order solvers cannot tell a minimum from a saddle, hessianSpectrum can, and trustRegions leaves saddles`;
}

/**
 * Has the solver look for a way down from a stationary point.
 *
 * @returns a better state from which it can continue, if there is one; a remark, if the search broke down.
 */
async function lookForDescent<M, P, T>(
  { seen, solver, scope, interrupted }: Run<M, P, T>,
  state: SolverState<P, T>,
): Promise<{ readonly better?: EvaluatedState<P, T>; readonly remark?: string }> {
  try {
    // If evaluations belong to points, every state that the loop yields has its own.
    const better = await scope.run(() => solver.confirm?.(seenAt(seen, state.iteration + 1), state as EvaluatedState<P, T>, interrupted));
    return better === undefined ? {} : { better };
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    return { remark: `; whether a way leads down from there could not be computed: ${error.message}` };
  }
}

/**
 * Takes the next step, or ends the run with the reason if a factorization breaks down in it. A breakdown at the very
 * start means a bad start, which is misuse.
 */
async function nextOrBreakdown<P, T>(
  steps: ReturnType<typeof runSteps<unknown, P, T>>,
  last: Iteration<P, T> | undefined,
  replaced: EvaluatedState<P, T> | undefined,
): Promise<IteratorResult<Iteration<P, T>, Ending>> {
  try {
    return await steps.next(replaced);
  } catch (error) {
    if (!(error instanceof NumericalError) || last === undefined) throw error;
    return { done: true, value: { reason: `numerical breakdown after iteration ${last.iteration}: ${error.message}` } };
  }
}

/** @throws ConfigError if a stopping rule returns anything but a decision. */
function checkDecision({ name }: StoppingRule, decision: StopDecision | undefined): StopDecision | undefined {
  if (decision === undefined || (typeof decision?.reason === 'string' && typeof decision.converged === 'boolean')) return decision;
  throw new ConfigError(
    `minimize: the stopping rule ${name} must return { reason, converged } or undefined, got ${describeValue(decision)}`,
  );
}
