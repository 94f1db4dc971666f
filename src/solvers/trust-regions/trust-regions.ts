import { ConfigError } from '../../core/errors.js';
import { checkNumber, count, declareOptions, number, option } from '../../core/options.js';
import { scaleTree } from '../../core/tree.js';
import type { Objective } from '../problem.js';
import { type EvaluatedState, emptyMemory, type Interrupted, type Memory, type Solver, type SolverState } from '../solver.js';
import { costSlack, judgeStep } from '../trial.js';
import { type Descent, negativeCurvature } from './negative-curvature.js';
import { pointSize, type QuadraticModel, quadraticModel } from './quadratic-model.js';
import { type CgPath, proposalWithin, truncatedCg } from './truncated-cg.js';

/** Options of {@link trustRegions}. */
export interface TrustRegionsOptions {
  /**
   * θ: conjugate gradients end at a residual of (‖g‖/‖g₀‖)^θ, so that the order of convergence is 1 + θ. Default: 1.
   */
  readonly theta?: number;
  /** κ: the residual at which they end far from a minimum, in (0, 1). Default: 0.1. */
  readonly kappa?: number;
  /**
   * A step is taken if the cost falls by more than this fraction of the promised decrease, in [0, ¼). Default: 0.1.
   */
  readonly acceptance?: number;
  /**
   * Radius of the first region, in the units of the tangent norm. Default: four times the first conjugate gradient
   * step, or the size of x if that is more.
   */
  readonly initialRadius?: number;
  /** Largest radius. Default: no bound. */
  readonly maxRadius?: number;
  /** Largest number of Hessian products per step. Default: the dimension of the manifold. */
  readonly maxInner?: number;
  /**
   * Largest number of Hessian products in the search for negative curvature when a run is about to stop at a stationary
   * point; 0 turns it off. Default: 30.
   */
  readonly saddleProducts?: number;
}

const trustRegionsOptions = declareOptions<TrustRegionsOptions>()(
  {
    theta: number({ default: 1, min: 0 }),
    kappa: number({ default: 0.1, above: 0, below: 1 }),
    acceptance: number({ default: 0.1, min: 0, below: 0.25 }),
    maxRadius: option({ default: Number.POSITIVE_INFINITY }, (caller, name, value) => {
      if (value !== Number.POSITIVE_INFINITY) checkNumber(caller, name, value, { above: 0 });
    }),
    saddleProducts: count({ default: 30 }),
    // Checked against the largest radius below.
    initialRadius: option({ optional: true }),
    maxInner: number({ optional: true, min: 1, integer: true }),
  },
  {
    deltabar: 'name it maxRadius',
    delta0: 'name it initialRadius',
    rhoprime: 'name it acceptance',
    mininner: 'leave it out: an inner run has no least number of products',
  },
);

/**
 * Defaults of {@link trustRegions}: Manopt's for those that it has, apart from `maxRadius`, which is there the typical
 * distance of the manifold.
 */
export const trustRegionsDefaults: Required<Omit<TrustRegionsOptions, 'initialRadius' | 'maxInner'>> = trustRegionsOptions.defaults;

type Settings = typeof trustRegionsDefaults & Pick<TrustRegionsOptions, 'initialRadius' | 'maxInner'>;

