import { declareOptions, number, option } from '../../core/options.js';
import type { DirectionRule } from '../solver.js';
import { type ConjugateOptions, conjugateOptions, conjugateRule } from './conjugate.js';

/** Options of {@link hagerZhang}. */
export interface HagerZhangOptions extends ConjugateOptions {
  /**
   * η: bound on β below zero, as a fraction of the step along the last direction that the last gradient alone would
   * give, in [0, 1). Default: 0.4.
   */
  readonly floor?: number;
}

const hagerZhangOptions = declareOptions<HagerZhangOptions>()({
  ...conjugateOptions.options,
  restartEvery: option({ default: 'dimension' }, conjugateOptions.options.restartEvery.check),
  floor: number({ default: 0.4, min: 0, below: 1 }),
});

/** Defaults of {@link hagerZhang}. */
export const hagerZhangDefaults: Required<Pick<HagerZhangOptions, 'floor' | 'restartEvery'>> = hagerZhangOptions.defaults;

/**
 * The Hager–Zhang conjugate gradient rule, whose direction points downhill whatever the line search does, ⟨g, u⟩ ≤
 * −⅞‖g‖² in flat space. With d the last direction and y the change of gradient, both carried to x:
 *
 * $$ \beta = \max\Bigl(\frac{1}{\langle d,y\rangle}\Bigl\langle y-2d\,\frac{\lVert y\rVert^2}{\langle d,y\rangle},\;g\Bigr\rangle,\;\eta\frac{\langle d,Tg_{\text{prev}}\rangle}{\lVert d\rVert^2}\Bigr) $$
 *
 * The lower bound is that of CG_DESCENT since 2013, not the −1/(‖d‖ min(η, ‖g_prev‖)) of 2005, which depends on the
 * units of the cost. The rule restarts after as many steps as the manifold has dimensions. It is meant for
 * {@link wolfe}, the authors' line search.
 *
 * @throws ConfigError if an option is out of range.
 *
 * @example
 * ```ts
 * import { gradientDescent, hagerZhang, hostAlgebra, type HostArray, minimize, sphere, wolfe } from 'bures';
 *
 * const la = hostAlgebra();
 * const spectrum = la.fromArray([4, 3, 2, 1], [4]);
 * const cost = (x: HostArray) => la.inner(x, la.multiply(spectrum, x));
 * const gradient = { kind: 'ambient', at: (x: HostArray) => la.scale(2, la.multiply(spectrum, x)) } as const;
 * const solver = gradientDescent({ direction: hagerZhang(), stepSize: wolfe() });
 * const result = await minimize({ manifold: sphere({ shape: [4] }), cost, gradient }, { solver });
 * console.log(result.cost, result.iterations); // 1, in 9 steps
 * ```
 * @see Hager and Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM J.
 * Optim. 16(1), 2005; the same, "The limited memory conjugate gradient method", SIAM J. Optim. 23(4), 2013 (the bound);
 * Sakai and Iiduka, "Sufficient descent Riemannian conjugate gradient methods", J. Optim. Theory Appl. 190, 2021.
 */
export function hagerZhang(options: HagerZhangOptions = {}): DirectionRule {
  const { floor, ...restarts } = hagerZhangOptions.read('hagerZhang', options);
  return conjugateRule(
    'hagerZhang',
    async ({ gradient, gradientChange, previousDirection, inner }) => {
      const directionChange = await inner(previousDirection, gradientChange);
      const directionSlope = await inner(previousDirection, gradient);
      const changeSquared = await inner(gradientChange, gradientChange);
      const beta = ((await inner(gradientChange, gradient)) - (2 * changeSquared * directionSlope) / directionChange) / directionChange;
      // ⟨d, Tg_prev⟩ = ⟨d, g − y⟩.
      return Math.max(beta, (floor * (directionSlope - directionChange)) / (await inner(previousDirection, previousDirection)));
    },
    restarts,
  );
}
