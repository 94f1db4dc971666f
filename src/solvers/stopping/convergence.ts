/** Stopping rules that mean success. */
import { checkNumber } from '../../core/options.js';
import type { StoppingRule } from './stopping-rule.js';

const scientific = (value: number): string => value.toExponential(2);

/** Stops, converged, once ‖grad f‖ ≤ tolerance. @throws ConfigError if the tolerance is not positive. */
export function gradientNormBelow(tolerance: number): StoppingRule {
  checkNumber('gradientNormBelow', 'the tolerance', tolerance, { above: 0 });
  return {
    name: `gradientNormBelow(${tolerance})`,
    endsEveryRun: false,
    check: ({ gradientNorm }) =>
      gradientNorm <= tolerance
        ? { reason: `gradient norm ${scientific(gradientNorm)} ≤ ${tolerance}`, converged: true, stationary: true }
        : undefined,
  };
}

/** Stops, converged, once ‖grad f‖ ≤ tolerance · ‖grad f(x₀)‖. @throws ConfigError if the tolerance is not positive. */
export function relativeGradientNormBelow(tolerance: number): StoppingRule {
  checkNumber('relativeGradientNormBelow', 'the tolerance', tolerance, { above: 0 });
  return {
    name: `relativeGradientNormBelow(${tolerance})`,
    endsEveryRun: false,
    check: ({ gradientNorm }, _previous, first) =>
      gradientNorm <= tolerance * first.gradientNorm
        ? {
            reason: `gradient norm ${scientific(gradientNorm)} ≤ ${tolerance} × the initial ${scientific(first.gradientNorm)}`,
            converged: true,
            stationary: true,
          }
        : undefined,
  };
}

/** Stops, converged, once f(x) ≤ target. @throws ConfigError if the target is not a finite number. */
export function costBelow(target: number): StoppingRule {
  checkNumber('costBelow', 'the target', target);
  return {
    name: `costBelow(${target})`,
    endsEveryRun: false,
    check: ({ cost }) => (cost <= target ? { reason: `cost ${scientific(cost)} ≤ ${target}`, converged: true } : undefined),
  };
}

/**
 * Stops, converged, once a step changes the cost by at most tolerance · max(1, |f|).
 *
 * @throws ConfigError if the tolerance is not positive.
 */
export function costChangeBelow(tolerance: number): StoppingRule {
  checkNumber('costChangeBelow', 'the tolerance', tolerance, { above: 0 });
  return {
    name: `costChangeBelow(${tolerance})`,
    endsEveryRun: false,
    check({ cost }, previous) {
      if (previous === undefined) return undefined;
      const change = Math.abs(cost - previous.cost);
      return change <= tolerance * Math.max(1, Math.abs(cost))
        ? { reason: `cost changed by ${scientific(change)} ≤ ${tolerance} × max(1, |cost|)`, converged: true, stationary: true }
        : undefined;
    },
  };
}
