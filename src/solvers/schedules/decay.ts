import { declareOptions, number, size } from '../../core/options.js';
import type { DecayOptions, Schedule } from './schedule.js';

const decayOptions = declareOptions<DecayOptions>()({
  from: number({ above: 0 }),
  to: number({ default: 0, min: 0 }),
  steps: size({}),
});

/**
 * Returns a schedule that falls from one step size to another along a curve.
 *
 * @param caller - the schedule's name, for messages.
 * @param remaining - fraction of the way left, 1 to 0, as a function of the elapsed fraction of the time, 0 to 1.
 * @throws ConfigError on unknown options, or if a step size is out of range; ShapeError if `steps` is not a positive
 * integer.
 */
export function decay(caller: string, options: DecayOptions, remaining: (elapsed: number) => number): Schedule {
  const { from, to, steps } = decayOptions.read(caller, options);
  return (iteration) => to + (from - to) * remaining(Math.min(iteration / steps, 1));
}
