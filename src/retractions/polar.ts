/** The polar retraction. */
import type { OrthonormalRetraction } from './orthonormal-retraction.js';

/**
 * R_X(tU) = (X + tU)(I + t²UᵀU)^-½: the orthogonal polar factor of X + tU, the nearest orthonormal matrix. Of second order.
 *
 * One thin SVD: O(mr²) flops.
 *
 * @see Absil, Mahony and Sepulchre 2008, equation 4.7.
 */
export function polarRetraction(): OrthonormalRetraction {
  return { name: 'polar', secondOrderFor: ['stiefel', 'grassmann'], orthonormalize: (la, x) => la.polar(x).Q };
}