/**
 * Riemannian trust regions: in each step truncated conjugate gradients minimize a second-order model within a radius Δ.
 *
 * $$ x_{k+1} = R_{x_k}(\eta_k), \qquad \eta_k \approx \operatorname*{arg\,min}_{\lVert\eta\rVert\le\Delta_k}\;\langle\operatorname{grad}f,\eta\rangle+\tfrac12\langle\eta,\operatorname{Hess}f[\eta]\rangle $$
 *
 * With ρ the decrease of the cost relative to the promised one, a step is taken for ρ > `acceptance`; Δ shrinks to
 * ‖η‖/4 for ρ < ¼, and doubles for ρ > ¾ at the boundary (ABG, algorithm 1). Conjugate gradients end at ‖r‖ ≤
 * ‖g‖·min(κ, (‖g‖/‖g₀‖)^θ): near a minimum convergence has the order 1 + θ, quadratic by default.
 *
 * The problem's `hessian` gives the products; if there is none, or the manifold cannot convert it, differences of
 * gradients do, which the result's `solver` says. `preconditioner` gives P⁻¹, if stated.
 *
 * Differences from the reference:
 * - The residual's superlinear bound is relative to the first gradient norm (equation 10 has ‖r₀‖^θ), so that it does
 *   not depend on the units of the cost.
 * - A rejected step shrinks the region within the same iteration, along the known path: no Hessian product is made
 *   twice, and costs always fall.
 * - If the promised decrease is within the rounding of the cost, ρ is computed from slopes, −½(⟨g, η⟩ + ⟨g₊, Tη⟩),
 *   which loses no digits; runs then reach the accuracy of the gradient.
 * - The first radius comes from the data, since `typicalDist` does not know their units.
 * - **Saddles.** If the gradient is zero, if no step is accepted, and if a stopping rule is about to count a stationary
 *   point as success, conjugate gradients from a random tangent search for negative curvature; a step then follows it
 *   to the boundary, and the run continues. Manopt's `useRand` instead starts every subproblem at random. Rules that
 *   judge the cost or a budget trigger no search.
 *
 * @param options - constants of the method.
 * @returns the solver. A step takes one gradient, one Hessian product for each inner iteration, and one cost and
 * retraction for each region tried. `memory.trustRegions.numbers` holds the radius, and the number of Hessian products
 * so far.
 * @throws ConfigError if an option is out of range, and from `init` for a stochastic cost.
 *
 * @example
 * ```ts
 * import { balancedFactors, type FactorPair, type HostArray, hostAlgebra, minimize, relativeGradientNormBelow, trustRegions } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const target = la.fromArray(Array.from({ length: 108 }, (_, i) => Math.sin(i * i)), [12, 9]);
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * // The Euclidean Hessian of ½‖X − Z‖² is the identity: along u, dA·B + A·dB.
 * const along = (x: FactorPair<HostArray>, u: FactorPair<HostArray>) => la.add(la.matmul(u.A, x.B), la.matmul(x.A, u.B));
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual }, hessian: { kind: 'ambient', at: along } } as const;
 * console.log((await minimize(problem, { solver: trustRegions(), stop: relativeGradientNormBelow(1e-9) })).iterations);
 * ```
 * @see Absil, Baker and Gallivan (ABG), "Trust-region methods on Riemannian manifolds", Found. Comput. Math. 7, 2007,
 * algorithms 1 and 2; Boumal, GSI 2015 (finite differences).
 */
export function trustRegions(options: TrustRegionsOptions = {}): Solver {
  const settings = checkedSettings(options);
  return {
    name: 'trustRegions',
    describe: ({ hasHessian }) => (hasHessian ? 'trustRegions' : 'trustRegions (Hessian products by differences of gradients)'),
    init(problem, x) {
      if (problem.stochastic) {
        throw new ConfigError(
          'trustRegions: it compares costs, but the cost changes with each batch; use gradientDescent with constantStep, or svrg',
        );
      }
      return { x, iteration: 0, memory: { trustRegions: { tangents: {}, numbers: { products: 0 } } } };
    },
    step: (problem, state, interrupted) => trustRegionStep(problem, state, settings, interrupted),
    async confirm(problem, state, interrupted) {
      const { dim } = problem.manifold;
      const maxProducts = Math.min(settings.saddleProducts, dim);
      const model = await quadraticModel(problem, state);
      const found = await negativeCurvature(problem, state, model, maxProducts, interrupted);
      if (found === undefined) return undefined;
      const { numbers } = memoryOf(state);
      const memory = { tangents: { escape: found.direction }, numbers: { ...numbers, curvature: found.curvature } };
      return { ...state, memory: { trustRegions: memory } };
    },
  };
}

function checkedSettings(options: TrustRegionsOptions): Settings {
  const settings = trustRegionsOptions.read('trustRegions', options);
  const { initialRadius, maxRadius } = settings;
  if (initialRadius !== undefined) checkNumber('trustRegions', 'initialRadius', initialRadius, { above: 0, max: maxRadius });
  return settings;
}

function memoryOf<P, T>({ memory }: SolverState<P, T>): Memory<T> {
  return memory.trustRegions ?? emptyMemory;
}

async function trustRegionStep<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  settings: Settings,
  interrupted: Interrupted,
): Promise<SolverState<P, T>> {
  const { manifold } = problem;
  const { tangents, numbers } = memoryOf(state);
  const maxProducts = settings.maxInner ?? manifold.dim;
  const size = await pointSize(manifold, state.x);
  const model = await quadraticModel(problem, state);
  const outOfSaddle = (found: Descent<T> | undefined) =>
    found && escapePath(model, found, Math.max(numbers.radius ?? 0, escapeShare * size));
  const confirmed = tangents.escape && { direction: tangents.escape, curvature: numbers.curvature as number };
  const intoModel = () => subproblemPath(model, state, settings, { size, maxProducts }, interrupted);
  const lookAround = async () => outOfSaddle(await negativeCurvature(problem, state, model, maxProducts, interrupted));
  const ways =
    confirmed !== undefined ? [async () => outOfSaddle(confirmed)] : state.gradientNorm > 0 ? [intoModel, lookAround] : [lookAround];
  for (const way of ways) {
    const path = await way();
    if (await interrupted()) return state;
    const reached = path && (await descendAlong(problem, state, model, path, { size, settings }));
    if (reached !== undefined) return reached;
  }
  return { ...state, stalled: stallReason(state) };
}

