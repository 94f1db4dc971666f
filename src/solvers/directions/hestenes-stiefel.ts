/** The Hestenes–Stiefel conjugate gradient rule. */
import type { DirectionRule } from '../solver.js';
import { conjugateRule } from './conjugate.js';

/**
 * Conjugate gradient with β = max(0, ⟨g, y⟩ / ⟨T u_previous, y⟩), y = g − T g_previous: the new direction is conjugate to the last along y whatever
 * the line search did.
 *
 * @see Hestenes and Stiefel 1952; Hager and Zhang, "A survey of nonlinear conjugate gradient methods", 2006, equation 1.6.
 */
export function hestenesStiefel(): DirectionRule {
  return conjugateRule('hestenesStiefel', async ({ gradient, gradientChange, previousDirection, inner }) =>
    Math.max(0, (await inner(gradient, gradientChange)) / (await inner(previousDirection, gradientChange))),
  );
}
