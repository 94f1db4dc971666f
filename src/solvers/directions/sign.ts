import { declareOptions, number } from '../../core/options.js';
import { mapTree } from '../../core/tree.js';
import { abs } from '../../linalg/derived.js';
import { type DirectionRule, emptyMemory } from '../solver.js';

/** Options of {@link sign}. */
export interface SignOptions {
  /** ε, added to |g|, so that a zero gradient gives a zero step. Default: 1e-8. */
  readonly epsilon?: number;
}

const signOptions = declareOptions<SignOptions>()({ epsilon: number({ default: 1e-8, above: 0 }) });

/** Defaults of {@link sign}. */
export const signDefaults: Required<SignOptions> = signOptions.defaults;

/**
 * Sign descent, entry by entry: Adam without averages. It depends on the coordinates of the point, and so on the gauge.
 *
 * $$ u = -\frac{g}{|g|+\epsilon} $$
 *
 * @throws ConfigError if ε is not positive.
 *
 * @example
 * ```ts
 * import { constantStep, euclidean, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, sign } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = euclidean({ shape: [12, 9] });
 * const residual = (x: HostArray) => la.subtract(x, la.full([12, 9], 1));
 * const cost = (x: HostArray) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: sign(), stepSize: constantStep((k) => 0.2 * 0.95 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 7e-15
 * ```
 * @see Castin et al., "Balanced LoRA", ICML 2026, arXiv 2605.31484 (the synthetic experiment's adaptive optimizer).
 */
export function sign(options: SignOptions = {}): DirectionRule {
  const { epsilon } = signOptions.read('sign', options);
  return {
    name: 'sign',
    direction({ manifold, gradient }) {
      const la = manifold.algebra;
      const direction = mapTree(
        la,
        (g) => {
          const magnitude = la.add(abs(la, g), la.full(la.shape(g), epsilon));
          return la.scale(-1, la.divide(g, magnitude));
        },
        gradient,
      );
      return { direction, memory: emptyMemory };
    },
    move: (memory) => memory,
  };
}
