/** Trial steps, shared by line searches and trust regions. */
import { NumericalError } from '../core/errors.js';
import type { RetractTransport } from '../manifolds/manifold.js';
import type { Evaluation, Objective } from './problem.js';
import type { EvaluatedState, SolverState } from './solver.js';

/**
 * Near a minimum the decrease of a step is lost in the rounding of the cost, and a rule that compares costs stops far
 * from the accuracy of the gradient. Within this many ulps of the cost, slopes decide instead.
 */
const costSlackUlps = 16;

/** Returns the change that rounding may hide in a cost of this size. */
export function costSlack<M, P, T>(problem: Objective<M, P, T>, cost: number): number {
  return costSlackUlps * problem.manifold.algebra.epsilon * Math.abs(cost);
}

/** Result of a trial step. */
export interface Trial<P, T> {
  readonly transport: RetractTransport<P, T>;
  readonly cost: number;
}

/**
 * Returns point and cost of the trial x ← R_x(t u), on the batch of the state's step; `undefined` if retraction or cost
 * break down.
 */
export async function tryStep<M, P, T>(
  problem: Objective<M, P, T>,
  { x, iteration }: SolverState<P, T>,
  direction: T,
  stepSize: number,
): Promise<Trial<P, T> | undefined> {
  try {
    const transport = problem.manifold.retractTransport(x, direction, stepSize);
    return { transport, cost: await problem.cost(transport.point, iteration) };
  } catch (error) {
    if (error instanceof NumericalError) return undefined;
    throw error;
  }
}

/**
 * Returns φ'(t) at a trial, the slope along the direction carried there, with the evaluation behind it; on the batch of
 * step k.
 */
export async function slopeAt<M, P, T>(
  problem: Objective<M, P, T>,
  { transport, cost }: Trial<P, T>,
  direction: T,
  k: number,
): Promise<{ readonly slope: number; readonly evaluation: Evaluation<T> }> {
  const evaluation = await problem.evaluate(transport.point, k, cost);
  return { evaluation, slope: await problem.manifold.inner(transport.point, evaluation.gradient, transport.vector(direction)) };
}

/**
 * Computes ρ, the decrease of the cost over the one that a model promised for a step; NaN if the trial broke down, or
 * is uphill beyond rounding. Within the rounding of the cost, slopes give it: −½(⟨g, η⟩ + ⟨g₊, Tη⟩) over the promise.
 */
export async function judgeStep<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  { step, decrease }: { readonly step: T; readonly decrease: number },
): Promise<{ readonly ratio: number; readonly trial?: Trial<P, T>; readonly evaluation?: Evaluation<T> }> {
  const trial = await tryStep(problem, state, step, 1);
  if (trial === undefined) return { ratio: Number.NaN };
  const slack = costSlack(problem, state.cost);
  if (decrease > slack) return { ratio: (state.cost - trial.cost) / decrease, trial };
  if (!(trial.cost <= state.cost + slack)) return { ratio: Number.NaN };
  const { slope, evaluation } = await slopeAt(problem, trial, step, state.iteration);
  const before = await problem.manifold.inner(state.x, state.gradient, step);
  return { ratio: (-0.5 * (before + slope)) / decrease, trial, evaluation };
}
