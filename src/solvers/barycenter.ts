import { ConfigError, NotImplementedError } from '../core/errors.js';
import { checkNumber, declareOptions, describeValue, number, option, size } from '../core/options.js';
import { axpyTree, scaleTree } from '../core/tree.js';
import type { Manifold } from '../manifolds/manifold.js';
import { gradientDescent } from './gradient-descent.js';
import { iterateFor } from './iterate.js';
import type { Problem } from './problem.js';
import { emptyMemory, type StepSizeRule } from './solver.js';
import { pointSize } from './trust-regions/quadratic-model.js';

/** Options of {@link barycenter}. */
export interface BarycenterOptions {
  /** Nonnegative weights, one for each point, not all zero; they are divided by their sum. Default: equal weights. */
  readonly weights?: readonly number[];
  /**
   * Relative length of a step at which the iteration ends. Default: `toleranceFactor` of {@link barycenterDefaults},
   * times ε of the engine.
   */
  readonly tolerance?: number;
  /** Largest number of iterations. Default: 200. */
  readonly maxIterations?: number;
}

const barycenterOptions = declareOptions<BarycenterOptions>()({
  weights: option({ optional: true }),
  tolerance: number({ optional: true, above: 0 }),
  // Each gains a digit or more unless the points are far apart.
  maxIterations: size({ default: 200 }),
});

/** Defaults of {@link BarycenterOptions}. */
export const barycenterDefaults: {
  /** Steps up to this many times ε count as zero: the rounding of a few factorizations. */
  readonly toleranceFactor: number;
  /** Largest number of iterations. */
  readonly maxIterations: number;
} = { toleranceFactor: 1e3, ...barycenterOptions.defaults };

/** A mean, with a report of the iteration. */
export interface Barycenter<P> {
  /** The mean, a point of the manifold. */
  readonly point: P;
  /** Number of steps taken. */
  readonly iterations: number;
  /** Length of the mean logarithm at the point, relative to the size of the point. */
  readonly lastStep: number;
  /** True if `lastStep` became as small as the tolerance, or as rounding allows. */
  readonly converged: boolean;
}

/** Number of steps near rounding after which the iteration ends if none of them is a new shortest one. */
const patience = 3;

/**
 * Computes the barycenter of points of a manifold, their weighted Fréchet or Karcher mean: the geometric mean of
 * positive definite matrices for {@link affineInvariant}, the Wasserstein mean for {@link buresWasserstein} and
 * {@link fixedRankPsd}.
 *
 * $$ \arg\min_x\ \tfrac12\sum_iw_i\operatorname{dist}(x,x_i)^2, \qquad \operatorname{grad} = -\sum_iw_i\operatorname{Log}_x(x_i) $$
 *
 * The method is {@link gradientDescent} with steps of length 2/(1 + Σwγ), the best ones for a bound γ on the curvature
 * of each squared distance (`Manifold.curvatureTowards`). Where the manifold gives no bound the length is 1, which for
 * Bures and Wasserstein is the fixed point of Álvarez-Esteban et al. It starts at `Manifold.roughMean`, or at the first
 * point. The mean is unique on positive definite matrices; elsewhere the result is a stationary point near the start.
 *
 * @param manifold - a manifold with logarithms.
 * @param points - at least one; each member of a batch has its own mean.
 * @param options - weights, tolerance, limit on the iterations.
 * @returns the mean and a report, which says if `maxIterations` was too few to converge. One logarithm per point and
 * iteration.
 * @throws ConfigError on invalid options; NotImplementedError for a manifold without logarithms; the error of the
 * manifold for points that are not on it.
 *
 * @example
 * ```ts
 * import { barycenter, buresWasserstein, hostAlgebra, spd } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = spd({ n: 2, metric: buresWasserstein() });
 * const [x, y] = [la.fromArray([4, 0, 0, 1], [2, 2]), la.fromArray([1, 0, 0, 4], [2, 2])];
 * console.log(la.toArray((await barycenter(manifold, [x, y])).point)); // 1.5² on the diagonal
 * ```
 * @see Bini and Iannazzo, "Computing the Karcher mean of symmetric positive definite matrices", Linear Algebra Appl.
 * 438, 2013 (the step); Álvarez-Esteban, del Barrio, Cuesta-Albertos and Matrán, "A fixed-point approach to barycenters
 * in Wasserstein space", J. Math. Anal. Appl. 441, 2016, theorem 4.2.
 */
export function barycenter<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G> & Required<Pick<Manifold<M, P, T, Z, G>, 'log'>>,
  points: readonly P[],
  options: BarycenterOptions = {},
): Promise<Barycenter<P>> {
  const { weights, tolerance, maxIterations } = checkedSettings(manifold, points, options);
  return manifold.algebra.tidy(async () => {
    for (const point of points) await manifold.checkPoint(point);
    const initial = manifold.roughMean?.(points, weights) ?? points[0];
    const solver = gradientDescent({ stepSize: meanStep(points, weights) });
    let [shortest, since] = [Number.POSITIVE_INFINITY, 0];
    let reached: Barycenter<P> | undefined;
    const steps = iterateFor('barycenter', meanProblem(manifold, points, weights), { solver, initial }, false, remedy);
    for await (const { iteration, gradientNorm, state } of steps) {
      const lastStep = gradientNorm === 0 ? 0 : gradientNorm / (await pointSize(manifold as Manifold<M, P, T, unknown, unknown>, state.x));
      since = lastStep < shortest ? 0 : since + 1;
      shortest = Math.min(shortest, lastStep);
      // Rounding grows with the condition of the points: near it, steps may miss the tolerance, and it suffices that
      // they get no shorter.
      const converged = lastStep <= tolerance || (shortest <= Math.sqrt(manifold.algebra.epsilon) && since >= patience);
      reached = { point: state.x, iterations: iteration, lastStep, converged };
      if (converged || iteration >= maxIterations) break;
    }
    if (reached?.converged) await manifold.checkPoint(reached.point);
    return reached as Barycenter<P>;
  });
}

