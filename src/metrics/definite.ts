/** Points that are not positive definite, told from those that rounding has made singular. */
import { NumericalError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';

/** Negative eigenvalues may reach this many n·ε of the largest: the rounding of a product and of its eigenvalues. */
const roundings = 16;

const message = (found: string): string =>
  `spd: expected a positive definite matrix, ${found}; pass a point that checkPoint accepts, or add a multiple of the identity`;

/**
 * Requires the ascending eigenvalues of points to be positive up to rounding, where they can be read at once.
 *
 * @throws NumericalError otherwise.
 */
export function checkEigenvalues<M>(la: LinearAlgebra<M>, values: M): void {
  const all = la.peek(values);
  const n = la.shape(values).at(-1) as number;
  for (let start = 0; all !== undefined && start < all.length; start += n) {
    const [least, largest] = [all[start], all[start + n - 1]];
    if (largest > 0 && least >= -roundings * n * la.epsilon * largest) continue;
    throw new NumericalError(message(`got eigenvalues from ${least.toExponential(1)} to ${largest.toExponential(1)}`));
  }
}

/**
 * Requires points to be positive definite up to rounding, for operations that need none of their factorizations: X +
 * 16nε‖X‖I must have a Cholesky factor. On a device, where that would be read, nothing is asked.
 *
 * @throws NumericalError otherwise.
 */
export function checkDefinite<M>(la: LinearAlgebra<M>, x: M): void {
  if (!la.readsSynchronously) return;
  const shape = la.shape(x);
  const n = shape.at(-1) as number;
  const shift = la.scaleEach(la.scale(roundings * n * la.epsilon, la.normEach(x)), eye(la, n, shape.slice(0, -2)));
  try {
    la.cholesky(la.add(x, shift));
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    throw new NumericalError(message('got one that is not, beyond rounding'), { cause: error });
  }
}
