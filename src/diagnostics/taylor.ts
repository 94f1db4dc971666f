/**
 * Shared parts of the checks of gradients, Hessians and retractions: point, direction, steps, and the rounding at them.
 */
import type { Awaitable } from '../core/awaitable.js';
import { ConfigError, DomainError } from '../core/errors.js';
import { checkNumber, checkPositiveInteger, declareOptions, describeValue, number, option } from '../core/options.js';
import { type Random, seededRandom } from '../core/random.js';
import { axpyTree, scaleTree } from '../core/tree.js';
import type { Manifold } from '../manifolds/manifold.js';
import { leavesOf } from './law-context.js';
import type { ErrorSamples } from './slope-fit.js';

/** Options of {@link checkGradient}, {@link checkHessian} and {@link checkRetraction}. */
export interface TaylorOptions<P, T> {
  /** The point to check at. Default: a random point, drawn from `seed`. */
  readonly x?: P;
  /** The tangent vector to check along; it is scaled to unit norm. Default: random, drawn from `seed`. */
  readonly u?: T;
  /** Seed of the random point and tangents. Default: 0. */
  readonly seed?: number;
  /**
   * The largest step, in units of the metric. Default: 1, which suits a manifold's own random points. At a point of
   * rank-r matrices pass about σ_r (with factors, or the Bures metric: √σ_r), since a series in t converges no further.
   */
  readonly scale?: number;
  /** Factors of ten from the largest step, `scale`, to the smallest. Default: 8. */
  readonly decades?: number;
  /** Number of steps. Default: 57. */
  readonly count?: number;
  /** Largest amount by which the fitted slope may lie below the expected one. Default: 0.1. */
  readonly slopeTolerance?: number;
}

const taylorOptions = declareOptions<TaylorOptions<unknown, unknown>>()({
  x: option({ optional: true }),
  u: option({ optional: true }),
  seed: number({ default: 0 }),
  scale: number({ default: 1, above: 0 }),
  // Below 1e-8 squares drown in float64's rounding.
  decades: number({ default: 8, min: 1 }),
  // Seven steps to a factor of ten.
  count: option({ default: 57 }, (caller, name, value) => {
    checkPositiveInteger(caller, name, value);
    checkNumber(caller, name, value, { min: 8 });
  }),
  // Orders are integers, and a fit over a decade is accurate to a few hundredths.
  slopeTolerance: number({ default: 0.1, above: 0, below: 1 }),
});

/** Defaults of {@link TaylorOptions}. */
export const taylorDefaults: Required<Omit<TaylorOptions<unknown, unknown>, 'x' | 'u'>> = taylorOptions.defaults;

/** Number of steps at which rounding alone is measured. */
const probeCount = 8;

/** Point, direction and steps of a check. */
export interface TaylorSetup<P, T> {
  /** The point. */
  readonly x: P;
  /** The direction, of unit norm. */
  readonly u: T;
  /** The steps, ascending. */
  readonly steps: Float64Array;
  /** Steps so small that any error at them is rounding. */
  readonly probes: Float64Array;
  /** Number of steps in a factor of ten. */
  readonly stepsPerDecade: number;
  /** Largest amount by which the fitted slope may lie below the expected one. */
  readonly slopeTolerance: number;
  /** The largest step. */
  readonly scale: number;
  /** Length of x in units of u: ‖x‖ / ‖u‖ in their coordinates. */
  readonly pointLength: number;
  /** Random numbers for further tangents. */
  readonly random: Random;
}

/** @throws ConfigError unless the argument is a manifold. */
export function requireManifold(caller: string, manifold: unknown): void {
  if (typeof (manifold as { retract?: unknown } | undefined)?.retract === 'function') return;
  throw new ConfigError(`${caller}: expected a manifold, got ${describeValue(manifold)}; make one with, say, fixedRank({ m, n, rank })`);
}

/**
 * Returns point, direction and steps for the options.
 *
 * @throws ConfigError on bad options; the error of `checkPoint` if x is off the manifold; DomainError if u is zero or
 * not finite.
 */