const remedy = 'the mean is sought from the first point: begin the list with another, or leave out points far from the rest';

/** Returns ½Σ wᵢ dist(x, xᵢ)² as a problem, with the lengths of logarithms as distances. */
function meanProblem<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  points: readonly P[],
  weights: readonly number[],
): Problem<M, P, T, Z, G> {
  const la = manifold.algebra;
  const log = (x: P, point: P): T => (manifold.log as NonNullable<typeof manifold.log>)(x, point);
  const gradient = (x: P, logarithms: readonly T[]): T =>
    logarithms.reduce((sum, u, i) => axpyTree(la, -weights[i], u, sum), scaleTree(la, 0, manifold.zeroTangent(x)));
  const costOf = async (x: P, logarithms: readonly T[]): Promise<number> => {
    let sum = 0;
    for (const [i, u] of logarithms.entries()) sum += 0.5 * weights[i] * (await manifold.norm(x, u)) ** 2;
    return sum;
  };
  const logarithmsAt = (x: P): T[] => points.map((point) => log(x, point));
  return {
    manifold: alongGeodesics(manifold),
    cost: (x) => costOf(x, logarithmsAt(x)),
    gradient: { kind: 'riemannian', at: (x) => gradient(x, logarithmsAt(x)) },
    async costAndGradient(x) {
      const logarithms = logarithmsAt(x);
      return { cost: await costOf(x, logarithms), gradient: gradient(x, logarithms) };
    },
  };
}

/**
 * Returns the manifold with its exponential in the place of its retraction: the step is a mean of logarithms, which may
 * be so long that the retraction leads elsewhere, or to a probability of zero to rounding.
 */
function alongGeodesics<M, P, T, Z, G>(manifold: Manifold<M, P, T, Z, G>): Manifold<M, P, T, Z, G> {
  const { exp } = manifold;
  if (exp === undefined) return manifold;
  return {
    ...manifold,
    retract: exp,
    retractTransport(x, u, t = 1) {
      const point = exp(x, u, t);
      const vector = (v: T): T => manifold.transport(x, point, v);
      // Plain descent remembers nothing that would be carried otherwise.
      return { point, vector, covector: vector, secondMoment: (s) => s };
    },
  };
}

/** Returns the step-size rule 2/(1 + Σwᵢγᵢ), γᵢ the largest curvature of ½dist(·, xᵢ)². */
function meanStep(points: readonly unknown[], weights: readonly number[]): StepSizeRule {
  return {
    name: 'meanStep',
    comparesCosts: false,
    async choose({ problem: { manifold }, state: { x } }) {
      if (manifold.curvatureTowards === undefined) return { stepSize: 1, memory: emptyMemory };
      let curvature = 0;
      for (const [i, point] of points.entries()) curvature += weights[i] * (await manifold.curvatureTowards(x, point as typeof x));
      return { stepSize: 2 / (1 + curvature), memory: emptyMemory };
    },
  };
}

function checkedSettings<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  points: readonly P[],
  options: BarycenterOptions,
): Required<BarycenterOptions> {
  if (typeof manifold?.checkPoint !== 'function') {
    throw new ConfigError(`barycenter: expected a manifold, got ${describeValue(manifold)}; pass, say, barycenter(spd({ n }), [x, y])`);
  }
  if (manifold.log === undefined) {
    throw new NotImplementedError(`barycenter: ${manifold.name} has no logarithms; use, say, spd, fixedRankPsd, sphere or grassmann`);
  }
  const given = barycenterOptions.read('barycenter', options);
  if (!Array.isArray(points) || points.length === 0) {
    const came = Array.isArray(points) ? 'none' : describeValue(points);
    throw new ConfigError(`barycenter: expected a list of at least one point, got ${came}; pass [x, y, …]`);
  }
  const { weights = points.map(() => 1), tolerance = barycenterDefaults.toleranceFactor * manifold.algebra.epsilon, maxIterations } = given;
  if (!Array.isArray(weights) || weights.length !== points.length) {
    throw new ConfigError(
      `barycenter: expected ${points.length} weights, one for each point, got ${describeValue(weights)}; pass as many weights as points`,
    );
  }
  for (const weight of weights) checkNumber('barycenter', 'each weight', weight, { min: 0 });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (!(sum > 0)) throw new ConfigError('barycenter: weights must not all be zero; give at least one point a positive weight');
  return { weights: weights.map((weight) => weight / sum), tolerance, maxIterations };
}
