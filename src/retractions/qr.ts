/** The QR retraction. */
import type { OrthonormalRetraction } from './orthonormal-retraction.js';

/**
 * R_X(tU) = the Q factor of X + tU with a positive diagonal in R. Cheaper than the polar retraction; of first order on Stiefel, of second
 * on
 * Grassmann, where only the span counts.
 *
 * @see Absil, Mahony and Sepulchre 2008, equation 4.8.
 */
export function qrRetraction(): OrthonormalRetraction {
  return { name: 'qr', secondOrderFor: ['grassmann'], orthonormalize: (la, x) => la.qr(x).Q };
}
