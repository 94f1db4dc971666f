/** Barzilai–Borwein steps, made safe by a non-monotone line search. */
import { ConfigError } from '../../core/errors.js';
import { checkChoice, checkKeys, checkNumber } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { StepSizeContext, StepSizeRule } from '../solver.js';
import { type BacktrackingOptions, checkBacktracking, lineSearch, unitStep } from './backtracking.js';

/** Which secant quotient gives the step: `'long'` $\langle s,s\rangle/\langle s,y\rangle$, `'short'` $\langle s,y\rangle/\langle y,y\rangle$, or both in turn. */
export type SecantQuotient = 'long' | 'short' | 'alternating';

/** Options of {@link barzilaiBorwein}. */
export interface BarzilaiBorweinOptions extends Omit<BacktrackingOptions, 'frozenBatch'> {
  /** Which quotient. Default: {@link barzilaiBorweinDefaults}. */
  readonly quotient?: SecantQuotient;
  /** Steps are kept at least this long. */
  readonly minStep?: number;
  /** Steps are kept at most this long. */
  readonly maxStep?: number;
  /** The cost must fall below the largest of this many last costs. */
  readonly window?: number;
}

/** The defaults of {@link barzilaiBorwein}. */
export const barzilaiBorweinDefaults: Required<BarzilaiBorweinOptions> = {
  contraction: 0.5,
  sufficientDecrease: 1e-4,
  maxTrials: 30,
  quotient: 'alternating',
  minStep: 1e-12,
  maxStep: 1e12,
  window: 10,
};

/**
 * The step of a secant equation between the last two points: with s the last step and y the change of gradient, both carried to x,
 *
 * $$ t_{\text{long}} = \frac{\langle s,s\rangle}{\langle s,y\rangle}, \qquad t_{\text{short}} = \frac{\langle s,y\rangle}{\langle y,y\rangle}; $$
 *
 * then backtracking below the largest of the last costs, since such steps are not monotone.
 *
 * Meant for the direction −grad f.
 *
 * Where it differs from the reference: after a step along which the cost curves downward (⟨s, y⟩ ≤ 0) the next trial is twice the last step, not `maxStep`, from which the search would have to come down again by halves; quotients alternate by
 * default; s and y are carried by the manifold's own transport.
 *
 * @throws ConfigError if an option is out of range.
 * @see Iannazzo and Porcelli, "The Riemannian Barzilai–Borwein method with nonmonotone line search", IMA J. Numer. Anal. 38(1), 2018, algorithm 1.
 */
export function barzilaiBorwein(options: BarzilaiBorweinOptions = {}): StepSizeRule {
  checkKeys('barzilaiBorwein', options, Object.keys(barzilaiBorweinDefaults));
  // Gradients of different batches give no secant: a stochastic cost is refused.
  const settings = { ...barzilaiBorweinDefaults, ...options, frozenBatch: false };
  checkBacktracking('barzilaiBorwein', settings);
  checkChoice('barzilaiBorwein', 'quotient', settings.quotient, ['long', 'short', 'alternating']);
  checkNumber('barzilaiBorwein', 'minStep', settings.minStep, { above: 0 });
  checkNumber('barzilaiBorwein', 'maxStep', settings.maxStep, { above: 0 });
  checkNumber('barzilaiBorwein', 'window', settings.window, { min: 1 });
  if (settings.minStep > settings.maxStep) {
    throw new ConfigError(`barzilaiBorwein: minStep (${settings.minStep}) must not exceed maxStep (${settings.maxStep}); swap them`);
  }
  const recentCosts = <M, P, T>({ memory, state }: StepSizeContext<M, P, T>): number[] =>
    [
      ...Object.keys(memory.numbers)
        .sort()
        .map((key) => memory.numbers[key]),
      state.cost,
    ].slice(-settings.window);
  return lineSearch('barzilaiBorwein', settings, {
    firstTrial: async (context) => (await secantStep(context, settings)) ?? unitStep(context),
    reference: (context) => Math.max(...recentCosts(context)),
    remember(context, { stepSize }) {
      const { problem, state, direction } = context;
      return {
        tangents: { step: scaleTree(problem.manifold.algebra, stepSize, direction), gradient: state.gradient },
        // Padded, so that the keys sort by age however they were stored in between.
        numbers: Object.fromEntries(recentCosts(context).map((cost, age) => [`cost${String(age).padStart(6, '0')}`, cost])),
      };
    },
  });
}

/** The secant quotient, clipped; undefined at the first iteration. Where ⟨s, y⟩ ≤ 0 the cost curves downward along s: twice the last step. */
async function secantStep<M, P, T>(
  { problem, state, memory }: StepSizeContext<M, P, T>,
  { quotient, minStep, maxStep }: Required<BarzilaiBorweinOptions>,
): Promise<number | undefined> {
  const { step, gradient: previousGradient } = memory.tangents;
  if (step === undefined || previousGradient === undefined || state.stepSize === undefined) return undefined;
  const { manifold } = problem;
  const change = axpyTree(manifold.algebra, -1, previousGradient, state.gradient);
  const curvature = await manifold.inner(state.x, step, change);
  if (!(curvature > 0)) return Math.min(maxStep, 2 * state.stepSize);
  const long = quotient === 'long' || (quotient === 'alternating' && state.iteration % 2 === 1);
  const secant = long
    ? (await manifold.inner(state.x, step, step)) / curvature
    : curvature / (await manifold.inner(state.x, change, change));
  return Math.min(maxStep, Math.max(minStep, secant));
}
