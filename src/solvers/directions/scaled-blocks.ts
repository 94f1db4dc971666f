/** Another rule's direction, longer in some coordinates: learning rates by parameter group. */
import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { forEachLeaf, mapTree } from '../../core/tree.js';
import type { DirectionRule } from '../solver.js';

/**
 * A rule with a step size of its own for each block of coordinates: the direction of another rule, its components times their factors.
 *
 * $$ u_b \leftarrow \lambda_b\,u_b $$
 *
 * Around {@link sgd} this is descent in the block-scaled metric $\sum_b\langle u_b,v_b\rangle/\lambda_b$; around {@link adam}, which takes no notice of a metric that scales
 * whole blocks, it is what PyTorch's parameter groups do, decoupled weight decay included.
 *
 * @param rule - the rule whose direction is scaled.
 * @param factorOf - the factor of a component, from its dotted path in the tangent (`'A'`, `'layers.B'`).
 * @throws ConfigError at the first step, if a factor is not a finite number ≥ 0.
 */
export function scaledBlocks(rule: DirectionRule, factorOf: (path: string) => number): DirectionRule {
  return {
    name: `scaledBlocks(${rule.name})`,
    async direction(context) {
      const la = context.manifold.algebra;
      const { direction, memory } = await rule.direction(context);
      const factors: number[] = [];
      forEachLeaf(la, direction, (_leaf, path) => factors.push(checkedFactor(factorOf(path), path)));
      let block = 0;
      const scaled = mapTree(
        la,
        (leaf) => {
          const factor = factors[block++];
          return factor === 1 ? leaf : la.scale(factor, leaf);
        },
        direction,
      );
      return { direction: scaled, memory };
    },
    move: (memory, transport) => rule.move(memory, transport),
  };
}

function checkedFactor(factor: unknown, path: string): number {
  if (typeof factor === 'number' && Number.isFinite(factor) && factor >= 0) return factor;
  throw new ConfigError(
    `scaledBlocks: the factor of '${path}' must be a finite number ≥ 0, got ${describeValue(factor)}; return 1 to leave a block as it is`,
  );
}
