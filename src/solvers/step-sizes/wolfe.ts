import { ConfigError, NumericalError } from '../../core/errors.js';
import { declareOptions, number } from '../../core/options.js';
import type { Evaluation } from '../problem.js';
import type { StepChoice, StepSizeContext, StepSizeRule } from '../solver.js';
import { costSlack, slopeAt, type Trial, tryStep } from '../trial.js';
import { causeOf, noDescent, stalled, unitStep } from './backtracking.js';

/** Options of {@link wolfe}. */
export interface WolfeOptions {
  /**
   * δ: the fraction of the decrease predicted by the slope that a step must achieve, in (0, ½). Default: 0.1.
   */
  readonly sufficientDecrease?: number;
  /** σ: the fraction of the slope that may remain at the end of a step, in [δ, 1). Default: 0.4. */
  readonly curvature?: number;
  /** Largest number of trials. Default: 50. */
  readonly maxTrials?: number;
}

const wolfeOptions = declareOptions<WolfeOptions>()({
  sufficientDecrease: number({ default: 0.1, above: 0, below: 0.5 }),
  curvature: number({ default: 0.4, above: 0, below: 1 }),
  maxTrials: number({ default: 50, min: 1, integer: true }),
});

/**
 * Defaults of {@link wolfe}. CG_DESCENT uses 0.9 for the curvature, but conjugate gradient directions suffer more from
 * inexact steps than trials cost.
 */
export const wolfeDefaults: Required<WolfeOptions> = wolfeOptions.defaults;

/** A point of the search: φ and φ' there, if they are finite. */
interface Probe<P, T> {
  readonly t: number;
  readonly cost: number;
  readonly slope: number;
  readonly trial?: Trial<P, T>;
  readonly evaluation?: Evaluation<T>;
}

/** An open bracket grows by at most this factor per trial, and by at least 1 + `margin`. */
const largestExpansion = 10;

/** Secant steps keep this fraction of a bracket's width from its ends. */
const margin = 0.1;

/**
 * Hager and Zhang's line search for the Wolfe conditions or, if the rounding of the cost hides the first of them, for
 * the approximate ones: with φ(t) = f(R_x(t u)),
 *
 * $$ \varphi(t)\le\varphi(0)+\delta t\varphi'(0), \qquad \varphi'(t)\ge\sigma\varphi'(0) \qquad\text{or}\qquad (2\delta-1)\varphi'(0)\ge\varphi'(t)\ge\sigma\varphi'(0),\quad\varphi(t)\le\varphi(0)+\epsilon. $$
 *
 * Steps are both long and short enough, which suits conjugate gradient and quasi-Newton directions. Each trial takes a
 * cost and a gradient; the gradient of the accepted one serves the next step.
 *
 * Differences from the reference: φ'(t) is ⟨grad f, Tu⟩ with the manifold's transport; ε is the rounding of the cost
 * rather than 10⁻⁶|f|; each trial narrows the bracket by one safeguarded secant step or bisection rather than the
 * double secant step, which costs another trial even if the first would do.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { gradientDescent, hostAlgebra, type HostArray, minimize, polakRibiere, sphere, wolfe } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: polakRibiere(), stepSize: wolfe() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 9 steps
 * ```
 * @see Hager and Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM J.
 * Optim. 16(1), 2005, section 4; Nocedal and Wright 2006, section 3.5 (first trial).
 */
export function wolfe(options: WolfeOptions = {}): StepSizeRule {
  const settings = wolfeOptions.read('wolfe', options);
  if (settings.curvature < settings.sufficientDecrease) {
    throw new ConfigError(
      `wolfe: curvature (${settings.curvature}) must not be below sufficientDecrease (${settings.sufficientDecrease}), or no step may do; swap them`,
    );
  }
  return {
    name: 'wolfe',
    comparesCosts: true,
    needsDescent: true,
    async choose(context) {
      const reason = noDescent('wolfe', context);
      return reason === undefined ? search(context, context.slope as number, settings) : stalled(reason);
    },
  };
}

/** Ratio of the ends of a bracket below which it need not shrink further if both fall. */
const widestGap = 2;

