import { declareOptions, number } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import { carryTangents } from '../carry.js';
import type { DirectionRule } from '../solver.js';

/** Options of {@link momentum}. */
export interface MomentumOptions {
  /** Fraction of the last velocity that is kept, in [0, 1). Default: 0.9. */
  readonly decay?: number;
}

const momentumOptions = declareOptions<MomentumOptions>()({ decay: number({ default: 0.9, min: 0, below: 1 }) });

/** Defaults of {@link momentum}. */
export const momentumDefaults: Required<MomentumOptions> = momentumOptions.defaults;

/**
 * Heavy-ball momentum.
 *
 * $$ v \leftarrow \beta v+\operatorname{grad}f(x), \qquad u = -v $$
 *
 * β is `decay`; the velocity v is a tangent vector, and is carried as one.
 *
 * In flat space this is PyTorch's SGD with momentum and no dampening.
 *
 * @throws ConfigError if decay is not in [0, 1).
 *
 * @example
 * ```ts
 * import { constantStep, gradientDescent, hostAlgebra, type HostArray, minimize, momentum, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: momentum({ decay: 0.5 }), stepSize: constantStep(0.1) });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 42 steps
 * ```
 * @see Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
 */
export function momentum(options: MomentumOptions = {}): DirectionRule {
  const { decay } = momentumOptions.read('momentum', options);
  return {
    name: `momentum(${decay})`,
    direction({ manifold, gradient, memory }) {
      const la = manifold.algebra;
      const previous = memory.tangents.velocity;
      const velocity = previous === undefined ? gradient : axpyTree(la, decay, previous, gradient);
      return { direction: scaleTree(la, -1, velocity), memory: { tangents: { velocity }, numbers: {} } };
    },
    move: carryTangents,
  };
}
