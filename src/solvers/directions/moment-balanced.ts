import { ConfigError } from '../../core/errors.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule } from '../solver.js';
import { checkPairs } from './pair-rule.js';

/** The largest c, and the largest 1/c. */
const MOST = 4;

/**
 * Adam on factors with $A^\top A=\mu BB^\top$, in the coordinates of the balanced pair, where μ makes the Hessian that
 * Adam's second moments precondition balanced. On $(cA,B/c)$, $c=\mu^{1/4}$, Adam's steps, which do not grow with the
 * gradient, are those on $(A,B)$ by
 *
 * $$ u_A\leftarrow u_A/c,\qquad u_B\leftarrow c\,u_B. $$
 *
 * With mean second moments $v_A$, $v_B$ of the balanced pair the blocks of the preconditioned Hessian,
 * $BB^\top/\sqrt{v_A}$ and $A^\top A/\sqrt{v_B}$, are equal on $(cA,B/c)$ for
 *
 * $$ c^2=\sqrt{v_B/v_A},\qquad \mu=v_B/v_A, $$
 *
 * where c is kept between 1/4 and 4. Where one of them is zero, c is 1.
 *
 * @param rule - a rule that keeps second moments entry by entry, such as {@link adam}; its points are factor pairs.
 * @throws ConfigError at the first step if points are not pairs, or the rule keeps no second moments.
 *
 * @example
 * ```ts
 * import { adam, balancedFactors, constantStep, type FactorPair, gradientDescent, type HostArray, hostAlgebra, maxIterations, minimize, momentBalanced } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 30, n: 6, rank: 2 });
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), la.full([30, 6], 1));
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: momentBalanced(adam()), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost < 1e-6); // true
 * ```
 * @see Castin et al., "Balanced LoRA", ICML 2026, arXiv 2605.31484, which leaves balance other than $A^\top A=BB^\top$
 * open. The rule is derived here.
 */
export function momentBalanced(rule: DirectionRule): DirectionRule {
  return {
    name: `momentBalanced(${rule.name})`,
    async direction<M, P, T>(context: DirectionContext<M, P, T>) {
      checkPairs('momentBalanced', context.x);
      const { direction, memory } = await rule.direction(context);
      const second = memory.tangents.second as FactorPair<M> | undefined;
      if (second === undefined)
        throw new ConfigError(`momentBalanced: expected a rule with second moments, got ${rule.name}, which keeps none; wrap adam()`);
      return { direction: scaled(context.manifold.algebra, direction as unknown as FactorPair<M>, second) as unknown as T, memory };
    },
    move: (memory, transport) => rule.move(memory, transport),
  };
}

/** Returns (u_A/c, c u_B), pair by pair of a batch. */
function scaled<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, second: FactorPair<M>): FactorPair<M> {
  return la.tidy(() => {
    const [a, b] = [meanOf(la, second.A), meanOf(la, second.B)];
    const root = (x: M): M => la.sqrt(la.sqrt(x));
    // Where nothing has been learned of a factor yet (a gradient of zero), there is nothing to compare.
    const known = la.multiply(la.greater(a, 0), la.greater(b, 0));
    const one = la.full(la.shape(a), 1);
    const free = root(la.where(known, la.divide(b, la.where(known, a, one)), one));
    // At most so far: a factor that has just left zero has seen few gradients.
    const c = la.scale(-1, la.maximum(la.scale(-1, la.maximum(free, 1 / MOST)), -MOST));
    return { A: la.scaleEach(la.divide(one, c), A), B: la.scaleEach(c, B) };
  });
}

/** Mean of the entries of each matrix, [..]. */
function meanOf<M>(la: LinearAlgebra<M>, x: M): M {
  const [m, n] = la.shape(x).slice(-2);
  return la.scale(1 / (m * n), la.sumVector(la.reshape(x, [...la.shape(x).slice(0, -2), m * n])));
}
