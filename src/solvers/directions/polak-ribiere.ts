/** The Polak–Ribière conjugate gradient rule. */
import type { DirectionRule } from '../solver.js';
import { conjugateRule } from './conjugate.js';

/**
 * Conjugate gradient with β = max(0, ⟨g, g − T g_previous⟩ / ‖g_previous‖²), "PR+": it restarts by itself when progress stalls.
 *
 * @see Polak and Ribière 1969; Gilbert and Nocedal 1992 for the maximum; Absil, Mahony and Sepulchre 2008, equation 8.28.
 */
export function polakRibiere(): DirectionRule {
  return conjugateRule('polakRibiere', async ({ gradient, gradientChange, previousSquaredNorm, inner }) =>
    Math.max(0, (await inner(gradient, gradientChange)) / previousSquaredNorm),
  );
}
