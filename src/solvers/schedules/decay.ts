import { checkKeys, checkNumber, checkPositiveInteger } from '../../core/options.js';
import type { DecayOptions, Schedule } from './schedule.js';

/**
 * Returns a schedule that falls from one step size to another along a curve.
 *
 * @param caller - the schedule's name, for messages.
 * @param remaining - fraction of the way left, 1 to 0, as a function of the elapsed fraction of the time, 0 to 1.
 * @throws ConfigError on unknown options, or if a step size is out of range; ShapeError if `steps` is not a positive
 * integer.
 */
export function decay(caller: string, options: DecayOptions, remaining: (elapsed: number) => number): Schedule {
  checkKeys(caller, options, ['from', 'to', 'steps']);
  const { from, to = 0, steps } = options;
  checkNumber(caller, 'from', from, { above: 0 });
  checkNumber(caller, 'to', to, { min: 0 });
  checkPositiveInteger(caller, 'steps', steps);
  return (iteration) => to + (from - to) * remaining(Math.min(iteration / steps, 1));
}
