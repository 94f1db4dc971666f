import { scaleTree } from '../../core/tree.js';
import { type DirectionRule, emptyMemory } from '../solver.js';

/**
 * Steepest descent; on a stochastic cost, stochastic gradient descent.
 *
 * $$ u = -\operatorname{grad}f(x) $$
 */
export function sgd(): DirectionRule {
  return {
    name: 'sgd',
    direction: ({ manifold, gradient }) => ({ direction: scaleTree(manifold.algebra, -1, gradient), memory: emptyMemory }),
    move: (memory) => memory,
  };
}
