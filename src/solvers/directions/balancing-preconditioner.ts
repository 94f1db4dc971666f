import '../../linalg/host/whole-engine.js';
import { count, declareOptions } from '../../core/options.js';
import { eye } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { sqrtSpd } from '../../linalg/matrix-functions.js';
import { pseudoInverse } from '../../linalg/numerical-range.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule } from '../solver.js';
import { checkPairs } from './pair-rule.js';

/** Options of {@link balancingPreconditioner}. */
export interface BalancingPreconditionerOptions {
  /** Number of first steps that use the gradient as it is. Default: 0. */
  readonly warmup?: number;
}

/** Declares the options of {@link balancingPreconditioner}. */
export const balancingPreconditionerOptions = declareOptions<BalancingPreconditionerOptions>()({ warmup: count({ default: 0 }) });

/** Defaults of {@link balancingPreconditioner}: those of RefLoRA's class. */
export const balancingPreconditionerDefaults: Required<BalancingPreconditionerOptions> = balancingPreconditionerOptions.defaults;

/**
 * RefLoRA's preconditioner: gives another rule the gradient that the balanced pair of the same product would have,
 * without changing the factors. With S the geometric mean
 *
 * $$ S=(BB^\top)^{-1}\mathbin{\#}A^\top A, \qquad S\,(BB^\top)\,S=A^\top A, $$
 *
 * the rule receives $\nabla_AS$ and $S^{-1}\nabla_B$ instead of $\nabla_A$ and $\nabla_B$. Around {@link sgd} the
 * products are those of gradient descent on {@link balancedFactors}; around {@link adam} they are RefLoRA's. ε of the
 * engine is added to both Gram matrices.
 *
 * A step costs two Gram matrices, O((m+n)r²) flops, and O(r³).
 *
 * @param rule - the rule that makes the step.
 * @throws ConfigError on unknown options, and at the first step, unless points are factor pairs.
 *
 * @example
 * ```ts
 * import { adam, balancingPreconditioner, constantStep, euclideanFactors, type FactorPair, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = euclideanFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: balancingPreconditioner(adam()), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 2e-8
 * ```
 * @see Zhang et al., "RefLoRA: refactored low-rank adaptation", NeurIPS 2025, theorem 3 and algorithm 1.
 */
export function balancingPreconditioner(rule: DirectionRule, options: BalancingPreconditionerOptions = {}): DirectionRule {
  const { warmup } = balancingPreconditionerOptions.read('balancingPreconditioner', options);
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

/** Returns (BBᵀ + εI)⁻¹ # (AᵀA + εI), r×r symmetric positive definite. */
function balancingMap<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): M {
  const shape = la.shape(A);
  const ridge = la.scale(la.epsilon, eye(la, shape[shape.length - 1], shape.slice(0, -2)));
  const gramA = la.add(la.matmul(A, A, { transposeA: true }), ridge);
  const gramB = la.add(la.matmul(B, B, { transposeB: true }), ridge);
  // With BBᵀ = L Lᵀ it is L⁻ᵀ (Lᵀ AᵀA L)^½ L⁻¹, where only L is inverted.
  const L = la.cholesky(gramB);
  const root = sqrtSpd(la, la.matmul(la.matmul(L, gramA, { transposeA: true }), L));
  const left = la.solveTriangular(L, root, { transpose: true });
  return la.solveTriangular(L, left, { side: 'right' });
}
