import { checkPositiveInteger } from '../../core/options.js';
import { type DirectionRule, emptyMemory } from '../solver.js';

/**
 * Restarts another rule every `every` steps, with nothing in its memory: no moments, no counters.
 *
 * @param rule - the rule that makes the steps.
 * @param every - number of steps between restarts.
 * @throws ShapeError if `every` is not a positive integer.
 *
 * @example
 * ```ts
 * import { constantStep, gradientDescent, hostAlgebra, type HostArray, minimize, momentum, restarted, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: restarted(momentum({ decay: 0.5 }), 20), stepSize: constantStep(0.1) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 40 steps
 * ```
 */
export function restarted(rule: DirectionRule, every: number): DirectionRule {
  checkPositiveInteger('restarted', 'every', every);
  return {
    name: `restarted(${rule.name}, every ${every})`,
    direction: (context) => rule.direction(context.iteration % every === 0 ? { ...context, memory: emptyMemory } : context),
    move: (memory, transport) => rule.move(memory, transport),
  };
}
