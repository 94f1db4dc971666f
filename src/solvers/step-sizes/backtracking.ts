/** Backtracking until a cost is low enough: the loop that every line search here is made of. */
import { NumericalError } from '../../core/errors.js';
import type { RetractTransport } from '../../manifolds/manifold.js';
import type { StepChoice, StepSizeContext } from '../solver.js';

/** Options that the line searches share. */
export interface BacktrackingOptions {
  /** The trial step shrinks by this factor, in (0, 1). */
  readonly contraction?: number;
  /** The share of the decrease predicted by the slope that a step must achieve, in (0, 1). */
  readonly sufficientDecrease?: number;
  /** Trials before giving up. */
  readonly maxTrials?: number;
  /** Accept a stochastic cost, and compare trial points on the batch of the step. Default: false. */
  readonly frozenBatch?: boolean;
}

/** An accepted step, or none. */
export interface BacktrackingResult<P, T> {
  readonly stepSize: number;
  /** The step taken; missing if no trial was accepted. */
  readonly transport?: RetractTransport<P, T>;
  /** Trials made, accepted one included. */
  readonly trials: number;
}

/**
 * Near a minimum the decrease of a step drowns in the rounding of the cost, and a line search that compares costs stops far from the accuracy
 * of the gradient. Within this many ulps of the cost, slopes decide instead.
 */
const costSlackUlps = 16;

/** What rounding may hide in a cost of this size. */
export function costSlack<M, P, T>({ problem, state }: StepSizeContext<M, P, T>): number {
  return costSlackUlps * problem.manifold.algebra.epsilon * Math.abs(state.cost);
}

/**
 * Tries t, c·t, c²·t, … until f(R_x(t u)) ≤ reference + σ·t·slope, σ the sufficient decrease.
 *
 * Where the decrease asked for is below the rounding of the cost, the trial's own slope must satisfy φ'(t) ≤ (2σ − 1)·φ'(0), which is the same condition for a
 * quadratic φ and loses no digits. A trial whose cost is not a number, or whose retraction is not defined, counts as too long.
 *
 * @param slope - φ'(0) = ⟨grad f(x), u⟩ < 0.
 * @param reference - f(x), or the larger value of a non-monotone rule.
 * @see Nocedal and Wright, Numerical Optimization, 2006, algorithm 3.1; Absil, Mahony and Sepulchre 2008, definition 4.2.2;
 * Hager and Zhang, SIAM J. Optim. 16(1), 2005, equation 4.1 (the slope condition, "approximate Wolfe").
 */
export async function backtrack<M, P, T>(
  context: StepSizeContext<M, P, T>,
  firstStep: number,
  slope: number,
  reference: number,
  { contraction, sufficientDecrease, maxTrials }: Required<BacktrackingOptions>,
): Promise<BacktrackingResult<P, T>> {
  const { problem, state, direction } = context;
  const slack = costSlack(context);
  let stepSize = firstStep;
  for (let trials = 1; trials <= maxTrials; trials++) {
    const transport = tryRetraction(() => problem.manifold.retractTransport(state.x, direction, stepSize));
    if (transport !== undefined) {
      const cost = await problem.cost(transport.point, state.iteration);
      const wanted = sufficientDecrease * stepSize * slope;
      const accepted =
        -wanted > slack
          ? cost <= reference + wanted
          : cost <= reference + slack && (await slopeAt(context, transport)) <= (2 * sufficientDecrease - 1) * slope;
      if (accepted) return { stepSize, transport, trials };
    }
    stepSize *= contraction;
  }
  return { stepSize, trials: maxTrials };
}

/** φ'(t): the slope at a trial point along the direction carried there. */
async function slopeAt<M, P, T>(
  { problem, state, direction }: StepSizeContext<M, P, T>,
  transport: RetractTransport<P, T>,
): Promise<number> {
  const { gradient } = await problem.evaluate(transport.point, state.iteration);
  return problem.manifold.inner(transport.point, gradient, transport.vector(direction));
}

function tryRetraction<Result>(retract: () => Result): Result | undefined {
  try {
    return retract();
  } catch (error) {
    if (error instanceof NumericalError) return undefined;
    throw error;
  }
}

/** The choice that stops the engine: the direction does not point downhill. */
export function uphill<P, T>(name: string, slope: number): StepChoice<P, T> {
  return {
    stepSize: 0,
    stalled: `${name}: the direction does not point downhill (slope ${slope.toExponential(2)}); check the gradient with checkGradient, or use another direction rule`,
    memory: { tangents: {}, numbers: {} },
  };
}

/** The choice that stops the engine: no trial was low enough. */
export function noDecrease<P, T>(name: string, { trials, stepSize }: BacktrackingResult<P, T>): StepChoice<P, T> {
  return {
    stepSize: 0,
    stalled: `${name}: no decrease after ${trials} trials, down to t = ${stepSize.toExponential(1)}; the cost is at its rounding error, or its gradient is wrong (see checkGradient)`,
    memory: { tangents: {}, numbers: {} },
  };
}
