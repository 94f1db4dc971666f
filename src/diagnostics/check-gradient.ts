import { drawnObjective } from '../solvers/objective.js';
import type { Problem } from '../solvers/problem.js';
import type { SlopeCheck } from './slope-fit.js';
import { judgeSlope, short, withProperties } from './slope-verdict.js';
import { relativeGap, sampleErrors, type TaylorOptions, taylorSetup } from './taylor.js';

/** Result of {@link checkGradient}. */
export interface GradientCheck extends SlopeCheck {
  /** ‖toTangent(grad) − grad‖ / ‖grad‖: rounding, for a gradient in the tangent space. */
  readonly tangencyError: number;
}

/** A gradient below this times √ε of the size of x is compared with that size instead of with itself. */
const criticalFactor = 100;

/**
 * Compares a cost with its first-order Taylor model.
 *
 * $$ \bigl|f(R_x(tu))-f(x)-t\,\langle\operatorname{grad}f(x),u\rangle_x\bigr| = O(t^2) $$
 *
 * The error vanishes as t² or faster if the gradient is right, and as t if not. Also checks that the gradient is
 * tangent. A mistake of relative size δ shows only at steps below about δ, where it must exceed the rounding of the
 * cost: mistakes below some 1e-5 in float64 pass unseen.
 *
 * @example
 * ```ts
 * import { hostAlgebra, seededRandom, stiefel } from 'bures';
 * import { checkGradient } from 'bures/diagnostics';
 *
 * const la = hostAlgebra();
 * const target = la.randomNormal([8, 2], seededRandom(1));
 * const { verdict } = await checkGradient({
 *   manifold: stiefel({ m: 8, rank: 2 }),
 *   cost: (x) => -la.inner(target, x),
 *   gradient: { kind: 'ambient', at: () => la.scale(-1, target) },
 * });
 * console.log(verdict); // gradient: correct to the order required: …
 * ```
 * @param problem - a cost and its gradient; a stochastic one is checked on the batch of step 0.
 * @param options - point, direction and steps; see {@link TaylorOptions}.
 * @returns slope (2 expected), window of steps it was fitted over, errors and a verdict in words. About 65 evaluations
 * of the cost and one of the gradient.
 * @throws ConfigError for a malformed problem or options; the error of `checkPoint` if x is off the manifold;
 * DomainError if u is zero.
 * @see Boumal 2023, section 4.8; Manopt's `checkgradient`.
 */
export async function checkGradient<M, P, T, Z, G, Batch>(
  problem: Problem<M, P, T, Z, G, Batch>,
  options: TaylorOptions<P, T> = {},
): Promise<GradientCheck> {
  const { manifold, cost, evaluate } = drawnObjective('checkGradient', problem);
  const { epsilon } = manifold.algebra;
  const setup = await taylorSetup('checkGradient', manifold, options);
  const { x, u } = setup;
  const { cost: value, gradient } = await evaluate(x, 0);
  const derivative = await manifold.inner(x, gradient, u);
  const samples = await sampleErrors(setup, epsilon, async (t) => {
    const stepped = await cost(manifold.retract(x, u, t), 0);
    const predicted = t * derivative;
    return {
      error: Math.abs(stepped - value - predicted),
      magnitude: Math.abs(stepped) + Math.abs(value) + Math.abs(predicted),
      signal: Math.max(Math.abs(stepped - value), Math.abs(predicted)),
    };
  });
  // Near a minimizer the gradient is rounding left over from numbers of the size of x, and its normal part is no
  // smaller in proportion.
  const floor = criticalFactor * Math.sqrt(epsilon) * setup.pointLength;
  const tangencyError = await relativeGap(manifold, x, gradient, manifold.toTangent(x, gradient), floor);
  const check = judgeSlope(
    {
      name: 'gradient',
      error: 'f(R_x(tu)) − f(x) − t⟨grad, u⟩',
      expectedSlope: 2,
      slopeTolerance: setup.slopeTolerance,
      remedy: (_slope, t, error) =>
        `along u it is off by ${short(error / Math.abs(t * derivative))} of itself; check its formula, and that gradient.kind says what it returns`,
    },
    samples,
  );
  const tangency = {
    description: 'the gradient is not tangent: it differs from its projection by',
    error: tangencyError,
    tolerance: Math.sqrt(epsilon),
    remedy: 'return a tangent vector at x, for instance through egradToRgrad',
  };
  return { ...withProperties(check, [tangency]), tangencyError };
}
