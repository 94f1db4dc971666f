import { polar } from '../linalg/matrix-functions.js';
import type { OrthonormalRetraction } from './orthonormal-retraction.js';

/**
 * Returns the polar retraction: the orthogonal polar factor of X + tU, the nearest matrix with orthonormal columns. It
 * is of second order on {@link stiefel}, {@link grassmann} and {@link orthogonalGroup}.
 *
 * $$ R_X(tU) = (X+tU)(I+t^2U^\top U)^{-1/2} $$
 *
 * @returns the retraction, whose step is one thin SVD: O(mr²) flops.
 * @see Absil, Mahony and Sepulchre 2008, equation 4.7.
 */
export function polarRetraction(): OrthonormalRetraction {
  return {
    name: 'polar',
    secondOrderFor: ['stiefel', 'grassmann', 'orthogonalGroup', 'rotations'],
    orthonormalize: (la, x) => polar(la, x).Q,
  };
}
