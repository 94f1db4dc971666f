import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions, number } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { StepSizeContext, StepSizeRule } from '../solver.js';
import { type BacktrackingOptions, backtrackingNumbers, lineSearch, unitStep } from './backtracking.js';

/**
 * The secant quotient that gives the step: `'long'` $\langle s,s\rangle/\langle s,y\rangle$, `'short'`
 * $\langle s,y\rangle/\langle y,y\rangle$, or both in turn.
 */
export type SecantQuotient = 'long' | 'short' | 'alternating';

/** Options of {@link barzilaiBorwein}. */
export interface BarzilaiBorweinOptions extends Omit<BacktrackingOptions, 'frozenBatch'> {
  /** The secant quotient. Default: `'alternating'`. */
  readonly quotient?: SecantQuotient;
  /** Smallest first trial step. Default: 1e-12. */
  readonly minStep?: number;
  /** Largest first trial step. Default: 1e12. */
  readonly maxStep?: number;
  /** Number of last costs below the largest of which the cost must fall. Default: 10. */
  readonly window?: number;
}

const barzilaiBorweinOptions = declareOptions<BarzilaiBorweinOptions>()({
  ...backtrackingNumbers({ contraction: 0.5, sufficientDecrease: 1e-4, maxTrials: 30 }),
  quotient: choice(['long', 'short', 'alternating'], { default: 'alternating' }),
  minStep: number({ default: 1e-12, above: 0 }),
  maxStep: number({ default: 1e12, above: 0 }),
  window: number({ default: 10, min: 1, integer: true }),
});

/** Defaults of {@link barzilaiBorwein}. */
export const barzilaiBorweinDefaults: Required<BarzilaiBorweinOptions> = barzilaiBorweinOptions.defaults;

/**
 * Barzilai–Borwein steps, from a secant equation between the last two points: with s the last step and y the change of
 * gradient, both carried to x,
 *
 * $$ t_{\text{long}} = \frac{\langle s,s\rangle}{\langle s,y\rangle}, \qquad t_{\text{short}} = \frac{\langle s,y\rangle}{\langle y,y\rangle}; $$
 *
 * then backtracking below the largest of the last costs, because such steps are not monotone.
 *
 * The rule is meant for the direction −grad f.
 *
 * Differences from the reference: after a step along which the cost curves downward (⟨s, y⟩ ≤ 0) the next trial is
 * twice the last step, not `maxStep`, from which the search would have to halve its way down; quotients alternate by
 * default; s and y are carried by the manifold's own transport.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { barzilaiBorwein, gradientDescent, hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ stepSize: barzilaiBorwein() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 14 steps
 * ```
 * @see Iannazzo and Porcelli, "The Riemannian Barzilai–Borwein method with nonmonotone line search", IMA J. Numer.
 * Anal. 38(1), 2018, algorithm 1.
 */
export function barzilaiBorwein(options: BarzilaiBorweinOptions = {}): StepSizeRule {
  // Gradients of different batches give no secant: a stochastic cost is refused.
  const settings = { ...barzilaiBorweinOptions.read('barzilaiBorwein', options), frozenBatch: false };
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
        // Padding makes the keys sort by age, in whatever order they were stored.
        numbers: Object.fromEntries(recentCosts(context).map((cost, age) => [`cost${String(age).padStart(6, '0')}`, cost])),
      };
    },
  });
}

/**
 * Returns the secant quotient, clipped; undefined at the first iteration. If ⟨s, y⟩ ≤ 0, the cost curves downward along
 * s, and the result is twice the last step.
 */
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
