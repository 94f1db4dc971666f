/** The loop around a solver, in the caller's hands. */
import { NumericalError } from '../core/errors.js';
import { checkKeys } from '../core/options.js';
import type { Problem } from './problem.js';
import { type IterateOptions, type Iteration, iterateKeys, openRun, runSteps } from './run.js';
import type { SolverState } from './solver.js';

/**
 * Runs a solver step by step: `for await (const step of iterate(problem, { solver })) …`. Each step evaluates cost and gradient where it stands, and then moves.
 *
 * With a deterministic cost it first yields the start (iteration 0), and then every step, each with the evaluation of the point reached, from which the next
 * one is made. With a stochastic cost it yields every step (from iteration 1), with the evaluation that it was made from: N steps are N gradients. It goes on
 * for ever, and ends by itself only when the solver stalls (the last state is then yielded again, with `stalled` saying why), when the data ends, or
 * when the signal is aborted. It yields to the event loop between steps.
 *
 * On a device, arrays that it allocated live until the next step is asked for, those of the last step after the loop too: `keep` what is to live longer.
 *
 * @param problem - the cost.
 * @param options - solver, start, signal. Arrays of a start or a state given here are never freed.
 * @returns the steps; the generator's own return value is the reason why they ended, in words.
 * @throws ConfigError if problem or options are not right; ShapeError, DomainError or NumericalError if the start is not a point of the manifold, or
 * its cost or gradient is not finite; NumericalError if the cost or gradient of a batch is not finite. Nothing has been moved by a step that throws.
 */
export function iterate<M, P, T, Z, G, Batch = undefined>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: IterateOptions<P, T> = {},
): AsyncGenerator<Iteration<P, T>, string, undefined> {
  return iterateFor('iterate', problem, options);
}

/**
 * {@link iterate}, for functions that are built on it.
 *
 * @param caller - the function that was called, which errors name.
 * @param ownsState - whether the loop frees the arrays of a state given to it once it has moved on from them.
 */
export async function* iterateFor<M, P, T, Z, G, Batch>(
  caller: string,
  problem: Problem<M, P, T, Z, G, Batch>,
  options: IterateOptions<P, T>,
  ownsState = false,
): AsyncGenerator<Iteration<P, T>, string, undefined> {
  checkKeys(caller, options, iterateKeys);
  const run = await openRun(caller, problem, options);
  if (ownsState) run.scope.own(options.state);
  let last: SolverState<P, T> | undefined = ownsState ? options.state : undefined;
  try {
    const steps = runSteps(run);
    for (;;) {
      const next = await nextStep(caller, steps, last?.iteration);
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

/** The next step. @throws NumericalError by the name of the caller, where a factorization broke down within it. */
async function nextStep<Steps extends ReturnType<typeof runSteps>>(
  caller: string,
  steps: Steps,
  iteration = 0,
): Promise<Awaited<ReturnType<Steps['next']>>> {
  try {
    return (await steps.next()) as Awaited<ReturnType<Steps['next']>>;
  } catch (error) {
    if (!(error instanceof NumericalError) || error.message.startsWith(`${caller}: `)) throw error;
    throw new NumericalError(
      `${caller}: numerical breakdown after iteration ${iteration}: ${error.message}; lower the step size, and go on from the last state`,
      { cause: error },
    );
  }
}
