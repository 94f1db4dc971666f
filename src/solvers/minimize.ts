/** The loop around a solver, run to its end. */
import { ConfigError, NumericalError } from '../core/errors.js';
import { checkKeys, checkNumber, describeValue } from '../core/options.js';
import { type AbortSignalLike, type IterateOptions, type Iteration, iterateKeys, prepareRun, type Run, runSteps } from './iterate.js';
import type { Problem } from './problem.js';
import type { SolverState } from './solver.js';
import { any } from './stopping/compose.js';
import { gradientNormBelow } from './stopping/convergence.js';
import { maxIterations } from './stopping/limits.js';
import type { Progress, StopDecision, StoppingRule } from './stopping/stopping-rule.js';

/** Options of {@link minimize}. */
export interface MinimizeOptions<P, T> extends IterateOptions<P, T> {
  /** When to stop. Default: {@link defaultStop}. */
  readonly stop?: StoppingRule;
  /** Called after each iteration, the start included. */
  readonly onIteration?: (step: Iteration<P, T>) => void;
}

/** When {@link minimize} stops by default: gradient norm 1e-6, or 1000 iterations, as in Manopt. */
export const defaultStop: StoppingRule = any(gradientNormBelow(1e-6), maxIterations(1000));

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

/**
 * Minimizes a cost over a manifold.
 *
 * $$ \min_{x\in\mathcal M}f(x) $$
 *
 * @param problem - manifold, cost and gradient; with `nextBatch` the cost is stochastic.
 * @param options - solver (default {@link gradientDescent} with {@link armijo}), start (default: a random point), stopping rule (default {@link defaultStop}), signal, callback.
 * @returns the last point and how the run ended. Reaching a limit, stalling, divergence to a cost that is not finite, a numerical breakdown inside a step and an abort
 * are results with `converged: false`, and keep the last good point. On a device its arrays are the caller's to dispose of, or to leave to a `tidy` around the
 * call; what the run allocated besides is freed.
 * @throws ConfigError if problem or options are not right; ShapeError, DomainError or NumericalError if the start is not a point of the manifold, or
 * its cost or gradient is not finite.
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
  if (onIteration !== undefined && typeof onIteration !== 'function') {
    throw new ConfigError(
      `minimize: onIteration must be a function, got ${describeValue(onIteration)}; pass, say, ({ iteration, cost }) => …`,
    );
  }
  const run = prepareRun(problem, iterateOptions);
  const steps = runSteps(run, iterateOptions);
  let result: MinimizeResult<P, T> | undefined;
  try {
    result = await runToEnd(run, steps, stop, { onIteration, signal: options.signal });
    return result;
  } finally {
    await steps.return(undefined);
    run.scope.close(result?.state);
  }
}

/** Takes steps until the stopping rule, the solver, a breakdown or the signal ends the run. */
async function runToEnd<M, P, T>(
  run: Run<M, P, T>,
  steps: ReturnType<typeof runSteps<M, P, T>>,
  stop: StoppingRule,
  { onIteration, signal }: { readonly onIteration: MinimizeOptions<P, T>['onIteration']; readonly signal: AbortSignalLike | undefined },
): Promise<MinimizeResult<P, T>> {
  const history: Progress[] = [];
  let last: Iteration<P, T> | undefined;
  let replaced: SolverState<P, T> | undefined;
  const finish = (converged: boolean, stopReason: string): MinimizeResult<P, T> => {
    const { state, cost, gradientNorm, iteration, seconds } = last as Iteration<P, T>;
    return { x: state.x, cost, gradientNorm, iterations: iteration, converged, stopReason, history, seconds, state };
  };
  for (;;) {
    const next = await nextOrBreakdown(steps, last, replaced);
    if (next.done) return finish(false, next.value ?? `aborted after iteration ${last?.iteration}: ${String(signal?.reason)}`);
    const { state, ...numbers } = next.value;
    if (state.stalled !== undefined)
      return finish(false, explained(run, state.stalled, state.gradientNorm === 0 && run.solver.confirm === undefined));
    const { cost, gradientNorm, iteration } = numbers;
    history.push(numbers);
    if (!Number.isFinite(cost) || !Number.isFinite(gradientNorm)) {
      return finish(
        false,
        `cost ${cost} and gradient norm ${gradientNorm} at iteration ${iteration}: the run has diverged; the point before is returned`,
      );
    }
    last = next.value;
    onIteration?.(last);
    const decision = checkDecision(stop, stop.check(numbers, history.at(-2), history[0]));
    replaced = decision?.converged && decision.stationary ? await betterState(run, state) : undefined;
    if (decision === undefined || replaced !== undefined) continue;
    const { converged, stationary = false, reason } = decision;
    const unmoved = gradientNorm === 0 || (stationary && history.length === 1);
    return finish(converged, explained(run, reason, unmoved && (stationary || !converged)));
  }
}

/** The reason for stopping, with what is known of a point where the gradient gave the solver no way to go. */
function explained<M, P, T>({ solver }: Run<M, P, T>, reason: string, unmoved: boolean): string {
  if (!unmoved) return reason;
  if (solver.confirm !== undefined)
    return `${reason}; a critical point, which ${solver.name} found no way to leave: hessianSpectrum tells whether it is a minimum`;
  return `${reason}; a critical point: first-order solvers cannot tell a minimum from a saddle, hessianSpectrum can, and trustRegions leaves saddles`;
}

/** The state in whose stead the solver goes on, if it does not take this one for a minimum. */
function betterState<M, P, T>({ seen, solver, scope, interrupted }: Run<M, P, T>, state: SolverState<P, T>) {
  return scope.run(() => solver.confirm?.(seen, state, interrupted));
}

/** The next step, or the end with its reason if a factorization broke down in it. At the very start a breakdown means a bad start: that is misuse. */
async function nextOrBreakdown<P, T>(
  steps: AsyncGenerator<Iteration<P, T>, undefined, SolverState<P, T> | undefined>,
  last: Iteration<P, T> | undefined,
  replaced: SolverState<P, T> | undefined,
): Promise<IteratorResult<Iteration<P, T>, string | undefined>> {
  try {
    return await steps.next(replaced);
  } catch (error) {
    if (!(error instanceof NumericalError) || last === undefined) throw error;
    return { done: true, value: `numerical breakdown after iteration ${last.iteration}: ${error.message}` };
  }
}

/** @throws ConfigError if a stopping rule gives something else than a decision. */
function checkDecision({ name }: StoppingRule, decision: StopDecision | undefined): StopDecision | undefined {
  if (decision === undefined || (typeof decision?.reason === 'string' && typeof decision.converged === 'boolean')) return decision;
  throw new ConfigError(
    `minimize: the stopping rule ${name} must return { reason, converged } or undefined, got ${describeValue(decision)}`,
  );
}