/** Length of a step out of a saddle, as a fraction of the size of the point. */
const escapeShare = 0.1;

/** First radius in units of the first conjugate gradient step; the size of the point if that is more. */
const firstSteps = 4;

function stallReason<P, T>({ gradientNorm }: EvaluatedState<P, T>): string {
  return gradientNorm === 0
    ? 'trustRegions: the gradient is zero, and no negative curvature was found: to second order the point is a minimum'
    : `trustRegions: no decrease in any region, and no negative curvature was found, at gradient norm ${gradientNorm.toExponential(2)}; the cost is at its rounding error, or its gradient or Hessian is wrong (see checkGradient, checkHessian)`;
}

function subproblemPath<M, P, T>(
  model: QuadraticModel<M, T>,
  state: EvaluatedState<P, T>,
  { theta, kappa, initialRadius, maxRadius }: Settings,
  { size, maxProducts }: { readonly size: number; readonly maxProducts: number },
  interrupted: Interrupted,
): Promise<CgPath<T> | undefined> {
  const { numbers } = memoryOf(state);
  const relativeNorm = state.gradientNorm / (numbers.firstGradientNorm ?? state.gradientNorm);
  const firstRadius = (firstLength: number | undefined): number => Math.min(maxRadius, Math.max(firstSteps * (firstLength ?? 0), size));
  return truncatedCg(
    model,
    { radius: numbers.radius ?? initialRadius ?? firstRadius, tolerance: Math.min(kappa, relativeNorm ** theta), maxProducts },
    interrupted,
  );
}

/** Returns the path that follows negative curvature, downhill if the gradient has a component along it. */
async function escapePath<M, T>(model: QuadraticModel<M, T>, { direction, curvature }: Descent<T>, radius: number): Promise<CgPath<T>> {
  const slope = await model.inner(model.gradient, direction);
  const downhill = slope > 0 ? scaleTree(model.la, -1, direction) : direction;
  const numbers = { curvature, descent: Math.abs(slope), decrease: 0, startSquared: 0, cross: 0, directionSquared: 1 };
  return { segments: [{ start: undefined, direction: downhill, ...numbers }], radius, products: 0 };
}

/** If the decrease promised first exceeds the rounding of the cost by this factor, costs alone judge the model. */
const refutedAbove = 256;

/** Tries proposals along a path, in smaller and smaller regions, until one is accepted; `undefined` if none is. */
async function descendAlong<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  { la }: QuadraticModel<M, T>,
  path: CgPath<T>,
  { size, settings }: { readonly size: number; readonly settings: Settings },
): Promise<SolverState<P, T> | undefined> {
  let { radius } = path;
  const slack = costSlack(problem, state.cost);
  const promised = proposalWithin(la, path, radius).decrease;
  while (radius > la.epsilon * size) {
    const proposal = proposalWithin(la, path, radius);
    // Slopes are for models that are right beyond the accuracy of costs. A model that costs have refuted at much larger
    // decreases is wrong, and so may the gradient be.
    if (proposal.decrease <= slack && promised > refutedAbove * slack) return undefined;
    const { ratio, trial, evaluation } = await judgeStep(problem, state, proposal);
    const nextRadius = ratio > 0.75 && proposal.atBoundary ? Math.min(settings.maxRadius, 2 * radius) : radius;
    if (ratio > settings.acceptance && trial !== undefined) {
      const iteration = state.iteration + 1;
      const { numbers } = memoryOf(state);
      const { curvature: _left, ...kept } = numbers;
      const products = (numbers.products ?? 0) + path.products;
      const { firstGradientNorm = state.gradientNorm } = numbers;
      const nextNumbers = { ...kept, firstGradientNorm, products, radius: ratio < 0.25 ? proposal.length / 4 : nextRadius };
      return {
        ...(evaluation ?? { cost: trial.cost }),
        x: trial.transport.point,
        iteration,
        stepSize: 1,
        memory: { trustRegions: { tangents: {}, numbers: nextNumbers } },
      };
    }
    radius = proposal.length / 4;
  }
  return undefined;
}
