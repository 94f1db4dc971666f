/**
 * The budget of a rendering, and the functions that templates find, which pay as they compute: see
 * bounded-interpreter.ts.
 */
import { Template } from '@huggingface/jinja';
import { DomainError } from '../../core/errors.js';

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

/** Returns the names that `Template.render` gives to every template. */
export function globals(charge: (units: number) => void): Readonly<Record<string, unknown>> {
  return {
    false: false,
    true: true,
    none: null,
    raise_exception: (message: string) => {
      throw new Error(message);
    },
    range: (start: number, stop?: number, step?: number) => boundedRange(charge, start, stop, step),
    // Making the formats of a language is slow. The function itself is not exported by the library.
    strftime_now: (format: string) => {
      charge(1000 + format.length);
      return new Template('{{ strftime_now(format) }}').render({ format });
    },
    True: true,
    False: false,
    None: null,
  };
}

/** Python's `range` as the library has it, paid for number by number. */
function boundedRange(charge: (units: number) => void, first: number, last: number | undefined, step = 1): number[] {
  const [start, stop] = last === undefined ? [0, first] : [first, last];
  if (step === 0) throw new Error('range() step must not be zero');
  const numbers: number[] = [];
  for (let number = start; step > 0 ? number < stop : number > stop; number += step) {
    charge(1);
    numbers.push(number);
  }
  return numbers;
}
