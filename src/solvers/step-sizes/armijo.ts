import { declareOptions, flag, number, type Settings } from '../../core/options.js';
import type { StepSizeContext, StepSizeRule } from '../solver.js';
import { costSlack } from '../trial.js';
import { type BacktrackingOptions, backtrackingNumbers, lineSearch, unitStep } from './backtracking.js';

/** Options of {@link armijo}. */
export interface ArmijoOptions extends BacktrackingOptions {
  /** Very first trial step t. Default: 1/‖u‖, a step of unit length. */
  readonly initialStep?: number;
  /**
   * Factor, ≥ 1, of the first trial over the step that would repeat the last decrease. Default: 2.
   */
  readonly optimism?: number;
}

const armijoOptions = declareOptions<ArmijoOptions>()({
  ...backtrackingNumbers({ contraction: 0.5, sufficientDecrease: 2 ** -13, maxTrials: 30 }),
  frozenBatch: flag({ default: false }),
  optimism: number({ default: 2, min: 1 }),
  initialStep: number({ optional: true, above: 0 }),
});

/** Defaults of {@link armijo}: Manopt's, with five more trials. */
export const armijoDefaults: Required<Omit<ArmijoOptions, 'initialStep'>> = armijoOptions.defaults;

/**
 * Armijo backtracking: the largest t of the sequence t₀, c·t₀, c²·t₀, … that decreases the cost enough.
 *
 * $$ f(R_x(t\,u)) \le f(x)+\sigma t\,\langle\operatorname{grad}f(x),u\rangle_x $$
 *
 * c is `contraction` and σ is `sufficientDecrease`. t₀ = 2·optimism·(f(x) − f(x_previous))/slope, the step that would
 * repeat the last decrease, lengthened by `optimism`; if that decrease is unknown (frozen batches) or lost in rounding,
 * it is optimism times the last step. A direction's own trial step, such as 1 for {@link lbfgs}, comes first.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { armijo, gradientDescent, hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ stepSize: armijo({ contraction: 0.3 }) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 15 steps
 * ```
 * @see Nocedal and Wright, Numerical Optimization, 2006, algorithm 3.1 and equation 3.60; Manopt's `linesearch`.
 */
export function armijo(options: ArmijoOptions = {}): StepSizeRule {
  const settings = armijoOptions.read('armijo', options);
  return lineSearch('armijo', settings, {
    firstTrial: (context, slope) => firstTrial(context, slope, settings),
    reference: ({ state }) => state.cost,
    remember: ({ state }) => ({ tangents: {}, numbers: { cost: state.cost } }),
  });
}

async function firstTrial<M, P, T>(
  context: StepSizeContext<M, P, T>,
  slope: number,
  { initialStep, optimism, frozenBatch }: Settings<ArmijoOptions, 'optimism' | 'frozenBatch'>,
): Promise<number> {
  const { problem, state, memory } = context;
  if (context.trialStep !== undefined) return context.trialStep;
  const previousCost = memory.numbers.cost;
  const { stepSize: previousStep } = state;
  if (previousCost === undefined || previousStep === undefined) return initialStep ?? unitStep(context);
  // Costs of different batches say nothing about the step.
  const decrease = frozenBatch ? 0 : previousCost - state.cost;
  return decrease > costSlack(problem, state.cost) ? (-2 * optimism * decrease) / slope : optimism * previousStep;
}
