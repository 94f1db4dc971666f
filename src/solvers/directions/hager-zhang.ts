/** The Hager–Zhang conjugate gradient rule. */
import { checkNumber } from '../../core/options.js';
import type { DirectionRule } from '../solver.js';
import { type ConjugateOptions, conjugateRule } from './conjugate.js';

/** Options of {@link hagerZhang}. */
export interface HagerZhangOptions extends ConjugateOptions {
  /** η: how far β may fall below zero, as a share of the step along the last direction that the last gradient alone would give, in [0, 1). */
  readonly floor?: number;
}

/** The defaults of {@link hagerZhang}. */
export const hagerZhangDefaults: Required<Pick<HagerZhangOptions, 'floor' | 'restartEvery'>> = { floor: 0.4, restartEvery: 'dimension' };

/**
 * Conjugate gradient whose direction points downhill whatever the line search did, ⟨g, u⟩ ≤ −⅞‖g‖² in flat space. With d the last direction and y the change of gradient, both carried to x:
 *
 * $$ \beta = \max\Bigl(\frac{1}{\langle d,y\rangle}\Bigl\langle y-2d\,\frac{\lVert y\rVert^2}{\langle d,y\rangle},\;g\Bigr\rangle,\;\eta\frac{\langle d,Tg_{\text{prev}}\rangle}{\lVert d\rVert^2}\Bigr) $$
 *
 * The lower bound is that of CG_DESCENT since 2013, and not the −1/(‖d‖ min(η, ‖g_prev‖)) of 2005, which depends on the units of the cost. Restarts after as many steps as the manifold has dimensions.
 * Meant for {@link wolfe}, their line search.
 *
 * @throws ConfigError if an option is out of range.
 * @see Hager and Zhang, "A new conjugate gradient method with guaranteed descent and an efficient line search", SIAM J. Optim. 16(1), 2005; the same, "The limited memory conjugate
 * gradient method", SIAM J. Optim. 23(4), 2013 (the bound); Sakai and Iiduka, "Sufficient descent Riemannian conjugate gradient methods", J. Optim. Theory Appl. 190, 2021.
 */
export function hagerZhang(options: HagerZhangOptions = {}): DirectionRule {
  const { floor, ...restarts } = { ...hagerZhangDefaults, ...options };
  checkNumber('hagerZhang', 'floor', floor, { min: 0, below: 1 });
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
