import { DomainError } from '../core/errors.js';
import { declareOptions, flag, number, option } from '../core/options.js';
import { seededRandom } from '../core/random.js';
import type { Manifold } from '../manifolds/manifold.js';
import { checkRetraction } from './check-retraction.js';
import { derivativeLaws } from './derivative-laws.js';
import type { AnyManifold, Law, LawContext, Measurement } from './law-context.js';
import { motionLaws } from './motion-laws.js';
import { short } from './slope-verdict.js';
import { tangentLaws } from './tangent-laws.js';
import { requireManifold } from './taylor.js';

/** Options of {@link checkManifold}. */
export interface CheckManifoldOptions<P> {
  /** The point to check at. Default: a random one, drawn from `seed`. */
  readonly x?: P;
  /** Seed of all random points and tangents. Default: 0. */
  readonly seed?: number;
  /**
   * The length over which the manifold bends at x, in units of the metric: about σ_r for rank-r matrices (√σ_r with
   * factors, or the Bures metric). Steps are a tenth of it. Default: 1.
   */
  readonly scale?: number;
  /**
   * Relative errors up to this times the engine's ε count as rounding. Ill-conditioned points need more, in proportion.
   * Default: 1e4.
   */
  readonly toleranceFactor?: number;
  /**
   * If true, the order of the retraction is measured too (by {@link checkRetraction}). Default: true.
   */
  readonly slopes?: boolean;
  /**
   * Largest dimension at which `dim` is compared with the rank of 2·dim + 2 random tangents. Default: 64.
   */
  readonly dimensionLimit?: number;
}

const checkManifoldOptions = declareOptions<CheckManifoldOptions<unknown>>()({
  x: option({ optional: true }),
  seed: number({ default: 0 }),
  scale: number({ default: 1, above: 0 }),
  // 2e-12 in float64: far above what a few factorizations lose and far below any mistake.
  toleranceFactor: number({ default: 1e4, above: 0 }),
  slopes: flag({ default: true }),
  dimensionLimit: number({ default: 64, min: 0 }),
});

/** Defaults of {@link CheckManifoldOptions}. */
export const checkManifoldDefaults: Required<Omit<CheckManifoldOptions<unknown>, 'x'>> = checkManifoldOptions.defaults;

/**
 * Step length over `scale`: large enough that a law of first order only fails, small enough for the domain of
 * logarithms.
 */
const relativeStep = 0.1;

/** Result of checking one law. */
export interface LawCheck {
  /** The law, as a sentence. */
  readonly name: string;
  /** True if error ≤ tolerance. */
  readonly ok: boolean;
  /** Deviation from the law, mostly relative; NaN where an operation threw. */
  readonly error: number;
  /** The largest error that counts as rounding. */
  readonly tolerance: number;
  /** If the law fails, what was found and what to do; otherwise the name. */
  readonly message: string;
}

/** Result of {@link checkManifold}. */
export interface ManifoldCheck {
  /** True if all laws hold. */
  readonly ok: boolean;
  /** All laws that apply, in order; laws of operations that the manifold does not offer are left out. */
  readonly checks: readonly LawCheck[];
  /** One sentence in all, or one for each law that fails. */
  readonly verdict: string;
}

/**
 * Checks the laws of a manifold at a point: sampling, projection, metric, zero tangent, dimension, retraction,
 * transport, exponential and logarithm; where tangents are displacements of the coordinates of a point, also the
 * conversions of gradients and Hessians and the speed of geodesics. Run it in the tests of a manifold of your own.
 *
 * For want of an inner product on the opaque ambient space it is not checked that `project` is self-adjoint; and where
 * Euclidean gradients have another form than points, as matrices do of which the points are factors, `egradToRgrad` and
 * `ehessToRhess` are left to {@link checkGradient} and {@link checkHessian}, given a cost.
 *
 * @param manifold - the manifold to check; it is not modified.
 * @param options - point, seed, scale and tolerance.
 * @returns each law with its error and tolerance. About 100 operations of the manifold and, if dim ≤ dimensionLimit,
 * 2·dim + 2 random tangents.
 * @throws ConfigError if it is no manifold, or on bad options; the error of `checkPoint` if x is off the manifold.
 * Errors of randomTangent and retract end the check; an error of any other operation counts as a failed law.
 * @see Absil, Mahony and Sepulchre 2008, chapters 3, 4 and 8; Manopt's `checkmanifold`.
 */
