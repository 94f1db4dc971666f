/** A rule that forgets at regular steps what it remembers. */
import { checkPositiveInteger } from '../../core/options.js';
import { type DirectionRule, emptyMemory } from '../solver.js';

/**
 * Another rule that begins anew after every so many steps, with nothing in its memory: moments, counters, all.
 *
 * @param rule - the rule that makes the steps.
 * @param every - after how many.
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
