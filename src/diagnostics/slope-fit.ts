/** The order at which an error vanishes, estimated from its values at geometrically spaced steps. */

/** Dependence of an error on the step: the part that all Taylor checks report. */
export interface SlopeCheck {
  /** True if the error vanishes at least as fast as it should, and everything else that was checked holds. */
  readonly ok: boolean;
  /** Verdict in words, with the number that decided and, if not ok, what to do. */
  readonly verdict: string;
  /**
   * d log error / d log t over the window; absent if the error is rounding at every step, or nothing could be fitted.
   */
  readonly slope?: number;
  /** The least slope that the model being checked must have. */
  readonly expectedSlope: number;
  /** [tMin, tMax], the steps between which the slope was fitted; absent with `slope`. */
  readonly window?: readonly [number, number];
  /** The steps t, ascending, in units of the manifold's metric. */
  readonly steps: Float64Array;
  /** The error of the model at each step. */
  readonly errors: Float64Array;
  /** True if the model is exact to rounding, as for a cost that is linear (or, with its Hessian, quadratic). */
  readonly exact: boolean;
}

/** Errors at a sequence of steps, with bounds on their rounding. */
export interface ErrorSamples {
  /** Steps, ascending, geometrically spaced. */
  readonly steps: Float64Array;
  /** Error at each step. */
  readonly errors: Float64Array;
  /** The size that rounding alone may give each error. */
  readonly rounding: Float64Array;
  /** Largest magnitude that the model predicts: if rounding is not far below it, nothing can be concluded. */
  readonly signal: number;
  /** Number of steps in a factor of ten. */
  readonly stepsPerDecade: number;
  /** The precision of the numbers. */
  readonly dtype: 'float32' | 'float64';
}

/** A fitted slope, or the reason why there is none. */
export type SlopeFit =
  | { readonly kind: 'fitted'; readonly slope: number; readonly first: number; readonly last: number }
  /** No error exceeds its rounding. */
  | { readonly kind: 'exact' }
  /** The errors are neither smooth in t nor small. */
  | { readonly kind: 'rough' }
  /** Rounding drowns the prediction itself. */
  | { readonly kind: 'inconclusive'; readonly rounding: number }
  /** The errors are not finite from step `first` on, with too few steps before it. */
  | { readonly kind: 'nonfinite'; readonly first: number };

/** An error this many times its rounding is known to 1%, which moves a slope over a decade by less than 0.01. */
const resolvedFactor = 100;
/** A prediction must exceed rounding by this much for a match to mean anything; in float32 there are fewer digits. */
const conclusiveFactors = { float64: 1e3, float32: 30 } as const;
/** Fewest points that are fitted: two more than there are parameters. */
const fewestPoints = 5;
/**
 * Scatter about the fit, in decades of the error, up to which a window counts as smooth: errors known to 1% scatter by
 * 0.004.
 */
const smoothScatter = 0.005;
/** Scatter above which even the best window is no power law. */
const roughScatter = 0.2;

/**
 * Fits log error = slope · log t + c + κ·t over the window of smallest steps in which the errors are smooth.
 *
 * A mistake of relative size δ shows only below t ≈ δ, so the asymptotic slope is wanted: of all windows of one decade
 * about as smooth as the smoothest, the fit takes the one of smallest steps, and widens it while it stays smooth. Steps
 * whose error may be rounding are left out first, as are those from the first error on that is not finite (the cost may
 * have a domain).
 *
 * @see Boumal 2023, section 4.8; Manopt's `identify_linear_piece` and Manopt.jl's `find_best_slope_window`, which take
 * the straightest window instead.
 */
export function fitSlope(samples: ErrorSamples): SlopeFit {
  const { steps, errors, rounding, signal, stepsPerDecade } = samples;
  const nonfinite = errors.findIndex((error) => !Number.isFinite(error));
  const usable = nonfinite < 0 ? errors.length : nonfinite;
  if (usable < Math.max(fewestPoints, stepsPerDecade)) return { kind: 'nonfinite', first: nonfinite };
  const runs = resolvedRuns(errors.subarray(0, usable), rounding);
  const longest = runs.reduce((length, [first, end]) => Math.max(length, end - first), 0);
  if (longest < fewestPoints) {
    // What may be rounding may be a mistake of the same size: it must be small beside what the model predicts.
    const hidden = errors.subarray(0, usable).filter((error, step) => error <= resolvedFactor * rounding[step]);
    const floor = [...rounding.subarray(0, usable), ...hidden].reduce((bound, size) => Math.max(bound, size), 0);
    return signal > 0 && signal < conclusiveFactors[samples.dtype] * floor ? { kind: 'inconclusive', rounding: floor } : { kind: 'exact' };
  }
  const width = Math.min(longest, Math.max(fewestPoints, Math.ceil(stepsPerDecade) + 1));
  const windows = runs.flatMap(([first, end]) =>
    Array.from({ length: Math.max(0, end - first - width + 1) }, (_, offset) => ({
      first: first + offset,
      end,
      ...fitPower(steps, errors, first + offset, first + offset + width),
    })),
  );
  const smoothest = windows.reduce((least, { scatter }) => Math.min(least, scatter), Number.POSITIVE_INFINITY);
  if (smoothest > roughScatter) return { kind: 'rough' };
  const allowed = Math.max(2 * smoothest, smoothScatter);
  // The smoothest window qualifies, so that one always does.
  const chosen = windows.find(({ scatter }) => scatter <= allowed) as (typeof windows)[number];
  let { slope } = chosen;
  let last = chosen.first + width - 1;
  while (last + 1 < chosen.end) {
    const wider = fitPower(steps, errors, chosen.first, last + 2);
    if (wider.scatter > smoothScatter) break;
    slope = wider.slope;
    last += 1;
  }
  return { kind: 'fitted', slope, first: chosen.first, last };
}

/** Returns the maximal ranges [first, end) of steps whose errors are well above rounding. */
function resolvedRuns(errors: Float64Array, rounding: Float64Array): [number, number][] {
  const runs: [number, number][] = [];
  let first = 0;
  for (let step = 0; step <= errors.length; step++) {
    if (step < errors.length && errors[step] > resolvedFactor * rounding[step]) continue;
    if (step > first) runs.push([first, step]);
    first = step + 1;
  }
  return runs;
}

/**
 * Fits log error = slope · log t + c + κ·t to the steps [first, end) by least squares; returns the slope and the root
 * mean square residual.
 *
 * κ·t comes from the next term of the series, error = C tᵖ(1 + κt + …). Without it, the slope of a window in which that
 * term grows, or cancels against the first, would be too far off to tell orders apart.
 */
function fitPower(steps: Float64Array, errors: Float64Array, first: number, end: number): { slope: number; scatter: number } {
  const x = centered(steps.subarray(first, end).map(Math.log10));
  const correction = centered(steps.subarray(first, end).map((t) => t / steps[end - 1]));
  const y = centered(errors.subarray(first, end).map(Math.log10));
  const [xx, xc, cc, xy, cy] = [dot(x, x), dot(x, correction), dot(correction, correction), dot(x, y), dot(correction, y)];
  const determinant = xx * cc - xc * xc;
  const slope = (xy * cc - cy * xc) / determinant;
  const kappa = (cy * xx - xy * xc) / determinant;
  const residual = y.map((value, i) => value - slope * x[i] - kappa * correction[i]);
  return { slope, scatter: Math.sqrt(dot(residual, residual) / residual.length) };
}

function centered(values: Float64Array): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}
