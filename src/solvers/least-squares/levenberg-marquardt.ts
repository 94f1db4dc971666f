import { ConfigError } from '../../core/errors.js';
import { declareOptions, number } from '../../core/options.js';
import type { Linearization, Objective } from '../problem.js';
import { type EvaluatedState, emptyMemory, type Interrupted, type Solver, type SolverState } from '../solver.js';
import { judgeStep } from '../trial.js';
import { pointSize } from '../trust-regions/quadratic-model.js';
import { dampedLsqr } from './lsqr.js';

/** Options of {@link levenbergMarquardt}. */
export interface LevenbergMarquardtOptions {
  /**
   * First damping λ₀, relative to the curvature ‖Jg‖²/‖g‖² along the gradient. 0 makes Gauss–Newton steps as long as
   * they succeed. Default: 1e-3.
   */
  readonly initialDamping?: number;
  /**
   * A step is taken if the cost falls by more than this fraction of the promised decrease, in [0, 1). Default: 1e-4.
   */
  readonly acceptance?: number;
  /** κ: the relative residual at which LSQR ends far from a minimum, in (0, 1). Default: 0.1. */
  readonly kappa?: number;
  /**
   * θ: LSQR ends at a relative residual of (‖g‖/‖g₀‖)^θ near a minimum. Default: 1, for quadratic convergence where the
   * residuals vanish.
   */
  readonly theta?: number;
  /**
   * Largest number of LSQR's iterations for each damping tried. Default: four times the dimension of the manifold,
   * since rounding delays LSQR where J is ill-conditioned.
   */
  readonly maxInner?: number;
}

const levenbergMarquardtOptions = declareOptions<LevenbergMarquardtOptions>()({
  initialDamping: number({ default: 1e-3, min: 0 }),
  acceptance: number({ default: 1e-4, min: 0, below: 1 }),
  kappa: number({ default: 0.1, above: 0, below: 1 }),
  theta: number({ default: 1, min: 0 }),
  maxInner: number({ optional: true, min: 1, integer: true }),
});

/** Defaults of {@link levenbergMarquardt}. */
export const levenbergMarquardtDefaults: Required<Omit<LevenbergMarquardtOptions, 'maxInner'>> = levenbergMarquardtOptions.defaults;

type Settings = typeof levenbergMarquardtDefaults & Pick<LevenbergMarquardtOptions, 'maxInner'>;

/**
 * Levenberg–Marquardt for {@link leastSquares}, on any manifold: each step solves the linearized problem, damped.
 *
 * $$ x_{k+1} = R_{x_k}(\eta_k), \qquad \eta_k \approx \operatorname*{arg\,min}_{\eta\in T_{x_k}}\
 *    \tfrac12\lVert r+J\eta\rVert^2+\tfrac12\lambda_k\lVert\eta\rVert^2 $$
 *
 * LSQR solves it by products with J and J* alone; no matrix is formed. With ϱ the decrease of the cost relative to the
 * promised one, a step is taken for ϱ > `acceptance`, after which λ ← λ·max(⅓, 1 − (2ϱ − 1)³); a rejected one
 * multiplies λ by 2, 4, 8, …, at least to the first damping of the default, within the same iteration, so that costs
 * always fall. λ is in units of J*J, so that a run does not depend on those of r and x, and vanishes where the model is
 * good: the last steps are those of Gauss–Newton, of second order where the residuals vanish. Manopt.jl's damping
 * μ‖r‖², with μ ≥ 0.1, stays large where they do not.
 *
 * @param options - constants of the method.
 * @returns the solver. A step takes one gradient, two products with J or J* for each iteration of LSQR, and one cost
 * and retraction for each damping tried. `memory.levenbergMarquardt.numbers` holds λ as `damping`, and the number of
 * LSQR's iterations so far as `products`.
 * @throws ConfigError if an option is out of range, and from `init` for a problem without residuals.
 *
 * @example
 * ```ts
 * import { type HostArray, hostAlgebra, leastSquares, levenbergMarquardt, minimize, sphere } from 'bures';
 *
 * // A unit vector x with A x close to b. The residual is linear: J u = A u.
 * const la = hostAlgebra();
 * const A = la.fromRows([[3, 1], [1, 2], [0, 1]]);
 * const b = la.fromRows([[2], [2], [1]]);
 * const problem = leastSquares({
 *   manifold: sphere({ shape: [2, 1] }),
 *   residual: {
 *     at: (x: HostArray) => la.subtract(la.matmul(A, x), b),
 *     jvp: (_x: HostArray, u: HostArray) => la.matmul(A, u),
 *     vjp: { kind: 'ambient', at: (_x: HostArray, w: HostArray) => la.matmul(A, w, { transposeA: true }) },
 *   },
 * });
 * const { cost, iterations } = await minimize(problem, { solver: levenbergMarquardt() });
 * console.log(cost, iterations);
 * ```
 * @see Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05 (the update); Adachi, Okuno and Takeda,
 * "Riemannian Levenberg–Marquardt method with global and local convergence properties", arXiv 2210.00253, 2022; Nocedal
 * and Wright, Numerical Optimization, 2006, section 10.3.
 */
