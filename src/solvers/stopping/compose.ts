/** Combinations of stopping rules. */
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import type { StopDecision, StoppingRule } from './stopping-rule.js';

function checkRules(caller: string, rules: readonly StoppingRule[]): void {
  if (rules.length === 0)
    throw new ConfigError(`${caller}: expected at least one stopping rule, got none; pass, say, ${caller}(maxIterations(100))`);
  for (const rule of rules) {
    if (typeof rule?.check !== 'function') {
      throw new ConfigError(
        `${caller}: expected stopping rules, got ${describeValue(rule)}; make them with gradientNormBelow, maxIterations, …`,
      );
    }
  }
}

/** Says whether a combination ends every run, where that is known. */
function endsIf(ends: boolean, mayNot: boolean): Pick<StoppingRule, 'endsEveryRun'> {
  return ends ? { endsEveryRun: true } : mayNot ? { endsEveryRun: false } : {};
}

/** Stops as soon as one rule does; the first in order gives the reason. @throws ConfigError if a rule is not one. */
export function any(...rules: readonly StoppingRule[]): StoppingRule {
  checkRules('any', rules);
  return {
    name: `any(${rules.map(({ name }) => name).join(', ')})`,
    ...endsIf(
      rules.some(({ endsEveryRun }) => endsEveryRun === true),
      rules.every(({ endsEveryRun }) => endsEveryRun === false),
    ),
    check(now, previous, first) {
      for (const rule of rules) {
        const decision = rule.check(now, previous, first);
        if (decision !== undefined) return decision;
      }
      return undefined;
    },
    checkBefore: (now) => rules.map((rule) => rule.checkBefore?.(now)).find((decision) => decision !== undefined),
  };
}

/**
 * Stops once all rules agree at one iteration; converged if all of them count it as success.
 *
 * @throws ConfigError if a rule is not one.
 */
export function all(...rules: readonly StoppingRule[]): StoppingRule {
  checkRules('all', rules);
  return {
    name: `all(${rules.map(({ name }) => name).join(', ')})`,
    ...endsIf(
      rules.every(({ endsEveryRun }) => endsEveryRun === true),
      rules.some(({ endsEveryRun }) => endsEveryRun === false),
    ),
    check: (now, previous, first) => allOf(rules.map((rule) => rule.check(now, previous, first))),
    checkBefore: (now) => allOf(rules.map((rule) => rule.checkBefore?.(now))),
  };
}

function allOf(decisions: readonly (StopDecision | undefined)[]): StopDecision | undefined {
  const made = decisions.filter((decision) => decision !== undefined);
  if (made.length < decisions.length) return undefined;
  return {
    reason: made.map(({ reason }) => reason).join(' and '),
    converged: made.every(({ converged }) => converged),
    stationary: made.every(({ stationary = false }) => stationary),
  };
}
