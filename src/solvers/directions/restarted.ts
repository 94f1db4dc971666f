import { checkPositiveInteger } from '../../core/options.js';
import { type DirectionRule, emptyMemory } from '../solver.js';

/**
 * Restarts another rule every `every` steps, with nothing in its memory: no moments, no counters.
 *
 * @param rule - the rule that makes the steps.
 * @param every - number of steps between restarts.
 * @throws ShapeError if `every` is not a positive integer.
 */
export function restarted(rule: DirectionRule, every: number): DirectionRule {
  checkPositiveInteger('restarted', 'every', every);
  return {
    name: `restarted(${rule.name}, every ${every})`,
    direction: (context) => rule.direction(context.iteration % every === 0 ? { ...context, memory: emptyMemory } : context),
    move: (memory, transport) => rule.move(memory, transport),
  };
}
