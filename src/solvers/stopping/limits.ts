/** Stopping rules that end a run without success. */
import { ConfigError } from '../../core/errors.js';
import { checkNumber, describeValue } from '../../core/options.js';
import type { Progress, StopDecision, StoppingRule } from './stopping-rule.js';

/** Stops after this many steps. @throws ConfigError if the count is not an integer ≥ 0. */
export function maxIterations(count: number): StoppingRule {
  if (!Number.isInteger(count) || count < 0) {
    throw new ConfigError(`maxIterations: the count must be an integer at least 0, got ${describeValue(count)}; pass such a number`);
  }
  const check = ({ iteration }: Pick<Progress, 'iteration'>): StopDecision | undefined =>
    iteration >= count ? { reason: `${iteration} iterations reached the limit of ${count}`, converged: false } : undefined;
  return { name: `maxIterations(${count})`, endsEveryRun: true, check, checkBefore: check };
}

/** Stops after this many seconds. @throws ConfigError if the time is not positive. */
export function maxSeconds(limit: number): StoppingRule {
  checkNumber('maxSeconds', 'the limit', limit, { above: 0 });
  return {
    name: `maxSeconds(${limit})`,
    endsEveryRun: true,
    check: ({ seconds }) =>
      seconds >= limit ? { reason: `${seconds.toFixed(2)} s reached the limit of ${limit} s`, converged: false } : undefined,
  };
}

/** Stops a run that has diverged: f(x) > bound. @throws ConfigError if the bound is not a finite number. */
export function costAbove(bound: number): StoppingRule {
  checkNumber('costAbove', 'the bound', bound);
  return {
    name: `costAbove(${bound})`,
    endsEveryRun: false,
    check: ({ cost }) =>
      cost > bound ? { reason: `cost ${cost.toExponential(2)} > ${bound}: the run has diverged`, converged: false } : undefined,
  };
}
