import type { DirectionRule } from '../solver.js';
import { type ConjugateOptions, conjugateRule } from './conjugate.js';

/**
 * The Hestenes–Stiefel conjugate gradient rule, whose new direction is conjugate to the last along y, the change of
 * gradient, whatever the line search does.
 *
 * $$ \beta = \max\Bigl(0,\;\frac{\langle g,y\rangle}{\langle Tu_{\text{prev}},y\rangle}\Bigr), \qquad y = g-Tg_{\text{prev}} $$
 *
 * The maximum, as for {@link polakRibiere}, is not in the references: it restarts the rule if the change of gradient
 * shows that the last direction is exhausted.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { gradientDescent, hestenesStiefel, hostAlgebra, type HostArray, minimize, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: hestenesStiefel() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 45 steps
 * ```
 * @see Hestenes and Stiefel 1952; Hager and Zhang, "A survey of nonlinear conjugate gradient methods", 2006, table 1.
 */
export function hestenesStiefel(options: ConjugateOptions = {}): DirectionRule {
  return conjugateRule(
    'hestenesStiefel',
    async ({ gradient, gradientChange, previousDirection, inner }) =>
      Math.max(0, (await inner(gradient, gradientChange)) / (await inner(previousDirection, gradientChange))),
    options,
  );
}
