import { decay } from './decay.js';
import type { DecayOptions, Schedule } from './schedule.js';

/**
 * Returns a schedule that falls along half a period of the cosine, and then stays constant.
 *
 * $$ t_k = \text{to}+\tfrac12(\text{from}-\text{to})\,(1+\cos(\pi\min(k/\text{steps},1))) $$
 *
 * @throws ConfigError on unknown options, or if a step size is out of range; ShapeError if `steps` is not a positive
 * integer.
 *
 * @example
 * ```ts
 * import { cosineDecay } from 'bures';
 *
 * console.log([0, 50, 100].map(cosineDecay({ from: 0.1, to: 0.02, steps: 100 }))); // [ 0.1, 0.06, 0.02 ]
 * ```
 * @see Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017, equation 5.
 */
export function cosineDecay(options: DecayOptions): Schedule {
  return decay('cosineDecay', options, (elapsed) => (1 + Math.cos(Math.PI * elapsed)) / 2);
}