export async function taylorSetup<M, P, T>(
  caller: string,
  manifold: Manifold<M, P, T, unknown, unknown>,
  options: TaylorOptions<P, T>,
): Promise<TaylorSetup<P, T>> {
  const { seed, scale, decades, count, slopeTolerance, ...given } = taylorOptions.read(caller, options);
  if (manifold.dim < 1) {
    throw new DomainError(`${caller}: expected a manifold with directions to move in, but ${manifold.name} has dimension 0; enlarge it`);
  }
  const random = seededRandom(seed);
  const x = given.x ?? manifold.randomPoint(random);
  await manifold.checkPoint(x);
  const u = await unitDirection(caller, manifold, x, given.u ?? (await manifold.randomTangent(x, random)));
  const stepsPerDecade = (count - 1) / decades;
  const pointLength = await lengthInSteps(manifold, x, u);
  return {
    x,
    u,
    steps: Float64Array.from({ length: count }, (_, i) => scale * 10 ** ((i - count + 1) / stepsPerDecade)),
    // A few ulps of the coordinates of x: shorter steps would leave x bit for bit as it is, and show no rounding at
    // all.
    probes: Float64Array.from({ length: probeCount }, (_, i) => manifold.algebra.epsilon * Math.max(scale, pointLength) * 2 ** i),
    pointLength,
    stepsPerDecade,
    slopeTolerance,
    scale,
    random,
  };
}

/** Returns the length of x in units of u: ‖x‖ / ‖u‖ in their coordinates. */
async function lengthInSteps<M, P, T>({ algebra }: Manifold<M, P, T, unknown, unknown>, x: P, u: T): Promise<number> {
  const size = async (tree: unknown): Promise<number> => {
    const norms = await Promise.all(leavesOf(algebra, tree).map((leaf) => algebra.norm(leaf)));
    return Math.hypot(...norms);
  };
  return (await size(x)) / (await size(u));
}

async function unitDirection<M, P, T>(caller: string, manifold: Manifold<M, P, T, unknown, unknown>, x: P, u: T): Promise<T> {
  const norm = await manifold.norm(x, u);
  if (!(norm > 0 && Number.isFinite(norm))) {
    throw new DomainError(
      `${caller}: expected a direction u of positive finite norm, got norm ${norm}; pass another u, or leave it out for a random one`,
    );
  }
  return scaleTree(manifold.algebra, 1 / norm, u);
}

/** The error of a model at one step, with the sizes of the numbers whose difference it is. */
export interface ErrorAt {
  /** Magnitude of the error. */
  readonly error: number;
  /** Sum of the magnitudes subtracted from one another; rounding is at least ε times this. */
  readonly magnitude: number;
  /** Magnitude of the prediction of the model. */
  readonly signal: number;
}

/** Evaluates the error at all steps, and at the probes, where the error is all rounding. */
export async function sampleErrors<P, T>(
  { steps, probes, stepsPerDecade }: TaylorSetup<P, T>,
  epsilon: number,
  errorAt: (t: number) => Awaitable<ErrorAt>,
): Promise<ErrorSamples> {
  let noise = 0;
  for (const t of probes) {
    const { error } = await errorAt(t);
    if (Number.isFinite(error)) noise = Math.max(noise, error);
  }
  const errors = new Float64Array(steps.length);
  const rounding = new Float64Array(steps.length);
  let signal = 0;
  for (let i = 0; i < steps.length; i++) {
    const sample = await errorAt(steps[i]);
    errors[i] = sample.error;
    rounding[i] = Math.max(noise, epsilon * sample.magnitude);
    if (Number.isFinite(sample.error)) signal = Math.max(signal, sample.signal);
  }
  return { steps, errors, rounding, signal, stepsPerDecade, dtype: epsilon < 1e-10 ? 'float64' : 'float32' };
}

/** Returns ‖a − b‖ / max(‖a‖, ‖b‖, floor) in the metric at x, or 0 if all vanish. */
export async function relativeGap<M, P, T>(manifold: Manifold<M, P, T, unknown, unknown>, x: P, a: T, b: T, floor = 0): Promise<number> {
  const size = Math.max(floor, await manifold.norm(x, a), await manifold.norm(x, b));
  const gap = await manifold.norm(x, axpyTree(manifold.algebra, -1, a, b));
  return size === 0 && gap === 0 ? 0 : gap / size;
}
