import { checkNumber } from '../../core/options.js';
import { scaleTree } from '../../core/tree.js';
import type { DirectionRule } from '../solver.js';

/** Added to the norm, as PyTorch does, so that a zero gradient is not divided by zero. */
const NORM_FLOOR = 1e-6;

/**
 * Clips the gradient for another rule: it is shortened to `maxNorm` if it is longer, in the norm of the manifold's
 * metric, over all components of a product.
 *
 * $$ g \leftarrow \min\Bigl(1,\frac{\text{maxNorm}}{\|g\|+10^{-6}}\Bigr)\,g $$
 *
 * In flat space this is PyTorch's `clip_grad_norm_` before the optimizer's step. The norm is the one that the engine
 * has computed already.
 *
 * @param rule - the rule that receives the clipped gradient.
 * @param maxNorm - the largest length, positive.
 * @throws ConfigError if maxNorm is not a positive number.
 *
 * @example
 * ```ts
 * import { clipped, constantStep, gradientDescent, hostAlgebra, type HostArray, minimize, sgd, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: clipped(sgd(), 1), stepSize: constantStep(0.2) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 29 steps
 * ```
 * @see Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.
 */
export function clipped(rule: DirectionRule, maxNorm: number): DirectionRule {
  checkNumber('clipped', 'maxNorm', maxNorm, { above: 0 });
  return {
    name: `clipped(${rule.name}, ${maxNorm})`,
    direction(context) {
      const { manifold, gradient, gradientNorm } = context;
      const la = manifold.algebra;
      const factor = maxNorm / (gradientNorm + NORM_FLOOR);
      if (factor >= 1) return rule.direction(context);
      return la.tidy(() => rule.direction({ ...context, gradient: scaleTree(la, factor, gradient), gradientNorm: factor * gradientNorm }));
    },
    move: (memory, transport) => rule.move(memory, transport),
  };
}