export function levenbergMarquardt(options: LevenbergMarquardtOptions = {}): Solver {
  const settings = levenbergMarquardtOptions.read('levenbergMarquardt', options);
  return {
    name: 'levenbergMarquardt',
    init(problem, x) {
      if (problem.linearize === undefined)
        throw new ConfigError(
          'levenbergMarquardt: expected a problem with residuals, got one with a cost alone; make it with leastSquares({ manifold, residual }), or use trustRegions()',
        );
      if (problem.stochastic)
        throw new ConfigError(
          'levenbergMarquardt: it compares costs, but the cost changes with each batch; use gradientDescent with constantStep, or svrg',
        );
      return { x, iteration: 0, memory: { levenbergMarquardt: { tangents: {}, numbers: { products: 0 } } } };
    },
    step: (problem, state, interrupted) => levenbergMarquardtStep(problem, state, settings, interrupted),
  };
}

/** Factor of the damping after the first rejection; each further one doubles the factor. */
const firstGrowth = 2;

async function levenbergMarquardtStep<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  settings: Settings,
  interrupted: Interrupted,
): Promise<SolverState<P, T>> {
  const { manifold } = problem;
  const { x, gradientNorm } = state;
  if (gradientNorm === 0) return { ...state, stalled: 'levenbergMarquardt: the gradient is zero: the point is stationary' };
  const { numbers } = state.memory.levenbergMarquardt ?? emptyMemory;
  // `init` has checked it; a state may come from elsewhere.
  const linearization = await (problem.linearize as NonNullable<typeof problem.linearize>)(x);
  const curvature = await curvatureAlongGradient(problem, state, linearization);
  const { firstGradientNorm = gradientNorm } = numbers;
  const tolerance = Math.max(Math.min(settings.kappa, (gradientNorm / firstGradientNorm) ** settings.theta), 10 * manifold.algebra.epsilon);
  const maxProducts = settings.maxInner ?? 4 * manifold.dim;
  const shortest = manifold.algebra.epsilon * (await pointSize(manifold, x));
  let { damping = settings.initialDamping * curvature, products = 0 } = numbers;
  let growth = firstGrowth;
  let length = Number.POSITIVE_INFINITY;
  while (length > shortest && curvature > 0) {
    const solution = await dampedLsqr(manifold, x, linearization, { damping, tolerance, maxProducts }, interrupted);
    if (await interrupted()) return state;
    if (solution === undefined) break;
    const { step } = solution;
    products += solution.products;
    length = await manifold.norm(x, step);
    const decrease = solution.decrease + 0.5 * damping * length ** 2;
    const { ratio, trial, evaluation } = await judgeStep(problem, state, { step, decrease });
    if (ratio > settings.acceptance && trial !== undefined) {
      const next = damping * Math.max(1 / 3, 1 - (2 * ratio - 1) ** 3);
      const memory = { levenbergMarquardt: { tangents: {}, numbers: { damping: next, products, firstGradientNorm } } };
      return { ...(evaluation ?? { cost: trial.cost }), x: trial.transport.point, iteration: state.iteration + 1, stepSize: 1, memory };
    }
    damping = Math.max(growth * damping, levenbergMarquardtDefaults.initialDamping * curvature);
    growth *= 2;
  }
  return { ...state, stalled: stallReason(state) };
}

/** Computes ‖Jg‖²/‖g‖², at most the square of the largest singular value of J. */
async function curvatureAlongGradient<M, P, T>(
  { manifold: { algebra } }: Objective<M, P, T>,
  { gradient, gradientNorm }: EvaluatedState<P, T>,
  { jvp }: Linearization<M, T>,
): Promise<number> {
  return ((await algebra.norm(await jvp(gradient))) / gradientNorm) ** 2;
}

function stallReason<P, T>({ gradientNorm }: EvaluatedState<P, T>): string {
  return `levenbergMarquardt: no decrease at any damping, at gradient norm ${gradientNorm.toExponential(2)}; the cost is at its rounding error, or jvp and vjp are not those of the residual (see checkJacobian)`;
}
