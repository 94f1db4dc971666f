import type { DirectionRule } from '../solver.js';
import { type ConjugateOptions, conjugateRule } from './conjugate.js';

/**
 * The Polak–Ribière conjugate gradient rule, "PR+": it restarts by itself when progress stalls.
 *
 * $$ \beta = \max\Bigl(0,\;\frac{\langle g,\;g-Tg_{\text{prev}}\rangle}{\|g_{\text{prev}}\|^2}\Bigr) $$
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { gradientDescent, hostAlgebra, type HostArray, minimize, polakRibiere, sphere } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: polakRibiere() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 23 steps
 * ```
 * @see Polak and Ribière 1969; Gilbert and Nocedal 1992 for the maximum; Absil, Mahony and Sepulchre 2008, section 8.3.
 */
export function polakRibiere(options: ConjugateOptions = {}): DirectionRule {
  return conjugateRule(
    'polakRibiere',
    async ({ gradient, gradientChange, previousSquaredNorm, inner }) =>
      Math.max(0, (await inner(gradient, gradientChange)) / previousSquaredNorm),
    options,
  );
}
