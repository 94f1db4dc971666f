/** Small steps at the beginning of any schedule. */
import { ConfigError } from '../../core/errors.js';
import { checkNumber, describeValue } from '../../core/options.js';
import type { Schedule } from './schedule.js';

/**
 * A schedule that begins after steps which grow to its first: the optimizer's averages settle before they are trusted.
 *
 * $$ t_k = \begin{cases}\frac{k+1}{w}\,t'_0 & k<w\\ t'_{k-w} & k\ge w\end{cases} $$
 *
 * Unlike schedules that begin at zero, it wastes no step.
 *
 * @param schedule - t′, or its one value where it is constant.
 * @param steps - w, the steps of the warm-up; 0 for none.
 * @throws ConfigError if the number of steps is not an integer ≥ 0, or a constant value is not positive.
 */
export function warmUp(schedule: Schedule | number, steps: number): Schedule {
  if (!Number.isInteger(steps) || steps < 0) {
    throw new ConfigError(`warmUp: steps must be an integer ≥ 0, got ${describeValue(steps)}; pass 0 for no warm-up`);
  }
  if (typeof schedule === 'number') checkNumber('warmUp', 'the step size', schedule, { above: 0 });
  const follow: Schedule = typeof schedule === 'number' ? () => schedule : schedule;
  return (iteration) => (iteration < steps ? ((iteration + 1) / steps) * follow(0) : follow(iteration - steps));
}
