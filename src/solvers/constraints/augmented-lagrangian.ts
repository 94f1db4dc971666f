import { ConfigError } from '../../core/errors.js';
import { seededRandom } from '../../core/random.js';
import type { Manifold } from '../../manifolds/manifold.js';
import { lbfgs } from '../directions/lbfgs.js';
import { faultOf } from '../fault.js';
import { gradientDescent } from '../gradient-descent.js';
import { type MinimizeResult, minimize } from '../minimize.js';
import { drawnObjective } from '../objective.js';
import { wolfe } from '../step-sizes/wolfe.js';
import { any } from '../stopping/compose.js';
import { gradientNormBelow } from '../stopping/convergence.js';
import { maxIterations as iterationLimit } from '../stopping/limits.js';
import {
  type AugmentedLagrangianOptions,
  type AugmentedLagrangianSettings,
  augmentedLagrangianOptions,
} from './augmented-lagrangian-options.js';
import { checkConstrained, constraintFields } from './check-constrained.js';
import { type AugmentedTerms, augmentedTerms, type ConstrainedProblem } from './constrained-problem.js';
import type { ConstrainedIteration, ConstrainedResult } from './constrained-result.js';
import { kktResiduals } from './kkt-residuals.js';
import { firstState, type OuterState } from './outer-state.js';
import { safeguarded, unmetReason } from './penalty.js';

/**
 * Minimizes a cost over the points of a manifold that fulfil equality and inequality constraints, by the Riemannian
 * augmented Lagrangian method (RALM).
 *
 * $$ \min_{x\in\mathcal M}f(x) \quad\text{subject to}\quad h(x)=0,\ g(x)\le0 $$
 *
 * Each outer iteration minimizes the augmented Lagrangian, without constraints, and then corrects the multipliers:
 *
 * $$ \gamma\leftarrow\gamma+\rho h(x), \qquad \lambda\leftarrow\max\bigl(0,\lambda+\rho g(x)\bigr) $$
 *
 * ρ grows by `penaltyGrowth` where that did not bring the constraints closer. The run has converged if the KKT residual
 * is within the tolerance: the gradient of the Lagrangian, ‖h‖, ‖max(0, g)‖, and the complementarity ‖min(λ, −g)‖. If
 * the violation no longer falls however the penalty grows, and its gradient vanishes, the run ends and says so: the
 * point is then one of least violation nearby, and the constraints may contradict one another.
 *
 * The constraints are vector-valued, as few arrays as one likes, and need products Jᵀw alone. Multipliers are in the
 * units of cost over constraint; the tolerance compares all parts alike, so that constraints should be scaled to
 * numbers about 1.
 *
 * With a `solver` of trust regions the Hessian is exact where cost and constraints all state theirs, as those by
 * `autodiff` and `autodiffVector` do, and the constraints `jvp`; else products are differences of gradients, and the
 * result's `solver` says so.
 *
 * A `preconditioner` is that of the inner runs as well. They have no `costAlong` and no `linearize`, which belong to
 * the cost without its constraints: solvers that need these refuse them.
 *
 * Differences from the reference: the first penalty comes from the data; the stopping rule is the KKT residual, not the
 * distance of the last two points; multipliers are bounded by 1e8 times the gradient norm of the cost at the start, not
 * by 100, which only an infeasible problem reaches; inner runs end at a tenth of the residual of the last, and never
 * below half of the tolerance.
 *
 * @param problem - manifold, cost and gradient as for `minimize`, with `equality` and `inequality`.
 * @param options - inner solver, start, penalty, tolerance, limits.
 * @returns point, multipliers, residuals and a report. A limit, constraints that cannot be met, a point that the
 * manifold refuses, and an abort give `converged: false`. On a device the caller disposes of the result's arrays, as
 * for `minimize`.
 * @throws ConfigError if problem or options are invalid, the cost is stochastic or there is no constraint; the error of
 * the manifold if the start is not one of its points.
 *
 * @example
 * ```ts
 * import { augmentedLagrangian, type HostArray, hostAlgebra, sphere } from 'bures';
 *
 * // The nonnegative unit vector along which A is largest (nonnegative PCA): g(x) = −x.
 * const la = hostAlgebra();
 * const A = la.fromRows([[4, -1, 0], [-1, 3, 1], [0, 1, 2]]);
 * const { x, multipliers, converged } = await augmentedLagrangian({
 *   manifold: sphere({ shape: [3, 1] }),
 *   cost: (x: HostArray) => -0.5 * la.inner(x, la.matmul(A, x)),
 *   gradient: { kind: 'ambient', at: (x: HostArray) => la.scale(-1, la.matmul(A, x)) },
 *   inequality: { at: (x: HostArray) => la.scale(-1, x), vjp: { kind: 'ambient', at: (_x, w) => la.scale(-1, w) } },
 * }, { initial: la.fromArray([0.6, 0.6, Math.sqrt(0.28)], [3, 1]) });
 * console.log(la.toArray(x), multipliers, converged);
 * ```
 * @see Liu and Boumal, "Simple algorithms for optimization on Riemannian manifolds with constraints", Appl. Math.
 * Optim. 82, 2020, algorithm 1; Birgin and Martínez, Practical Augmented Lagrangian Methods, 2014.
 */
