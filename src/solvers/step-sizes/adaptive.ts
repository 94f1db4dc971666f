/** Manopt's adaptive line search: about two cost evaluations a step. */
import { checkKeys, checkNumber } from '../../core/options.js';
import type { StepSizeRule } from '../solver.js';
import { checkBacktracking } from './armijo.js';
import { type BacktrackingOptions, backtrack, noDecrease, uphill } from './backtracking.js';

/** Options of {@link adaptive}. */
export interface AdaptiveOptions extends BacktrackingOptions {
  /** Length ‖t u‖ of the very first trial. */
  readonly initialLength?: number;
}

/** The defaults of {@link adaptive}: Manopt's. */
export const adaptiveDefaults: Required<AdaptiveOptions> = {
  contraction: 0.5,
  sufficientDecrease: 0.5,
  maxTrials: 30,
  frozenBatch: false,
  initialLength: 1,
};

/**
 * Armijo backtracking that starts from the last step: doubled after success at the first trial or after more than two, kept after two.
 *
 * Differs from Manopt in `maxTrials` (30 for 10): a search that has not reached a decrease stops the solver here, and may not take a step uphill.
 *
 * @throws ConfigError if an option is out of range.
 * @see Manopt's `linesearch_adaptive` (Mishra and Boumal).
 */
export function adaptive(options: AdaptiveOptions = {}): StepSizeRule {
  checkKeys('adaptive', options, Object.keys(adaptiveDefaults));
  const settings = { ...adaptiveDefaults, ...options };
  checkBacktracking('adaptive', settings);
  checkNumber('adaptive', 'initialLength', settings.initialLength, { above: 0 });
  return {
    name: 'adaptive',
    comparesCosts: !settings.frozenBatch,
    async choose(context) {
      const { problem, state, direction, memory } = context;
      const slope = await problem.manifold.inner(state.x, state.gradient, direction);
      if (!(slope < 0)) return uphill('adaptive', slope);
      const first = memory.numbers.nextStep ?? settings.initialLength / (await problem.manifold.norm(state.x, direction));
      const result = await backtrack(context, first, slope, state.cost, settings);
      if (result.transport === undefined) return noDecrease('adaptive', result);
      const nextStep = result.trials === 2 ? result.stepSize : 2 * result.stepSize;
      return { stepSize: result.stepSize, transport: result.transport, memory: { tangents: {}, numbers: { nextStep } } };
    },
  };
}
