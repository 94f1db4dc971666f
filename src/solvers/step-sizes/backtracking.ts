/** Backtracking until the cost is low enough: the loop of all line searches here but `wolfe`. */
import type { Awaitable } from '../../core/awaitable.js';
import { number } from '../../core/options.js';
import type { RetractTransport } from '../../manifolds/manifold.js';
import type { Evaluation } from '../problem.js';
import { emptyMemory, type Memory, type StepChoice, type StepSizeContext, type StepSizeRule } from '../solver.js';
import { costSlack, slopeAt, tryStep } from '../trial.js';

/** Options that the line searches share. */
export interface BacktrackingOptions {
  /** Factor by which the trial step shrinks, in (0, 1). Default: that of the line search, see its defaults. */
  readonly contraction?: number;
  /**
   * Fraction of the decrease predicted by the slope that a step must achieve, in (0, 1). Default: that of the line
   * search, see its defaults.
   */
  readonly sufficientDecrease?: number;
  /** Largest number of trials. Default: that of the line search, see its defaults. */
  readonly maxTrials?: number;
  /** If true, a stochastic cost is accepted, and trial points are compared on the batch of the step. Default: false. */
  readonly frozenBatch?: boolean;
}

/** Declares the numbers of a line search, given its defaults. */
export const backtrackingNumbers = (defaults: Required<Omit<BacktrackingOptions, 'frozenBatch'>>) => ({
  contraction: number({ default: defaults.contraction, above: 0, below: 1 }),
  sufficientDecrease: number({ default: defaults.sufficientDecrease, above: 0, below: 1 }),
  maxTrials: number({ default: defaults.maxTrials, min: 1, integer: true }),
});

/** Result of backtracking: an accepted step, or none. */
export interface BacktrackingResult<P, T> {
  readonly stepSize: number;
  /** The step taken; missing if no trial was accepted. */
  readonly transport?: RetractTransport<P, T>;
  /** Cost at the new point. */
  readonly cost?: number;
  /** Cost and gradient at the new point, if both were needed to accept it. */
  readonly evaluation?: Evaluation<T>;
  /** Number of trials, including the accepted one. */
  readonly trials: number;
  /** False if the cost was not finite at any trial. */
  readonly sawCosts: boolean;
}

/** Number of the last trials that may be made where the quadratic through the one before is least. */
const INTERPOLATED = 4;

/**
 * Tries t, c·t, c²·t, … until f(R_x(t u)) ≤ reference + σ·t·slope, σ the sufficient decrease.
 *
 * If the required decrease is below the rounding of the cost, the trial's own slope must satisfy φ'(t) ≤ (2σ −
 * 1)·φ'(0), which is the same condition for a quadratic φ and loses no digits. A trial counts as too long if its cost
 * is not a number, or its retraction is not defined. The last few trials, if costs still rise, are made where the
 * quadratic through the one before is least.
 *
 * @param slope - φ'(0) = ⟨grad f(x), u⟩ < 0.
 * @param reference - f(x), or the larger value of a non-monotone rule.
 * @see Nocedal and Wright, Numerical Optimization, 2006, algorithm 3.1; Absil, Mahony and Sepulchre 2008, definition
 * 4.2.2; Hager and Zhang, SIAM J. Optim. 16(1), 2005, equation 4.1 (the slope condition, "approximate Wolfe").
 */
async function backtrack<M, P, T>(
  context: StepSizeContext<M, P, T>,
  firstStep: number,
  slope: number,
  reference: number,
  { contraction, sufficientDecrease, maxTrials }: Required<BacktrackingOptions>,
): Promise<BacktrackingResult<P, T>> {
  const { problem, state, direction } = context;
  const slack = costSlack(problem, state.cost);
  let stepSize = firstStep;
  let sawCosts = false;
  for (let trials = 1; trials <= maxTrials; trials++) {
    const trial = await tryStep(problem, state, direction, stepSize);
    const wanted = sufficientDecrease * stepSize * slope;
    sawCosts ||= Number.isFinite(trial?.cost);
    if (trial !== undefined && trial.cost <= reference + (-wanted > slack ? wanted : slack)) {
      if (-wanted > slack) return { stepSize, ...trial, trials, sawCosts };
      const end = await slopeAt(problem, trial, direction, state.iteration);
      if (end.slope <= (2 * sufficientDecrease - 1) * slope) return { stepSize, ...trial, evaluation: end.evaluation, trials, sawCosts };
    }
    // The unit of length may be far from that of the data, where contractions alone do not arrive.
    const rise = (trial?.cost ?? Number.NaN) - state.cost;
    const interpolates = maxTrials > 2 * INTERPOLATED && trials >= maxTrials - INTERPOLATED && rise > slack;
    stepSize *= interpolates ? Math.min(contraction, (-0.5 * stepSize * slope) / (rise - stepSize * slope)) : contraction;
  }
  return { stepSize, trials: maxTrials, sawCosts };
}

