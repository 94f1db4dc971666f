import { ConfigError } from '../../core/errors.js';
import { checkNumber, describeValue } from '../../core/options.js';
import type { Schedule } from './schedule.js';

/**
 * Prepends steps that grow to the first of a schedule, so that the optimizer's averages settle.
 *
 * $$ t_k = \begin{cases}\frac{k+1}{w}\,t'_0 & k<w\\ t'_{k-w} & k\ge w\end{cases} $$
 *
 * Unlike schedules that begin at zero, it wastes no step.
 *
 * @param schedule - the schedule t′, or a constant value.
 * @param steps - w, the number of steps of the warm-up; 0 for none.
 * @throws ConfigError if the number of steps is not an integer ≥ 0, or a constant value is not positive.
 *
 * @example
 * ```ts
 * import { linearDecay, warmUp } from 'bures';
 *
 * const schedule = warmUp(linearDecay({ from: 0.1, steps: 100 }), 4);
 * console.log([0, 1, 2, 3, 4, 54].map(schedule)); // [ 0.025, 0.05, 0.075, 0.1, 0.1, 0.05 ]
 * ```
 */
export function warmUp(schedule: Schedule | number, steps: number): Schedule {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new ConfigError(`warmUp: steps must be an integer ≥ 0, got ${describeValue(steps)}; pass 0 for no warm-up`);
  }
  if (typeof schedule === 'number') checkNumber('warmUp', 'the step size', schedule, { above: 0 });
  const follow: Schedule = typeof schedule === 'number' ? () => schedule : schedule;
  return (iteration) => (iteration < steps ? ((iteration + 1) / steps) * follow(0) : follow(iteration - steps));
}
