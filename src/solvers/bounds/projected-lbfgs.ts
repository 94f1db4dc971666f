import { ConfigError } from '../../core/errors.js';
import { declareOptions, number, option, size } from '../../core/options.js';
import type { HostArray } from '../../linalg/host/host-array.js';
import { carryTangents } from '../carry.js';
import type { Objective } from '../problem.js';
import { type EvaluatedState, emptyMemory, type Solver, type SolverState } from '../solver.js';
import { pointSize } from '../trust-regions/quadratic-model.js';
import { type Bound, type BoundsByPath, boundsByPath, checkBounds, clipPoint, mapLeaves } from './bounds.js';
import { quasiNewtonDirection, rememberedPairs } from './free-direction.js';
import { leavesByPath, projected, searchAlong } from './projected-search.js';

/** Options of {@link projectedLbfgs}. */
export interface ProjectedLbfgsOptions<M = HostArray> {
  /** Lower bounds: a number for all entries, an array, or a record of these by component. Default: none. */
  readonly lower?: Bound<M>;
  /** Upper bounds, likewise. Default: none. */
  readonly upper?: Bound<M>;
  /** Number of past steps that make up the approximate Hessian. Default: 10. */
  readonly memory?: number;
  /** Factor by which a trial step shrinks, in (0, 1). Default: 0.5. */
  readonly contraction?: number;
  /** Fraction of the decrease predicted by the slope that a step must achieve, in (0, 1). Default: 1e-4. */
  readonly sufficientDecrease?: number;
  /** Largest number of trials of a line search. Default: 40. */
  readonly maxTrials?: number;
}

const projectedLbfgsOptions = declareOptions<ProjectedLbfgsOptions<unknown>>()({
  // Their form is that of a point, against which `init` checks them.
  lower: option({ default: Number.NEGATIVE_INFINITY as Bound<unknown> }),
  upper: option({ default: Number.POSITIVE_INFINITY as Bound<unknown> }),
  memory: size({ default: 10 }),
  contraction: number({ default: 0.5, above: 0, below: 1 }),
  sufficientDecrease: number({ default: 1e-4, above: 0, below: 1 }),
  maxTrials: size({ default: 40 }),
});

/** Defaults of {@link projectedLbfgs}. */
export const projectedLbfgsDefaults: Required<Pick<ProjectedLbfgsOptions, 'memory' | 'contraction' | 'sufficientDecrease' | 'maxTrials'>> =
  projectedLbfgsOptions.defaults;

type Settings = Required<ProjectedLbfgsOptions<unknown>>;

/**
 * Quasi-Newton steps within bounds, $l\le x\le u$: what SciPy's `L-BFGS-B` is for, on {@link euclidean}, on
 * {@link euclideanFactors} (nonnegative factors), and on the Euclidean components of a {@link product}.
 *
 * $$ x_{k+1} = P\bigl(R_{x_k}(t_ku_k)\bigr), \qquad P(x) = \min(\max(x,l),u) $$
 *
 * Entries at a bound from which the cost would push them out are held: they take steps along the gradient, which P
 * undoes. The others take L-BFGS steps, made from the past steps as these entries saw them. Backtracking is along the
 * projected curve, until the cost has fallen by `sufficientDecrease` of what the slope predicts. All points are within
 * the bounds, also the start, which is projected.
 *
 * The gradient norm of a result, and of stopping rules, is that of the projected gradient $x-P(x-g)$, which vanishes at
 * the solution; `state.gradient` is g itself. Constraints of other kinds are for {@link augmentedLagrangian}, which
 * takes this as its solver.
 *
 * @param options - bounds and constants of the method.
 * @returns the solver. A step takes one gradient, as many retractions and costs as the line search tries, and 5·memory
 * inner products; the bounds of a component cost a few passes over its entries.
 * @throws ConfigError if an option is out of range; from `init` also a ConfigError or ShapeError for bounds that do not
 * fit the point, that exclude each other, or that are put on a component that is not Euclidean.
 *
 * @example
 * ```ts
 * import { euclidean, type HostArray, hostAlgebra, minimize, projectedLbfgs } from 'bures';
 *
 * // Nonnegative least squares.
 * const la = hostAlgebra();
 * const A = la.fromRows([[1, 2], [2, 1], [1, 1]]);
 * const b = la.fromRows([[-1], [2], [0]]);
 * const residual = (x: HostArray) => la.subtract(la.matmul(A, x), b);
 * const { x } = await minimize({
 *   manifold: euclidean({ shape: [2, 1] }),
 *   cost: (x) => 0.5 * la.norm(residual(x)) ** 2,
 *   gradient: { kind: 'ambient', at: (x) => la.matmul(A, residual(x), { transposeA: true }) },
 * }, { solver: projectedLbfgs({ lower: 0 }) });
 * console.log(la.toArray(x)); // 0.5 and 0
 * ```
 * @see Bertsekas, "Projected Newton methods for optimization problems with simple constraints", SIAM J. Control Optim.
 * 20(2), 1982 (which entries are held); Schmidt, Kim and Sra, "Projected Newton-type methods in machine learning",
 * 2011; Byrd, Lu, Nocedal and Zhu, SIAM J. Sci. Comput. 16(5), 1995 (L-BFGS-B).
 */
