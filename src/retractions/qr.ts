import type { OrthonormalRetraction } from './orthonormal-retraction.js';

/**
 * Returns the QR retraction: the Q of X + tU = QR, with a positive diagonal in R.
 *
 * $$ R_X(tU) = (X+tU)R^{-1}, \qquad R^\top R = I+t^2U^\top U $$
 *
 * It is of first order on {@link stiefel}, and of second on {@link grassmann}, where only the span counts.
 *
 * @returns the retraction, whose step is one thin QR, a few times cheaper than {@link polarRetraction}: 4mr² flops.
 * @see Absil, Mahony and Sepulchre 2008, equation 4.8.
 */
export function qrRetraction(): OrthonormalRetraction {
  return { name: 'qr', secondOrderFor: ['grassmann'], orthonormalize: (la, x) => la.qr(x).Q };
}