/** Parts in which line searches differ. */
export interface LineSearchParts {
  /** Returns the first step to try. */
  firstTrial<M, P, T>(context: StepSizeContext<M, P, T>, slope: number): Awaitable<number>;
  /** Returns the cost below which a step must fall. */
  reference<M, P, T>(context: StepSizeContext<M, P, T>): number;
  /** Returns the memory after an accepted step. */
  remember<M, P, T>(context: StepSizeContext<M, P, T>, accepted: BacktrackingResult<P, T>): Memory<T>;
}

/**
 * Returns a step-size rule that backtracks from a first trial.
 *
 * @param name - the rule's name, for tables and messages.
 * @param settings - options of the backtracking.
 * @param parts - first trial, reference cost, and memory.
 */
export function lineSearch(name: string, settings: Required<BacktrackingOptions>, parts: LineSearchParts): StepSizeRule {
  return {
    name,
    comparesCosts: !settings.frozenBatch,
    needsDescent: true,
    async choose(context) {
      const { slope = Number.NaN } = context;
      const reason = noDescent(name, context);
      if (reason !== undefined) return stalled(reason);
      const result = await backtrack(context, await parts.firstTrial(context, slope), slope, parts.reference(context), settings);
      const { trials, stepSize, transport, cost, evaluation, sawCosts } = result;
      if (transport === undefined)
        return stalled(
          `${name}: no decrease after ${trials} trials, down to t = ${stepSize.toExponential(1)}; ${causeOf(sawCosts, context)}`,
        );
      return {
        stepSize,
        transport,
        memory: parts.remember(context, result),
        ...(cost !== undefined && { cost }),
        ...(evaluation && { evaluation }),
      };
    },
  };
}

/** Returns the reason why a search along the direction is pointless; `undefined` if it is not. */
export function noDescent<M, P, T>(name: string, { slope = Number.NaN, state }: StepSizeContext<M, P, T>): string | undefined {
  if (state.gradientNorm === 0) return `${name}: the gradient is zero: the point is stationary`;
  const { gradientNorm = 1 } = state;
  const isOutOfRange =
    slope === Number.NEGATIVE_INFINITY || (!(slope < 0) && !(gradientNorm ** 2 > 0 && gradientNorm ** 2 < Number.POSITIVE_INFINITY));
  if (isOutOfRange)
    return `${name}: the slope along the direction, about the square of the gradient norm ${gradientNorm.toExponential(1)}, is beyond the range of numbers; scale the cost`;
  if (slope < 0) return undefined;
  return `${name}: the direction does not point downhill (slope ${slope.toExponential(2)}); entrywise rules such as adam and sign need not descend and want constantStep; otherwise check the gradient with checkGradient`;
}

/** Returns the probable cause of a search that found no step. */
export function causeOf<M, P, T>(sawCosts: boolean, { state }: StepSizeContext<M, P, T>): string {
  return sawCosts
    ? 'the cost is at its rounding error, or its gradient is wrong (see checkGradient)'
    : `the cost is ${state.cost?.toExponential(1)} here and not finite at any of them: it may have no lower bound, or end here`;
}

/** Returns the choice that stops the engine. */
export function stalled<P, T>(reason: string): StepChoice<P, T> {
  return { stepSize: 0, stalled: reason, memory: emptyMemory };
}

/** Returns the step of unit length along the direction: the first trial of a search without history. */
export async function unitStep<M, P, T>({ problem, state, direction }: StepSizeContext<M, P, T>): Promise<number> {
  return 1 / (await problem.manifold.norm(state.x, direction));
}
