/** Which of the two floating-point formats an engine's data are in. */
import type { LinearAlgebra } from './linear-algebra.js';

/** By ε, so that small blocks worked on in float64 count as the float32 data they come from. */
export function precisionOf(la: Pick<LinearAlgebra<unknown>, 'epsilon'>): 'float32' | 'float64' {
  return la.epsilon > 1e-10 ? 'float32' : 'float64';
}