export async function augmentedLagrangian<M, P, T, Z, G>(
  problem: ConstrainedProblem<M, P, T, Z, G>,
  options: AugmentedLagrangianOptions<M, P, T> = {},
): Promise<ConstrainedResult<M, P>> {
  const caller = 'augmentedLagrangian';
  const settings = augmentedLagrangianOptions.read(caller, options) as AugmentedLagrangianSettings<M, P, T>;
  requireConstraints(caller, problem);
  const { manifold } = problem;
  const scope = manifold.algebra.openScope();
  let result: ConstrainedResult<M, P> | undefined;
  try {
    const x = settings.initial ?? scope.run(() => manifold.randomPoint(seededRandom(settings.seed)));
    await (manifold.checkStart === undefined ? manifold.checkPoint(x) : manifold.checkStart(x));
    const seen = drawnObjective(caller, problem, constraintFields);
    const terms = augmentedTerms(problem, seen);
    const start = await scope.run(() => firstState(problem, seen, terms, x, settings));
    result = await outerIterations({ problem, terms, settings, costAt: async (y) => seen.cost(y, 0), scope }, start);
    return result;
  } finally {
    scope.close(result);
  }
}

interface Outer<M, P, T, Z, G> {
  readonly problem: ConstrainedProblem<M, P, T, Z, G>;
  readonly terms: AugmentedTerms<M, P, T, Z, G>;
  readonly settings: AugmentedLagrangianSettings<M, P, T>;
  readonly costAt: (x: P) => Promise<number>;
  readonly scope: { run<Result>(compute: () => Result): Result; free(survivors: unknown): void };
}

/** @throws ConfigError unless a problem is deterministic and has constraints. */
function requireConstraints<M, P, T, Z, G>(caller: string, problem: ConstrainedProblem<M, P, T, Z, G>): void {
  checkConstrained(caller, problem);
  if (problem.equality === undefined && problem.inequality === undefined)
    throw new ConfigError(`${caller}: expected a problem with equality or inequality, got neither; state one, or call minimize`);
}

/** Runs the outer iterations until the KKT residual is small, the constraints turn out not to be met, or a limit. */
async function outerIterations<M, P, T, Z, G>(outer: Outer<M, P, T, Z, G>, start: OuterState<M, P>): Promise<ConstrainedResult<M, P>> {
  const { settings, scope } = outer;
  const begun = performance.now();
  const history: ConstrainedIteration[] = [];
  /** Of each iteration, the gradient norm of the violation. */
  const slopes: number[] = [];
  let [state, innerIterations] = [start, 0];
  for (;;) {
    const from = state;
    const turn = await scope.run(() => outerIteration(outer, from, history));
    scope.free([turn]);
    history.push(turn.numbers);
    slopes.push(turn.slope);
    settings.onIteration?.({ ...turn.numbers, x: turn.state.x });
    innerIterations += turn.numbers.innerIterations;
    state = turn.state;
    const ending = await endOf(outer, history, slopes, state.x, innerIterations === 0);
    if (ending === undefined) continue;
    const { cost, penalty, stationarity, equality, inequality, complementarity, kkt } = turn.numbers;
    return {
      x: state.x,
      cost,
      multipliers: turn.estimate,
      residuals: { stationarity, equality, inequality, complementarity, kkt },
      penalty,
      solver: turn.solver,
      iterations: history.length,
      innerIterations,
      ...ending,
      history,
      seconds: (performance.now() - begun) / 1000,
    };
  }
}