export async function checkManifold<M, P, T, Z, G>(
  manifold: Manifold<M, P, T, Z, G>,
  options: CheckManifoldOptions<P> = {},
): Promise<ManifoldCheck> {
  requireManifold('checkManifold', manifold);
  const settings = checkManifoldOptions.read('checkManifold', options);
  if (manifold.dim < 1) {
    throw new DomainError(
      `checkManifold: expected a manifold with directions to move in, but ${manifold.name} has dimension 0; enlarge it`,
    );
  }
  const context = await lawContext(manifold as AnyManifold<M, P, T>, settings);
  const checks: LawCheck[] = [];
  for (const law of [...tangentLaws, ...motionLaws, ...derivativeLaws, ...(settings.slopes ? [retractionLaw(settings)] : [])]) {
    const check = await checkLaw(law, context);
    if (check !== undefined) checks.push(check);
  }
  const failed = checks.filter(({ ok }) => !ok);
  const verdict =
    failed.length === 0
      ? `${manifold.name}: all ${checks.length} laws hold`
      : `${manifold.name}: ${failed.length} of ${checks.length} laws fail. ${failed.map(({ message }) => message).join('. ')}`;
  return { ok: failed.length === 0, checks, verdict };
}

type Settings<P> = Required<Omit<CheckManifoldOptions<P>, 'x'>> & Pick<CheckManifoldOptions<P>, 'x'>;

async function lawContext<M, P, T>(manifold: AnyManifold<M, P, T>, settings: Settings<P>): Promise<LawContext<M, P, T>> {
  const random = seededRandom(settings.seed);
  const x = settings.x ?? manifold.randomPoint(random);
  // A point from randomPoint is judged by a law of its own; one that the caller passed must be valid.
  if (settings.x !== undefined) await manifold.checkPoint(x);
  const u = await manifold.randomTangent(x, random);
  const v = await manifold.randomTangent(x, random);
  const step = relativeStep * settings.scale;
  const { algebra: la } = manifold;
  const tolerance = settings.toleranceFactor * la.epsilon;
  const y = manifold.retract(x, u, step);
  return { manifold, la, x, y, u, v, step, tolerance, dimensionLimit: settings.dimensionLimit, random };
}

async function checkLaw<M, P, T>(law: Law, context: LawContext<M, P, T>): Promise<LawCheck | undefined> {
  let measured: Measurement | undefined;
  try {
    measured = await law.measure(context);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `'${law.name}' could not be evaluated: ${reason}`;
    return { name: law.name, ok: false, error: Number.NaN, tolerance: context.tolerance, message };
  }
  if (measured === undefined) return undefined;
  const { error, tolerance = context.tolerance, found } = measured;
  const ok = error <= tolerance;
  const message = ok ? law.name : `'${law.name}' fails: ${found ?? `error ${short(error)}`} (allowed ${short(tolerance)}); ${law.remedy}`;
  return { name: law.name, ok, error, tolerance, message };
}

function retractionLaw({ scale }: { readonly scale: number }): Law {
  return {
    name: 'retract has the order that retractionOrder claims',
    remedy: 'see checkRetraction, which shows the errors at each step',
    async measure({ manifold, x, u }) {
      const { ok, verdict } = await checkRetraction(manifold, { x, u, scale });
      return { error: ok ? 0 : 1, tolerance: 0, found: verdict };
    },
  };
}
