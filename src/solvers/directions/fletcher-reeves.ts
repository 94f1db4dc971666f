import { declareOptions, number } from '../../core/options.js';
import type { DirectionRule } from '../solver.js';
import { type ConjugateOptions, conjugateOptions, conjugateRule } from './conjugate.js';

const fletcherReevesOptions = declareOptions<ConjugateOptions>()({
  ...conjugateOptions.options,
  orthogonality: number({ default: 0.2, above: 0 }),
});

/**
 * The Fletcher–Reeves conjugate gradient rule, "FR", the oldest nonlinear one. It needs no difference of gradients.
 *
 * $$ \beta = \frac{\lVert g\rVert^2}{\lVert g_{\text{prev}}\rVert^2} $$
 *
 * After a short step its β is near 1, so that more short steps follow ("jamming"). Restarts end that: by default, after
 * Powell, whenever two successive gradients are far from orthogonal. Pair it with {@link wolfe}, which its convergence
 * theory requires.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { fletcherReeves, gradientDescent, hostAlgebra, type HostArray, minimize, sphere, wolfe } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: fletcherReeves(), stepSize: wolfe() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 8 steps
 * ```
 * @see Fletcher and Reeves 1964; Absil, Mahony and Sepulchre 2008, section 8.3; Powell 1977 (restarts).
 */
export function fletcherReeves(options: ConjugateOptions = {}): DirectionRule {
  return conjugateRule(
    'fletcherReeves',
    ({ squaredNorm, previousSquaredNorm }) => squaredNorm / previousSquaredNorm,
    fletcherReevesOptions.read('fletcherReeves', options),
  );
}