/** Returns how the run ends after the last iteration, at x; `undefined` if it goes on. */
async function endOf<M, P, T, Z, G>(
  { problem, settings: { tolerance, maxIterations, signal: abort } }: Outer<M, P, T, Z, G>,
  history: readonly ConstrainedIteration[],
  slopes: readonly number[],
  x: P,
  unmoved: boolean,
): Promise<Pick<ConstrainedResult<M, P>, 'converged' | 'stopReason'> | undefined> {
  const { kkt } = history[history.length - 1];
  const iterations = history.length;
  const manifold = problem.manifold as Manifold<M, P, T, unknown, unknown>;
  const converged = kkt <= tolerance;
  const reason = `KKT residual ${kkt.toExponential(2)} ${converged ? '≤' : '>'} ${tolerance}`;
  // A run that goes on starts its next inner run here, and may start where none may end.
  const fault = await faultOf(manifold, x, unmoved || !converged);
  if (fault !== undefined) return { converged: false, stopReason: `${reason}, at a point that the manifold refuses: ${fault}` };
  if (converged) return { converged, stopReason: reason };
  if (abort?.aborted) return { converged: false, stopReason: `aborted after iteration ${iterations}: ${String(abort.reason)}` };
  const unmet = unmetReason(history, slopes, tolerance);
  if (unmet !== undefined) return { converged: false, stopReason: unmet };
  if (iterations < maxIterations) return undefined;
  return { converged: false, stopReason: `reached ${iterations} iterations, at a KKT residual of ${kkt.toExponential(2)}` };
}

/** Minimizes the augmented Lagrangian once, and corrects multipliers and penalty. */
async function outerIteration<M, P, T, Z, G>(
  { problem, terms, settings, costAt }: Outer<M, P, T, Z, G>,
  { x: from, multipliers, penalty, innerTolerance, multiplierBound }: OuterState<M, P>,
  history: readonly ConstrainedIteration[],
) {
  const la = problem.manifold.algebra;
  const inner: MinimizeResult<P, T> = await minimize(terms.problem(multipliers, penalty), {
    solver: settings.solver ?? gradientDescent({ direction: lbfgs(), stepSize: wolfe() }),
    initial: from,
    stop: any(gradientNormBelow(innerTolerance), iterationLimit(settings.innerIterations)),
    ...(settings.signal && { signal: settings.signal }),
  });
  const { x } = inner;
  // The gradient of the Lagrangian with these multipliers is that of the augmented one with the last.
  const estimate = await terms.nextMultipliers(x, multipliers, penalty);
  const values = await terms.values(x);
  const residuals = await kktResiduals(la, values, estimate, inner.gradientNorm);
  const last = history.at(-1);
  const stands =
    last === undefined ||
    Math.max(residuals.equality, residuals.complementarity) <= settings.sufficientProgress * Math.max(last.equality, last.complementarity);
  const met = Math.max(residuals.equality, residuals.complementarity) <= settings.tolerance;
  const numbers: ConstrainedIteration = {
    iteration: history.length + 1,
    cost: await costAt(x),
    ...residuals,
    penalty,
    innerIterations: inner.iterations,
    innerReason: inner.stopReason,
  };
  const state: OuterState<M, P> = {
    x,
    multipliers: safeguarded(la, estimate, multiplierBound),
    penalty: stands || met ? penalty : penalty * settings.penaltyGrowth,
    innerTolerance: Math.max(0.5 * settings.tolerance, Math.min(innerTolerance, 0.1 * residuals.kkt)),
    multiplierBound,
  };
  return { state, estimate, numbers, slope: await terms.violationSlope(x), solver: inner.solver };
}
