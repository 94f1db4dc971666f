import { ConfigError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type LeafArithmetic, mapTree } from '../../core/tree.js';
import type { DirectionRule } from '../solver.js';

/**
 * Factors in the structure of a tangent: a number for a whole subtree, or a record of such factors. The default factor
 * of a block is 1.
 */
export type BlockFactors = number | { readonly [block: string]: BlockFactors };

/**
 * Scales the direction of another rule by a factor for each block of coordinates, which gives each block its own step
 * size.
 *
 * $$ u_b \leftarrow \lambda_b\,u_b $$
 *
 * Around {@link sgd} this is descent in the block-scaled metric $\sum_b\langle u_b,v_b\rangle/\lambda_b$. Around
 * {@link adam}, which a metric that scales whole blocks does not affect, it is the same as PyTorch's parameter groups,
 * including decoupled weight decay.
 *
 * @param rule - the rule whose direction is scaled.
 * @param factors - the factors, such as `{ A: 16 }` for factor pairs, or `{ pairs: { q: { A: 16 } }, biases: 2 }` for a
 * product.
 * @throws ConfigError if a factor is not a finite number ≥ 0, and at the first step if a block is not in the tangent.
 *
 * @example
 * ```ts
 * import { adam, constantStep, euclideanFactors, type FactorPair, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, scaledBlocks, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = euclideanFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: scaledBlocks(adam(), { A: 4 }), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 4e-8
 * ```
 */
export function scaledBlocks(rule: DirectionRule, factors: BlockFactors): DirectionRule {
  checkFactors(factors, '');
  return {
    name: `scaledBlocks(${rule.name})`,
    async direction(context) {
      const la = context.manifold.algebra;
      const { direction, memory } = await rule.direction(context);
      return { direction: scaleBlocks(la, factors, direction, ''), memory };
    },
    move: (memory, transport) => rule.move(memory, transport),
  };
}

/** Multiplies the blocks of a tree by their factors. */
function scaleBlocks<M, Tree>(la: LeafArithmetic<M>, factors: BlockFactors, tree: Tree, path: string): Tree {
  if (typeof factors === 'number') return factors === 1 ? tree : mapTree(la, (leaf) => la.scale(factors, leaf), tree);
  const blocks = tree as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(factors)) {
    if (!la.isArray(tree) && Object.hasOwn(blocks, key)) continue;
    const known = la.isArray(tree) ? 'a single array' : Object.keys(blocks).join(', ');
    throw new ConfigError(`scaledBlocks: the tangent has no block '${path}${key}', it is ${known}; name a block of the tangent`);
  }
  const scaled = Object.entries(blocks).map(([key, block]) => {
    const factor = factors[key];
    return [key, factor === undefined ? block : scaleBlocks(la, factor, block, `${path}${key}.`)] as const;
  });
  return Object.fromEntries(scaled) as Tree;
}

function checkFactors(factors: unknown, path: string): void {
  if (typeof factors === 'object' && factors !== null && !Array.isArray(factors)) {
    for (const [key, factor] of Object.entries(factors)) checkFactors(factor, path === '' ? key : `${path}.${key}`);
  } else if (typeof factors !== 'number' || !Number.isFinite(factors) || factors < 0) {
    throw new ConfigError(
      `scaledBlocks: the factor of '${path}' must be a finite number ≥ 0, got ${describeValue(factors)}; leave a block out to keep it as it is`,
    );
  }
}
