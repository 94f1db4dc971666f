import { scaleTree } from '../../core/tree.js';
import { type DirectionRule, emptyMemory } from '../solver.js';

/**
 * Steepest descent; on a stochastic cost, stochastic gradient descent.
 *
 * $$ u = -\operatorname{grad}f(x) $$
 *
 * @example
 * ```ts
 * import { constantStep, gradientDescent, hostAlgebra, type HostArray, minimize, sgd, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: sgd(), stepSize: constantStep(0.2) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 29 steps
 * ```
 */
export function sgd(): DirectionRule {
  return {
    name: 'sgd',
    direction: ({ manifold, gradient }) => ({ direction: scaleTree(manifold.algebra, -1, gradient), memory: emptyMemory }),
    move: (memory) => memory,
  };
}
