/**
 * The affine-invariant metric on symmetric positive definite matrices: the Fisher metric of centered normal
 * distributions, up to a factor of 2.
 *
 * With the Cholesky factor X = LLᵀ, all operations work on whitened tangents L⁻¹uL⁻ᵀ at the identity. A root of X would
 * do as well, but costs an eigendecomposition.
 */
import { NumericalError } from '../core/errors.js';
import { timesCoth } from '../linalg/hyperbolic-functions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { fromEigenbasis, symmetricPart } from '../linalg/matrix-functions.js';
import { checkDefinite } from './definite.js';
import { meanLogarithm } from './log-euclidean.js';
import type { SpdMetric } from './spd-metric.js';

/** Returns L⁻¹ u L⁻ᵀ for symmetric u. */
function whiten<M>(la: LinearAlgebra<M>, factor: M, u: M): M {
  const half = la.solveTriangular(factor, u);
  return symmetricPart(la, la.solveTriangular(factor, half, { transpose: true, side: 'right' }));
}

/** Returns L w Lᵀ for symmetric w. */
function colour<M>(la: LinearAlgebra<M>, factor: M, w: M): M {
  return symmetricPart(la, la.matmul(la.matmul(factor, w), factor, { transposeB: true }));
}

/** W and the roots s in L⁻¹YL⁻ᵀ = W diag(s²) Wᵀ. */
interface RelativeSpectrum<M> {
  readonly W: M;
  readonly roots: M;
}

/** Returns the spectrum of Y relative to X = LLᵀ, by the SVD of L⁻¹M with Y = MMᵀ: no product needs a matrix root. */
function relativeSpectrum<M>(la: LinearAlgebra<M>, factor: M, y: M): RelativeSpectrum<M> {
  const { U, S } = la.svd(la.solveTriangular(factor, la.cholesky(y)));
  return { W: U, roots: S };
}

/** Returns L exp(w) Lᵀ for symmetric w. */
function exponential<M>(la: LinearAlgebra<M>, factor: M, w: M): M {
  const { values, vectors } = la.eigh(w);
  const side = la.scaleColumns(la.matmul(factor, vectors), la.exp(la.scale(0.5, values)));
  return symmetricPart(la, la.matmul(side, side, { transposeB: true }));
}

/** Returns W diag(log s²) Wᵀ, the whitened logarithm. */
function whiteLogarithm<M>(la: LinearAlgebra<M>, { W, roots }: RelativeSpectrum<M>): M {
  return fromEigenbasis(la, W, la.scale(2, la.log(roots)));
}

/**
 * Returns the largest eigenvalue, over the batch, of the Hessian of ½dist(·, Y)² at X: (δ/2) coth(δ/2) for the spread δ
 * of the eigenvalues log(s²) of the logarithm. The least is 1.
 */
async function largestCurvature<M>(la: LinearAlgebra<M>, roots: M): Promise<number> {
  const all = await la.toArray(roots);
  const n = la.shape(roots).at(-1) as number;
  let largest = 1;
  for (let start = 0; start < all.length; start += n) {
    largest = Math.max(largest, timesCoth(Math.log(all[start] / all[start + n - 1])));
  }
  return largest;
}

