import { polar } from '../linalg/matrix-functions.js';
import { affineChart, solveStein, unreachable } from './inverse-orthonormal.js';
import type { OrthonormalRetraction } from './orthonormal-retraction.js';

/**
 * Returns the polar retraction: the orthogonal polar factor of X + tU, the nearest matrix with orthonormal columns. It
 * is of second order on {@link stiefel} with the Euclidean metric, {@link grassmann} and {@link orthogonalGroup}.
 *
 * $$ R_X(tU) = (X+tU)(I+t^2U^\top U)^{-1/2} $$
 *
 * Its inverse is $U = YS-X$, where S is the positive definite solution of $X^\top YS+SY^\top X = 2I$.
 *
 * @returns the retraction, whose step is one thin SVD: O(mr²) flops.
 * @see Absil, Mahony and Sepulchre 2008, equation 4.7; Kaneko, Fiori and Tanaka, "Empirical arithmetic averaging over
 * the compact Stiefel manifold", IEEE Trans. Signal Process. 61(4), 2013 (the inverse).
 */
export function polarRetraction(): OrthonormalRetraction {
  return {
    name: 'polar',
    secondOrderFor: ['stiefel', 'grassmann', 'orthogonalGroup', 'rotations'],
    retract: (la, x, u, t) => polar(la, la.axpy(t, u, x)).Q,
    inverse: (la, x, y) => la.subtract(la.matmul(y, solveStein(la, 'polarRetraction', la.matmul(x, y, { transposeA: true }))), x),
    inverseHorizontal: (la, x, y) => affineChart(la, x, y, () => unreachable('polarRetraction')),
  };
}
