/** RefLoRA's preconditioner: the gradient in the balanced gauge, without changing the factors. */
import { checkCount, checkKeys } from '../../core/options.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { pseudoInverse } from '../../linalg/numerical-range.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule } from '../solver.js';
import { checkPairs } from './pair-rule.js';

/** Options of {@link balancingPreconditioner}. */
export interface BalancingPreconditionerOptions {
  /** So many steps at the beginning use the gradient as it is. Default: {@link balancingPreconditionerDefaults}. */
  readonly warmup?: number;
}

/** The defaults of {@link balancingPreconditioner}: those of RefLoRA's class. */
export const balancingPreconditionerDefaults: Required<BalancingPreconditionerOptions> = { warmup: 0 };

/**
 * Another rule on the gradient as the balanced pair of the same product would see it. With S the geometric mean
 *
 * $$ S=(BB^\top)^{-1}\mathbin{\#}A^\top A, \qquad S\,(BB^\top)\,S=A^\top A, $$
 *
 * the rule is given $\nabla_AS$ and $S^{-1}\nabla_B$ in the place of $\nabla_A$ and $\nabla_B$. Around {@link sgd} the products are those of gradient descent on
 * {@link balancedFactors}; around {@link adam} they are RefLoRA's. ε of the engine is added to both Grams.
 *
 * A step costs two Grams, O((m+n)r²) flops, and O(r³).
 *
 * @param rule - the rule that makes the step.
 * @throws ConfigError on unknown options, and at the first step, unless points are factor pairs.
 * @see Zhang et al., "RefLoRA: refactored low-rank adaptation", NeurIPS 2025, theorem 3 and algorithm 1.
 */
export function balancingPreconditioner(rule: DirectionRule, options: BalancingPreconditionerOptions = {}): DirectionRule {
  checkKeys('balancingPreconditioner', options, Object.keys(balancingPreconditionerDefaults));
  const { warmup } = { ...balancingPreconditionerDefaults, ...options };
  checkCount('balancingPreconditioner', 'warmup', warmup);
  return {
    name: `balancingPreconditioner(${rule.name})`,
    direction<M, P, T>(context: DirectionContext<M, P, T>) {
      checkPairs('balancingPreconditioner', context.x);
      if (context.iteration < warmup) return rule.direction(context);
      const la = context.manifold.algebra;
      const g = context.gradient as unknown as FactorPair<M>;
      const gradient: FactorPair<M> = la.tidy(() => {
        const S = balancingMap(la, context.x as unknown as FactorPair<M>);
        return { A: la.matmul(g.A, S), B: la.matmul(pseudoInverse(la, S), g.B) };
      });
      return rule.direction({ ...context, gradient: gradient as unknown as T });
    },
    move: (memory, transport) => rule.move(memory, transport),
  };
}

/** (BBᵀ + εI)⁻¹ # (AᵀA + εI), r×r symmetric positive definite. */
function balancingMap<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): M {
  const shape = la.shape(A);
  const ridge = la.scale(la.epsilon, la.eye(shape[shape.length - 1], shape.slice(0, -2)));
  const gramA = la.add(la.matmul(A, A, { transposeA: true }), ridge);
  const gramB = la.add(la.matmul(B, B, { transposeB: true }), ridge);
  // With BBᵀ = L Lᵀ it is L⁻ᵀ (Lᵀ AᵀA L)^½ L⁻¹, in which nothing is inverted but L.
  const L = la.cholesky(gramB);
  const root = la.sqrtSpd(la.matmul(la.matmul(L, gramA, { transposeA: true }), L));
  const left = la.solveTriangular(L, root, { transpose: true });
  return la.solveTriangular(L, left, { side: 'right' });
}
