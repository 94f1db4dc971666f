/** The loop around a solver, as a generator of steps. */
import { NumericalError } from '../core/errors.js';
import type { Problem } from './problem.js';
import { type IterateOptions, type Iteration, iterateOptions, openRun, runSteps } from './run.js';
import type { SolverState } from './solver.js';

/**
 * Runs a solver step by step: `for await (const step of iterate(problem, { solver })) …`. Each step evaluates cost and
 * gradient at the current point, and then moves.
 *
 * With a deterministic cost it first yields the start (iteration 0), then every step with the evaluation of the new
 * point, from which the next step is made. With a stochastic cost it yields every step (from iteration 1) with the
 * evaluation from which the step was made: N steps take N gradients. The generator ends by itself only if the solver
 * stalls (it then yields the last state again, with the reason in `stalled`), if the data ends, or if the signal is
 * aborted. It yields to the event loop between steps.
 *
 * On a device, arrays that it allocated live until the next step is requested, those of the last step also after the
 * loop: `keep` those that must live longer.
 *
 * @param problem - the cost.
 * @param options - solver, start, signal. Arrays of a start or a state given here are never freed.
 * @returns the steps; the generator's own return value is the reason why they ended, in words.
 * @throws ConfigError if problem or options are invalid; ShapeError, DomainError or NumericalError if the start is not
 * a point of the manifold, or its cost or gradient is not finite; NumericalError if the cost or gradient of a batch is
 * not finite. A step that throws has not moved the point.
 *
 * @example
 * ```ts
 * import { hostAlgebra, type HostArray, iterate, sphere, trustRegions } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const problem = { manifold: sphere({ shape: [4] }), cost, gradient };
 * for await (const step of iterate(problem, { solver: trustRegions() })) {
 *   if (step.gradientNorm > 1e-6) continue;
 *   console.log(step.cost); // 1
 *   break;
 * }
 * ```
 */
export function iterate<M, P, T, Z, G, Batch = undefined>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: IterateOptions<P, T> = {},
): AsyncGenerator<Iteration<P, T>, string, undefined> {
  return iterateFor('iterate', problem, options);
}

/**
 * Runs {@link iterate} for functions that are built on it.
 *
 * @param caller - name of the calling function, for error messages.
 * @param remedy - what to do about a step that breaks down.
 * @param ownsState - if true, the loop frees the arrays of the state given to it once it has moved on.
 */
export async function* iterateFor<M, P, T, Z, G, Batch>(
  caller: string,
  problem: Problem<M, P, T, Z, G, Batch>,
  options: IterateOptions<P, T>,
  ownsState = false,
  remedy = 'lower the step size, and go on from the last state',
): AsyncGenerator<Iteration<P, T>, string, undefined> {
  const settings = iterateOptions.read(caller, options);
  const run = await openRun(caller, problem, settings, false);
  if (ownsState) run.scope.own(settings.state);
  let last: SolverState<P, T> | undefined = ownsState ? settings.state : undefined;
  try {
    const steps = runSteps(run);
    for (;;) {
      const next = await nextStep(caller, steps, remedy, last?.iteration);
      if (!next.done) {
        last = next.value.state;
        yield next.value;
      } else if (next.value.diverged) {
        throw new NumericalError(`${caller}: ${next.value.reason}; lower the step size, and go on from the last state`);
      } else return next.value.reason;
    }
  } finally {
    run.scope.close(last);
  }
}

/** Takes the next step. @throws NumericalError, in the caller's name, if a factorization breaks down in it. */
async function nextStep<Steps extends ReturnType<typeof runSteps>>(
  caller: string,
  steps: Steps,
  remedy: string,
  iteration = 0,
): Promise<Awaited<ReturnType<Steps['next']>>> {
  try {
    return (await steps.next()) as Awaited<ReturnType<Steps['next']>>;
  } catch (error) {
    if (!(error instanceof NumericalError) || error.message.startsWith(`${caller}: `)) throw error;
    throw new NumericalError(`${caller}: numerical breakdown after iteration ${iteration}: ${error.message}; ${remedy}`, { cause: error });
  }
}