export function projectedLbfgs<M = HostArray>(options: ProjectedLbfgsOptions<M> = {}): Solver {
  const settings = projectedLbfgsOptions.read('projectedLbfgs', options) as Settings;
  return {
    name: `projectedLbfgs(${settings.memory})`,
    init: (problem, x) => boundedStart(problem, x, settings),
    resume: (problem, state) => ({ ...state, x: clipPoint(problem.manifold.algebra, state.x, boundsAt(problem, state.x, settings)) }),
    async evaluate(problem, { x, iteration, cost }) {
      return projected(problem, x, await problem.evaluate(x, iteration, cost), boundsAt(problem, x, settings));
    },
    step: (problem, state) => projectedStep(problem, state, settings),
  };
}

/** Checks bounds and point, and returns the state of the point within the bounds. */
async function boundedStart<M, P, T>(problem: Objective<M, P, T>, x: P, settings: Settings): Promise<SolverState<P, T>> {
  if (problem.stochastic)
    throw new ConfigError(
      'projectedLbfgs: it compares costs, but the cost changes with each batch; state the cost of all data, or use gradientDescent with constantStep',
    );
  const { manifold } = problem;
  await checkBounds('projectedLbfgs', manifold, x, { lower: settings.lower as Bound<M>, upper: settings.upper as Bound<M> });
  return { x: clipPoint(manifold.algebra, x, boundsAt(problem, x, settings)), iteration: 0, memory: {} };
}

function boundsAt<M, P, T>({ manifold: { algebra } }: Objective<M, P, T>, x: P, { lower, upper }: Settings): BoundsByPath<M> {
  return boundsByPath(algebra, x, lower as Bound<M>, upper as Bound<M>);
}

/** Largest distance from a bound at which an entry counts as being there, as a fraction of the size of the point. */
const nearBound = 1e-3;

/** Returns 1 for each entry of a tangent that is free, and 0 for those held at a bound. */
async function freeEntries<M, P, T>(
  { manifold }: Objective<M, P, T>,
  { x, gradient, gradientNorm }: EvaluatedState<P, T>,
  bounds: BoundsByPath<M>,
): Promise<T> {
  const la = manifold.algebra;
  const width = Math.min(gradientNorm, nearBound * (await pointSize(manifold, x)));
  const places = leavesByPath(manifold, x);
  const shifted = (bound: number | M, by: number): number | M =>
    typeof bound === 'number' ? bound + by : la.add(bound, la.full(la.shape(bound), by));
  return mapLeaves(la, gradient, (g, path) => {
    const own = bounds.get(path);
    const one = la.full(la.shape(g), 1);
    if (own === undefined) return one;
    const place = places.get(path) as M;
    const inward = { up: la.greater(g, 0), down: la.greater(la.scale(-1, g), 0) };
    const above = la.greater(place, shifted(own.lower, width));
    const reachesUpper = la.greater(place, shifted(own.upper, -width));
    // Held: not above the lower bound with a slope that pushes down, or at the upper one with a slope that pushes up.
    const heldBelow = la.multiply(la.subtract(one, above), inward.up);
    const heldAbove = la.multiply(reachesUpper, inward.down);
    return la.subtract(one, la.maximum(heldBelow, heldAbove));
  });
}

async function projectedStep<M, P, T>(
  problem: Objective<M, P, T>,
  state: EvaluatedState<P, T>,
  settings: Settings,
): Promise<SolverState<P, T>> {
  const { manifold } = problem;
  const { x, gradient, gradientNorm } = state;
  if (gradientNorm === 0) return { ...state, stalled: 'projectedLbfgs: the projected gradient is zero: the point is stationary' };
  const bounds = boundsAt(problem, x, settings);
  const past = state.memory.projectedLbfgs ?? emptyMemory;
  const pairs = rememberedPairs(problem, state, past, settings.memory);
  const free = await freeEntries(problem, state, bounds);
  const direction = manifold.admissible(x, await quasiNewtonDirection(problem, state, pairs, free));
  const firstTrial = pairs.length > 0 ? 1 : 1 / (await manifold.norm(x, direction));
  const found = await searchAlong(problem, state, { direction, bounds, firstTrial, scaleUnknown: pairs.length === 0 }, settings);
  if (found === undefined) {
    // The memory may have spoiled the direction: the next step goes along the gradient.
    if (pairs.length > 0) return projectedStep(problem, { ...state, memory: {} }, settings);
    return { ...state, stalled: stallReason(state, settings) };
  }
  const { transport, point, displacement, stepSize, ...known } = found;
  const kept = pairs.flatMap(({ step, change }, k) => [[`step${k}`, step] as const, [`change${k}`, change] as const]);
  const memory = { tangents: { ...Object.fromEntries(kept), gradient, displacement }, numbers: {} };
  return { ...known, x: point, iteration: state.iteration + 1, stepSize, memory: { projectedLbfgs: carryTangents(memory, transport) } };
}

function stallReason<P, T>({ gradientNorm }: EvaluatedState<P, T>, { maxTrials }: Settings): string {
  return `projectedLbfgs: no decrease after ${maxTrials} trials, at projected gradient norm ${gradientNorm.toExponential(2)}; the cost is at its rounding error, or its gradient is wrong (see checkGradient)`;
}
