import { decay } from './decay.js';
import type { DecayOptions, Schedule } from './schedule.js';

/**
 * Returns a schedule that falls along a straight line, and then stays constant.
 *
 * $$ t_k = \text{to}+(\text{from}-\text{to})\,(1-\min(k/\text{steps},1)) $$
 *
 * @throws ConfigError on unknown options, or if a step size is out of range; ShapeError if `steps` is not a positive
 * integer.
 */
export function linearDecay(options: DecayOptions): Schedule {
  return decay('linearDecay', options, (elapsed) => 1 - elapsed);
}
