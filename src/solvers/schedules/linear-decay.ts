import { decay } from './decay.js';
import type { DecayOptions, Schedule } from './schedule.js';

/**
 * Returns a schedule that falls along a straight line, and then stays constant.
 *
 * $$ t_k = \text{to}+(\text{from}-\text{to})\,(1-\min(k/\text{steps},1)) $$
 *
 * @throws ConfigError on unknown options, or if a step size is out of range; ShapeError if `steps` is not a positive
 * integer.
 *
 * @example
 * ```ts
 * import { linearDecay } from 'bures';
 *
 * console.log([0, 50, 100].map(linearDecay({ from: 0.1, to: 0.02, steps: 100 }))); // [ 0.1, 0.06, 0.02 ]
 * ```
 */
export function linearDecay(options: DecayOptions): Schedule {
  return decay('linearDecay', options, (elapsed) => 1 - elapsed);
}
