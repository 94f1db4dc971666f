import { declareOptions, flag, number } from '../../core/options.js';
import type { StepSizeRule } from '../solver.js';
import { type BacktrackingOptions, backtrackingNumbers, lineSearch, unitStep } from './backtracking.js';

/** Options of {@link adaptive}. */
export interface AdaptiveOptions extends BacktrackingOptions {
  /** Length ‖t u‖ of the very first trial. Default: 1. */
  readonly initialLength?: number;
}

const adaptiveOptions = declareOptions<AdaptiveOptions>()({
  ...backtrackingNumbers({ contraction: 0.5, sufficientDecrease: 0.5, maxTrials: 30 }),
  frozenBatch: flag({ default: false }),
  initialLength: number({ default: 1, above: 0 }),
});

/** Defaults of {@link adaptive}: Manopt's, except for `maxTrials`. */
export const adaptiveDefaults: Required<AdaptiveOptions> = adaptiveOptions.defaults;

/**
 * Armijo backtracking that starts from the last step: doubled after success at the first trial or after more than two,
 * kept after two. It takes about two cost evaluations per step.
 *
 * It differs from Manopt in `maxTrials` (30 instead of 10): a search that finds no decrease stops the solver here, and
 * must not take a step uphill.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { adaptive, gradientDescent, hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ stepSize: adaptive() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 18 steps
 * ```
 * @see Manopt's `linesearch_adaptive` (Mishra and Boumal).
 */
export function adaptive(options: AdaptiveOptions = {}): StepSizeRule {
  const settings = adaptiveOptions.read('adaptive', options);
  return lineSearch('adaptive', settings, {
    firstTrial: async (context) =>
      context.trialStep ?? context.memory.numbers.nextStep ?? settings.initialLength * (await unitStep(context)),
    reference: ({ state }) => state.cost,
    remember: (_context, { trials, stepSize }) => ({ tangents: {}, numbers: { nextStep: trials === 2 ? stepSize : 2 * stepSize } }),
  });
}
