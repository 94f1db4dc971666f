/** Barycenters: weighted means of points in the sense of a metric. */
import { ConfigError } from '../core/errors.js';
import { checkKeys, checkNumber, describeValue } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** Options of `barycenter`. */
export interface BarycenterOptions {
  /** One nonnegative number a point, not all zero; they are divided by their sum. Default: equal weights. */
  readonly weights?: readonly number[];
  /** The relative length of a step at which the iteration ends. Default: {@link barycenterDefaults}, times ε of the engine. */
  readonly tolerance?: number;
  /** Most iterations. Default: {@link barycenterDefaults}. */
  readonly maxIterations?: number;
}

/** The defaults of {@link BarycenterOptions}. */
export const barycenterDefaults = {
  /** Steps this many times ε count as none: what a few factorizations round to. */
  toleranceFactor: 1e3,
  /** Most iterations: each gains a digit or more unless the points are far apart. */
  maxIterations: 200,
} as const;

/** A mean, and how it was reached. */
export interface Barycenter<M> {
  /** The mean, a point of the manifold. */
  readonly point: M;
  /** Steps taken. */
  readonly iterations: number;
  /** The relative length of the last step. */
  readonly lastStep: number;
  /** Whether the steps became as small as the tolerance, or as rounding lets them. */
  readonly converged: boolean;
}

/** {@link BarycenterOptions}, checked and complete. */
export interface BarycenterSettings {
  /** One a point; their sum is 1. */
  readonly weights: readonly number[];
  /** The relative length of a step at which the iteration ends. */
  readonly tolerance: number;
  /** Most iterations. */
  readonly maxIterations: number;
}

/**
 * Checks the options of a barycenter of `count` points.
 *
 * @throws ConfigError if there are no points, or on options that do not fit.
 */
export function barycenterSettings(
  caller: string,
  { epsilon }: { readonly epsilon: number },
  points: readonly unknown[],
  options: BarycenterOptions,
): BarycenterSettings {
  checkKeys(caller, options, ['weights', 'tolerance', 'maxIterations']);
  if (!Array.isArray(points) || points.length === 0) {
    const came = Array.isArray(points) ? 'none' : describeValue(points);
    throw new ConfigError(`${caller}: expected a list of at least one point, got ${came}; pass [x, y, …]`);
  }
  const {
    weights = points.map(() => 1),
    tolerance = barycenterDefaults.toleranceFactor * epsilon,
    maxIterations = barycenterDefaults.maxIterations,
  } = options;
  if (!Array.isArray(weights) || weights.length !== points.length) {
    throw new ConfigError(`${caller}: weights must be ${points.length} numbers, one a point, got ${describeValue(weights)}`);
  }
  for (const weight of weights) checkNumber(caller, 'each weight', weight, { min: 0 });
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (!(sum > 0)) throw new ConfigError(`${caller}: weights must not all be zero; give at least one point a positive weight`);
  checkNumber(caller, 'tolerance', tolerance, { above: 0 });
  checkNumber(caller, 'maxIterations', maxIterations, { min: 1 });
  return { weights: weights.map((weight) => weight / sum), tolerance, maxIterations };
}

/** Σ wᵢXᵢ. */
export function weightedSum<M>(la: LinearAlgebra<M>, weights: readonly number[], terms: readonly M[]): M {
  return terms.slice(1).reduce((sum, term, i) => la.axpy(weights[i + 1], term, sum), la.scale(weights[0], terms[0]));
}

/** For how many steps without a new shortest one the iteration goes on once they are near rounding. */
const patience = 3;

/**
 * Repeats a step until it is as short as the tolerance, or, being shorter than √ε, gets no shorter: rounding grows with the condition of the points.
 *
 * @param improve - one step, with its length in relation to the point.
 */
export function iterateMean<M>(
  la: LinearAlgebra<M>,
  start: M,
  { tolerance, maxIterations }: BarycenterSettings,
  improve: (x: M) => Promise<{ readonly next: M; readonly step: number }>,
): Promise<Barycenter<M>> {
  return la.tidy(async () => {
    let point = start;
    let [shortest, since, lastStep] = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY];
    for (let iterations = 1; iterations <= maxIterations; iterations++) {
      const from = point;
      ({ next: point, step: lastStep } = await la.tidy(() => improve(from)));
      since = lastStep < shortest ? 0 : since + 1;
      shortest = Math.min(shortest, lastStep);
      const converged = lastStep <= tolerance || (shortest <= Math.sqrt(la.epsilon) && since >= patience);
      if (converged) return { point, iterations, lastStep, converged };
    }
    return { point, iterations: maxIterations, lastStep, converged: false };
  });
}
