/**
 * The budget of a rendering, and the functions that templates find, which pay as they compute: see
 * bounded-interpreter.ts.
 */
import { DomainError } from '../../../core/errors.js';
import { WholeArguments } from './arguments.js';
import { bool, callable, dict, entriesIn, integer, isDict, list, none, str, text } from './runtime.js';
import { strftime } from './strftime.js';
import type { Value } from './template-values.js';

/** Budget of one rendering. */
export interface RenderBudget {
  /** Units left; counted down. */
  units: number;
  /** Longest text, list or nested value allowed, in characters or elements. */
  readonly mostSize: number;
}

/** Error of a spent budget. It ends the rendering; the template cannot catch it. */
export class LimitReached extends DomainError {}

/** Takes units from a budget. @throws LimitReached if too few are left. */
export function spend(budget: RenderBudget, units: number): void {
  budget.units -= units;
  if (budget.units < 0) throw new LimitReached('the template computes longer than any chat template needs');
}

/**
 * Returns the names that transformers and Jinja give to every template.
 *
 * @param now - the time that a template is told; undefined for that of the clock.
 */
export function globals(charge: (units: number) => void, now: Date | undefined): Readonly<Record<string, Value>> {
  return {
    false: bool(false),
    true: bool(true),
    none,
    False: bool(false),
    True: bool(true),
    None: none,
    raise_exception: callable(([message]) => {
      throw new Error(message === undefined ? '' : str(message));
    }),
    range: callable((args) => list(boundedRange(charge, args))),
    dict: callable((args) => {
      const last = args.at(-1);
      return dict(args.flatMap((given) => (isDict(given) || given === last ? [...entriesIn(given)] : [])));
    }),
    strftime_now: callable((args) => {
      const format = new WholeArguments('strftime_now', args).text(0, 'format');
      charge(100 + format.length);
      return text(strftime(now ?? new Date(), format));
    }),
  };
}

/** Python's `range`, paid for number by number. */
function boundedRange(charge: (units: number) => void, args: readonly Value[]): readonly Value[] {
  const bounds = new WholeArguments('range', args);
  const first = bounds.integer(0, 'start', Number.NaN);
  const [start, stop] = args.length < 2 ? [0, first] : [first, bounds.integer(1, 'stop', 0)];
  const step = bounds.integer(2, 'step', 1);
  if (Number.isNaN(first)) throw new Error('range expected at least 1 argument, got 0');
  if (step === 0) throw new Error('range() arg 3 must not be zero');
  const numbers: Value[] = [];
  for (let number = start; step > 0 ? number < stop : number > stop; number += step) {
    charge(1);
    numbers.push(integer(number));
  }
  return numbers;
}