/**
 * Returns the affine-invariant metric on the symmetric positive definite matrices; $X\mapsto CXC^\top$ is an isometry
 * for every invertible C, and so is inversion.
 *
 * $$ \langle u,v\rangle_X = \operatorname{tr}(X^{-1}uX^{-1}v), \qquad \operatorname{grad}f(X) = X\,\nabla f(X)\,X $$
 *
 * $$ \operatorname{Hess}f(X)[u] = X\,\nabla^2f(X)[u]\,X+\operatorname{sym}(u\,\nabla f(X)\,X) $$
 *
 * The manifold is complete, and any two matrices are joined by one geodesic:
 *
 * $$ \operatorname{Exp}_X(u) = X\exp(X^{-1}u), \qquad \operatorname{Log}_X(Y) = X\log(X^{-1}Y), \qquad \operatorname{dist}(X,Y)^2 = \sum_i\log^2\lambda_i(X^{-1}Y) $$
 *
 * Transport is parallel, $u\mapsto EuE^\top$ with $E = (YX^{-1})^{1/2}$. The retraction is $X+tu+\tfrac12t^2uX^{-1}u$,
 * positive definite for every t and of second order; its inverse exists where $Y\succeq\tfrac12X$. Rounding in whitened
 * quantities grows with the condition number κ of X: relative errors are c·ε·κ.
 *
 * @returns the metric, for {@link spd}. Operations cost a Cholesky factorization and an SVD or an eigendecomposition:
 * O(n³) flops.
 * @see Bhatia, Positive Definite Matrices, 2007, chapter 6; Sra and Hosseini, "Conic geometric optimization on the
 * manifold of positive definite matrices", SIAM J. Optim. 25(1), 2015; Jeuris, Vandebril and Vandereycken, "A survey
 * and comparison of contemporary algorithms for computing the matrix geometric mean", ETNA 39, 2012 (the retraction);
 * Bini and Iannazzo, "Computing the Karcher mean of symmetric positive definite matrices", Linear Algebra Appl. 438,
 * 2013 (the step).
 */
export function affineInvariant(): SpdMetric {
  return {
    name: 'affine-invariant',
    inner(la, x, u, v) {
      const factor = la.cholesky(x);
      return la.inner(whiten(la, factor, u), whiten(la, factor, v));
    },
    sharp(la, x, gradient) {
      checkDefinite(la, x);
      return symmetricPart(la, la.matmul(x, la.matmul(gradient, x)));
    },
    hessian(la, x, gradient, derivative, u) {
      checkDefinite(la, x);
      return symmetricPart(la, la.matmul(la.add(la.matmul(x, derivative), la.matmul(u, gradient)), x));
    },
    retract(la, x, u, t) {
      const half = la.solveTriangular(la.cholesky(x), u);
      const bend = la.matmul(half, half, { transposeA: true });
      return symmetricPart(la, la.axpy(0.5 * t * t, bend, la.axpy(t, u, x)));
    },
    // Of y = 1 + u + u²/2 in the relative spectrum s² = y: u = √(2y − 1) − 1, without cancellation near 1.
    inverseRetract(la, x, y) {
      const factor = la.cholesky(x);
      const { W, roots } = relativeSpectrum(la, factor, y);
      const above = la.subtract(la.multiply(roots, roots), la.full(la.shape(roots), 1));
      const one = la.full(la.shape(above), 1);
      const square = la.axpy(2, above, one);
      if (la.peek(square)?.some((value) => !(value >= 0))) {
        throw new NumericalError(
          'spd.inverseRetract: the retraction reaches only points Y with Y ⪰ ½X, and Y is smaller in some direction; use log, or choose points closer together',
        );
      }
      const lengths = la.divide(la.scale(2, above), la.add(one, la.sqrt(la.maximum(square, 0))));
      return colour(la, factor, fromEigenbasis(la, W, lengths));
    },
    exp(la, x, u, t) {
      const factor = la.cholesky(x);
      return exponential(la, factor, whiten(la, factor, la.scale(t, u)));
    },
    log(la, x, y) {
      const factor = la.cholesky(x);
      return colour(la, factor, whiteLogarithm(la, relativeSpectrum(la, factor, y)));
    },
    dist: (la, x, y) => la.norm(la.scale(2, la.log(relativeSpectrum(la, la.cholesky(x), y).roots))),
    transport(la, x, y, u) {
      const factor = la.cholesky(x);
      const { W, roots } = relativeSpectrum(la, factor, y);
      const stretch = fromEigenbasis(la, W, roots);
      return colour(la, factor, symmetricPart(la, la.matmul(stretch, la.matmul(whiten(la, factor, u), stretch))));
    },
    // The log-Euclidean mean: the arithmetic one is that of the largest point alone where sizes differ much.
    roughMean(la, points, weights) {
      const { values, vectors } = la.eigh(meanLogarithm(la, points, weights));
      return fromEigenbasis(la, vectors, la.exp(values));
    },
    curvature: (la, x, y) => largestCurvature(la, relativeSpectrum(la, la.cholesky(x), y).roots),
  };
}
