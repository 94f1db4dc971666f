/**
 * The Bures–Wasserstein metric on symmetric positive definite matrices: optimal transport between centered normal
 * distributions.
 *
 * C ↦ X = CCᵀ is a Riemannian submersion from all invertible C with the flat metric, so all operations work on factors,
 * whose geodesics are straight lines.
 */

import { NumericalError } from '../core/errors.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { solveLyapunov, symmetricPart } from '../linalg/matrix-functions.js';
import { checkDefinite, checkEigenvalues } from './definite.js';
import { alignedFactor } from './psd-factors.js';
import type { SpdMetric } from './spd-metric.js';
import { divideByPairSums } from './spectrum.js';

/**
 * Eigenvectors and eigenvalues of X, their roots, and C = V diag(√λ), for which X = CCᵀ. Eigenvalues that rounding made
 * negative count as zero.
 */
interface Root<M> {
  readonly vectors: M;
  readonly values: M;
  readonly roots: M;
  readonly factor: M;
}

function rootOf<M>(la: LinearAlgebra<M>, x: M): Root<M> {
  const { values: computed, vectors } = la.eigh(x);
  checkEigenvalues(la, computed);
  const values = la.maximum(computed, 0);
  const roots = la.sqrt(values);
  return { vectors, values, roots, factor: la.scaleColumns(vectors, roots) };
}

/** Returns K = Vᵀ L V for the solution L of XL + LX = u. */
function lyapunovInBasis<M>(la: LinearAlgebra<M>, { vectors, values }: Root<M>, u: M): M {
  return divideByPairSums(la, la.matmul(vectors, la.matmul(u, vectors), { transposeA: true }), values);
}

/** Returns (C + tLC)(C + tLC)ᵀ. */
function straightStep<M>(la: LinearAlgebra<M>, root: Root<M>, inBasis: M, t: number): M {
  const step = la.matmul(root.vectors, la.scaleColumns(la.scale(t, inBasis), root.roots));
  const arrived = la.add(root.factor, step);
  return symmetricPart(la, la.matmul(arrived, arrived, { transposeB: true }));
}

/** Returns 2 sym(Z Cᵀ), the change of CCᵀ as C moves along Z. */
function pushForward<M>(la: LinearAlgebra<M>, factor: M, z: M): M {
  return la.scale(2, symmetricPart(la, la.matmul(z, factor, { transposeB: true })));
}

/** Returns 2 sym((DQ − C)Cᵀ). */
function logarithm<M>(la: LinearAlgebra<M>, x: M, y: M): M {
  const { factor } = rootOf(la, x);
  return pushForward(la, factor, la.subtract(alignedFactor(la, factor, rootOf(la, y).factor), factor));
}

/**
 * @throws NumericalError unless I + tL is positive definite: there the geodesic leaves the positive definite matrices.
 */
function checkExtent<M>(la: LinearAlgebra<M>, inBasis: M, t: number): void {
  const shape = la.shape(inBasis);
  try {
    la.cholesky(la.axpy(t, inBasis, eye(la, shape.at(-1) as number, shape.slice(0, -2))));
  } catch (error) {
    if (!(error instanceof NumericalError)) throw error;
    throw new NumericalError(
      `spd.exp: the geodesic of the Bures–Wasserstein metric meets the singular matrices before t = ${t}; take a shorter step, or retract, which goes on beyond`,
      { cause: error },
    );
  }
}

/**
 * Returns the Bures–Wasserstein metric on the symmetric positive definite matrices: with $L_X[u]$ the solution L of
 * $XL+LX = u$,
 *
 * $$ \langle u,v\rangle_X = \tfrac12\operatorname{tr}(L_X[u]\,v), \qquad \operatorname{grad}f(X) = 4\operatorname{sym}(\nabla f(X)\,X), $$
 *
 * $$ \operatorname{Hess}f(X)[u] = 4\operatorname{sym}\bigl(\nabla^2f(X)[u]\,X+\nabla f(X)\,L_X[u]\,X\bigr). $$
 *
 * Geodesics are straight lines of factors, and end where $I+tL$ becomes singular: the manifold is not complete. With
 * $X = CC^\top$, $Y = DD^\top$ and Q the orthogonal polar factor of $D^\top C$,
 *
 * $$ \operatorname{Exp}_X(tu) = (I+tL)X(I+tL), \qquad \operatorname{Log}_X(Y) = 2\operatorname{sym}\bigl((DQ-C)C^\top\bigr), \qquad \operatorname{dist}(X,Y) = \|DQ-C\|_F. $$
 *
 * The distance is $\bigl(\operatorname{tr}X+\operatorname{tr}Y-2\operatorname{tr}(X^{1/2}YX^{1/2})^{1/2}\bigr)^{1/2}$,
 * computed without cancellation, so that it is never NaN, and of the order of ε at X = Y. The retraction is the formula
 * of Exp, which is defined for every t. Transport carries the horizontal lift to the nearest factor of Y and projects
 * there; it is not parallel transport, which has no closed form.
 *
 * @returns the metric, for {@link spd}; on matrices of lower rank it is {@link fixedRankPsd}. Operations cost at most
 * an eigendecomposition and an SVD: O(n³) flops.
 * @see Bhatia, Jain and Lim, "On the Bures–Wasserstein distance between positive definite matrices", Expo. Math. 37,
 * 2019; Malagò, Montrucchio and Pistone, "Wasserstein Riemannian geometry of Gaussian densities", Inf. Geom. 1, 2018;
 * Han, Mishra, Jawanpuria and Gao, "On Riemannian optimization over positive definite matrices with the
 * Bures–Wasserstein geometry", NeurIPS 2021.
 */
export function buresWasserstein(): SpdMetric {
  return {
    name: 'Bures–Wasserstein',
    inner(la, x, u, v) {
      checkDefinite(la, x);
      return la.inner(la.scale(0.5, solveLyapunov(la, x, u)), v);
    },
    sharp(la, x, gradient) {
      checkDefinite(la, x);
      return la.scale(4, symmetricPart(la, la.matmul(gradient, x)));
    },
    // The derivative 2ĠC + 2GLC of the factors' gradient 2GC, pushed forward: its vertical part CΩ, Ω skew, does not
    // move CCᵀ.
    hessian(la, x, gradient, derivative, u) {
      checkDefinite(la, x);
      const inner = la.add(derivative, la.matmul(gradient, solveLyapunov(la, x, u)));
      return la.scale(4, symmetricPart(la, la.matmul(inner, x)));
    },
    retract(la, x, u, t) {
      const root = rootOf(la, x);
      return straightStep(la, root, lyapunovInBasis(la, root, u), t);
    },
    exp(la, x, u, t) {
      const root = rootOf(la, x);
      const inBasis = lyapunovInBasis(la, root, u);
      checkExtent(la, inBasis, t);
      return straightStep(la, root, inBasis, t);
    },
    inverseRetract: logarithm,
    log: logarithm,
    dist(la, x, y) {
      const { factor } = rootOf(la, x);
      return la.norm(la.subtract(alignedFactor(la, factor, rootOf(la, y).factor), factor));
    },
    transport(la, x, y, u) {
      const root = rootOf(la, x);
      const lift = la.matmul(root.vectors, la.scaleColumns(lyapunovInBasis(la, root, u), root.roots));
      return pushForward(la, alignedFactor(la, root.factor, rootOf(la, y).factor), lift);
    },
  };
}
