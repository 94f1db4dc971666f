/** Verdicts of slope checks in words: what was found, and where to look for the mistake. */
import { type ErrorSamples, fitSlope, type SlopeCheck, type SlopeFit } from './slope-fit.js';

/** Subject of a check, as its verdict names it. */
export interface SlopeSubject {
  /** Name of what is checked, such as `gradient`. */
  readonly name: string;
  /** The error in symbols. */
  readonly error: string;
  /** The least slope that the model must have. */
  readonly expectedSlope: number;
  /** Largest amount by which the fitted slope may lie below the expected one. */
  readonly slopeTolerance: number;
  /** Says, for a slope that is too small, where to look for the mistake. */
  remedy(slope: number, firstStep: number, firstError: number): string;
}

/** Fits the slope and states the outcome in words. */
export function judgeSlope(subject: SlopeSubject, samples: ErrorSamples): SlopeCheck {
  const { expectedSlope } = subject;
  const { steps, errors } = samples;
  const fit = fitSlope(samples);
  const common = { expectedSlope, steps, errors, exact: fit.kind === 'exact' };
  if (fit.kind !== 'fitted') return { ...common, ...judgeUnfitted(subject, samples, fit) };
  const { slope, first, last } = fit;
  const window = [steps[first], steps[last]] as const;
  const ok = slope >= expectedSlope - subject.slopeTolerance;
  const found = `${subject.error} falls as t^${slope.toFixed(2)} for t in [${short(window[0])}, ${short(window[1])}]`;
  const verdict = ok
    ? `${subject.name}: correct to the order required: ${found} (required: t^${expectedSlope})`
    : `${subject.name}: wrong: ${found}, not as t^${expectedSlope}; ${subject.remedy(slope, steps[first], errors[first])}`;
  return { ...common, ok, slope, window, verdict };
}

function judgeUnfitted(
  { name, error }: SlopeSubject,
  { steps, errors, signal }: ErrorSamples,
  fit: Exclude<SlopeFit, { kind: 'fitted' }>,
): { readonly ok: boolean; readonly verdict: string } {
  switch (fit.kind) {
    case 'exact':
      return { ok: true, verdict: `${name}: correct, and exact to rounding: ${error} is rounding at every step` };
    case 'rough':
      return {
        ok: false,
        verdict: `${name}: wrong, or the cost is not smooth: ${error} follows no power of t; check for kinks, branches and random numbers in the cost`,
      };
    case 'inconclusive':
      return {
        ok: false,
        verdict: `${name}: inconclusive: the prediction reaches ${short(signal)}, and rounding ${short(fit.rounding)}; pass a larger scale, or take constants out of the cost`,
      };
    case 'nonfinite':
      return {
        ok: false,
        verdict: `${name}: not finite: ${error} is ${errors[fit.first]} at t = ${short(steps[fit.first])}; pass a smaller scale, or a point well inside the domain of the cost`,
      };
  }
}

/** Formats a number for messages, to three digits. */
export function short(value: number): string {
  return value.toExponential(2);
}

/** A property that holds up to an error. */
export interface Property {
  /** Words for what the error measures. */
  readonly description: string;
  /** Deviation from the property. */
  readonly error: number;
  /** Largest error up to which the property holds. */
  readonly tolerance: number;
  /** Advice if it fails. */
  readonly remedy: string;
}

/**
 * Adds properties to the outcome of a slope check: all must hold, and each that fails adds a sentence to the verdict.
 */
export function withProperties(check: SlopeCheck, properties: readonly Property[]): SlopeCheck {
  const failed = properties.filter(({ error, tolerance }) => !(error <= tolerance));
  const sentences = failed.map(
    ({ description, error, tolerance, remedy }) => `${description} ${short(error)} (allowed ${short(tolerance)}); ${remedy}`,
  );
  return { ...check, ok: check.ok && failed.length === 0, verdict: [check.verdict, ...sentences].join('. ') };
}
