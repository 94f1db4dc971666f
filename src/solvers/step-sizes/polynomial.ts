import { ConfigError } from '../../core/errors.js';
import { declareOptions, flag } from '../../core/options.js';
import type { StepSizeContext, StepSizeRule } from '../solver.js';
import { armijoDefaults } from './armijo.js';
import { type BacktrackingOptions, backtrackingNumbers, lineSearch, unitStep } from './backtracking.js';

const polynomialSearchOptions = declareOptions<BacktrackingOptions>()({
  ...backtrackingNumbers(armijoDefaults),
  frozenBatch: flag({ default: false }),
});

/** Defaults of {@link polynomialSearch}: those of {@link armijo}. */
export const polynomialSearchDefaults: Required<BacktrackingOptions> = polynomialSearchOptions.defaults;

/**
 * A line search that minimizes the cost along the curve of the retraction, for problems that give it as a polynomial
 * ({@link Problem.costAlong}): those of `bures/problems` with squared residuals.
 *
 * $$ t = \arg\min_{t>0}\ c_0+c_1t+c_2t^2+c_3t^3+c_4t^4 $$
 *
 * It takes one pass over the data instead of one for each trial point; for factors, which move in straight lines, the
 * search is exact. The step is taken if it decreases the cost as {@link armijo} requires; if the polynomial is only a
 * local model, the step shrinks until it does.
 *
 * @throws ConfigError if an option is out of range, and from the solver if the problem has no `costAlong`.
 *
 * @example
 * ```ts
 * import { fixedRank, gradientDescent, hostAlgebra, minimize, polakRibiere, polynomialSearch, seededRandom } from 'bures';
 * import { lowRankApproximation } from 'bures/problems';
 *
 * const data = hostAlgebra().randomNormal([12, 9], seededRandom(1));
 * const problem = lowRankApproximation({ manifold: fixedRank({ m: 12, n: 9, rank: 2 }), data });
 * const solver = gradientDescent({ direction: polakRibiere(), stepSize: polynomialSearch() });
 * const { cost, stopReason } = await minimize(problem, { solver });
 * console.log(cost, stopReason); // 26.022 gradient norm 9.03e-7 ≤ 0.000001
 * ```
 * @see Vandereycken 2013, section 3.4 (the quadratic model on fixed-rank matrices); Mishra et al. 2012, section 4 (the
 * quartic on factors).
 */
export function polynomialSearch(options: BacktrackingOptions = {}): StepSizeRule {
  const settings = polynomialSearchOptions.read('polynomialSearch', options);
  return lineSearch('polynomialSearch', settings, {
    firstTrial,
    reference: ({ state }) => state.cost,
    remember: () => ({ tangents: {}, numbers: {} }),
  });
}

async function firstTrial<M, P, T>(context: StepSizeContext<M, P, T>, slope: number): Promise<number> {
  const { problem, state, direction } = context;
  if (problem.costAlong === undefined) {
    throw new ConfigError(
      'polynomialSearch: the problem does not say what its cost is along a line; use armijo, or state costAlong(x, u) with the coefficients',
    );
  }
  const polynomial = await problem.costAlong(state.x, direction, state.iteration);
  return positiveMinimizer(polynomial, slope) ?? (state.stepSize || unitStep(context));
}

/**
 * Growth factor of the bracket of a minimizer, until the slope at its end is positive, and limits on the number of
 * growth steps and of bisections.
 */
const [bracketGrowth, bracketings, bisections] = [2, 100, 100] as const;

/**
 * Returns a local minimizer of a polynomial on t > 0.
 *
 * @param coefficients - coefficients from the constant term up; the linear one is negative.
 * @param slope - the slope at 0, for the scale of the first bracket.
 * @returns `undefined` if the polynomial falls forever.
 */
function positiveMinimizer(coefficients: readonly number[], slope: number): number | undefined {
  const slopeAt = (t: number): number => coefficients.reduceRight((sum, c, k) => (k === 0 ? sum : sum * t + k * c), 0);
  const curvatureAt = (t: number): number => coefficients.reduceRight((sum, c, k) => (k < 2 ? sum : sum * t + k * (k - 1) * c), 0);
  const newton = -slope / curvatureAt(0);
  let low = 0;
  let high = newton > 0 && Number.isFinite(newton) ? newton : 1;
  for (let count = 0; !(slopeAt(high) > 0); count++) {
    if (count === bracketings || !Number.isFinite(high)) return undefined;
    low = high;
    high *= bracketGrowth;
  }
  // Newton's method, kept inside the bracket by bisection.
  let t = low > 0 ? low : high;
  for (let count = 0; count < bisections; count++) {
    const gradient = slopeAt(t);
    if (gradient > 0) high = t;
    else low = t;
    const step = t - gradient / curvatureAt(t);
    const next = step > low && step < high ? step : (low + high) / 2;
    if (Math.abs(next - t) <= Number.EPSILON * t) return next;
    t = next;
  }
  return t;
}