async function search<M, P, T>(
  context: StepSizeContext<M, P, T>,
  slope: number,
  settings: Required<WolfeOptions>,
): Promise<StepChoice<P, T>> {
  const { state, problem, memory } = context;
  const slack = costSlack(problem, state.cost);
  const previousSlope = memory.numbers.slope;
  const { stepSize: previousStep } = state;
  // The step that would repeat the last first-order change.
  const guess = previousSlope === undefined || previousStep === undefined ? undefined : (previousStep * previousSlope) / slope;
  let t = context.trialStep ?? guess ?? (await unitStep(context));
  let low: Probe<P, T> = { t: 0, cost: state.cost, slope };
  let high: Probe<P, T> | undefined;
  let width = Number.POSITIVE_INFINITY;
  for (let trials = 1; trials <= settings.maxTrials; trials++) {
    const probe = await probeAt(context, t);
    if (isAccepted(probe, { cost: state.cost, slope, slack }, settings)) return stepTo(probe, slope);
    const wanted = settings.sufficientDecrease * t * slope;
    // A step that falls too little for its length ends the bracket, whatever its slope: on a compact manifold costs are
    // bounded, and may fall ever more slowly without end.
    if (probe.slope < 0 && probe.cost <= state.cost + (-wanted > slack ? wanted : slack)) low = probe;
    else high = probe;
    // Between two falling ends there need be no step of small slope, where transport is not the retraction's
    // derivative.
    const isGain = -settings.sufficientDecrease * low.t * slope > slack;
    if (isGain && high !== undefined && high.slope < 0 && high.t <= widestGap * low.t) return stepTo(low, slope);
    t = nextTrial(low, high, slope, width);
    width = high === undefined ? width : high.t - low.t;
  }
  // The slope has not risen, as along a cost without a lower bound: what has been gained is kept.
  const wanted = settings.sufficientDecrease * low.t * slope;
  if (-wanted > slack && low.cost <= state.cost + wanted) return stepTo(low, slope);
  return stalled(
    `wolfe: no step found in ${settings.maxTrials} trials, the last t = ${t.toExponential(1)}; ${causeOf(high?.cost !== Number.POSITIVE_INFINITY, context)}`,
  );
}

/** Returns the step to a probe. */
function stepTo<P, T>({ t, trial, evaluation, cost }: Probe<P, T>, slope: number): StepChoice<P, T> {
  const kept = { tangents: {}, numbers: { slope } };
  return { stepSize: t, memory: kept, cost, ...(trial && { transport: trial.transport }), ...(evaluation && { evaluation }) };
}

/** Evaluates φ and φ' at t; both are infinite if the step breaks down. */
async function probeAt<M, P, T>({ problem, state, direction }: StepSizeContext<M, P, T>, t: number): Promise<Probe<P, T>> {
  const trial = await tryStep(problem, state, direction, t);
  if (trial === undefined || !Number.isFinite(trial.cost)) return { t, cost: Number.POSITIVE_INFINITY, slope: Number.POSITIVE_INFINITY };
  try {
    const { slope, evaluation } = await slopeAt(problem, trial, direction, state.iteration);
    return { t, cost: trial.cost, slope, trial, evaluation };
  } catch (error) {
    // The cost has no derivative there: a step to this point breaks down as well.
    if (error instanceof NumericalError) return { t, cost: Number.POSITIVE_INFINITY, slope: Number.POSITIVE_INFINITY };
    throw error;
  }
}

/** Returns true if a trial satisfies conditions T1 or T2 of the reference. */
function isAccepted<P, T>(
  { t, cost, slope }: Probe<P, T>,
  start: { readonly cost: number; readonly slope: number; readonly slack: number },
  { sufficientDecrease, curvature }: Required<WolfeOptions>,
): boolean {
  if (!(slope >= curvature * start.slope)) return false;
  const wanted = sufficientDecrease * t * start.slope;
  if (-wanted > start.slack) return cost <= start.cost + wanted;
  return cost <= start.cost + start.slack && slope <= (2 * sufficientDecrease - 1) * start.slope;
}

/** Returns the next trial, beyond an open end or inside the bracket: a good secant step, or else the middle. */
function nextTrial<P, T>(low: Probe<P, T>, high: Probe<P, T> | undefined, slope: number, width: number): number {
  if (high === undefined) {
    const secant = (low.t * slope) / (slope - low.slope);
    return secant > low.t ? Math.min(largestExpansion * low.t, Math.max((1 + margin) * low.t, secant)) : largestExpansion * low.t;
  }
  const size = high.t - low.t;
  const secant = (low.t * high.slope - high.t * low.slope) / (high.slope - low.slope);
  // As in step L2, the bracket is also bisected if it has not shrunk to two thirds.
  const usable = high.slope >= 0 && Number.isFinite(secant) && size <= (2 / 3) * width;
  return usable ? Math.min(high.t - margin * size, Math.max(low.t + margin * size, secant)) : low.t + size / 2;
}
