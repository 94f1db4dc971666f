/**
 * The log-Euclidean metric on symmetric positive definite matrices: the flat one of their logarithms.
 *
 * Every operation is that of the vector space of symmetric matrices, between log and exp.
 */
import { NumericalError } from '../core/errors.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkEigenvalues } from './definite.js';
import type { SpdMetric } from './spd-metric.js';
import {
  type Eigenbasis,
  exponentialDifferences,
  fromBasis,
  logarithmDifferences,
  secondDerivative,
  toBasis,
  withValues,
} from './symmetric-exponential.js';

/**
 * Returns X = W diag(x) Wᵀ; eigenvalues that rounding made negative count as the least number that divides.
 *
 * @throws NumericalError for a matrix that is not positive definite.
 */
function spectrum<M>(la: LinearAlgebra<M>, x: M): Eigenbasis<M> {
  const { values, vectors } = la.eigh(x);
  checkEigenvalues(la, values);
  return { vectors, values: la.maximum(values, la.epsilon < 1e-10 ? 1e-300 : 1e-37) };
}

function logarithm<M>(la: LinearAlgebra<M>, x: M): M {
  const basis = spectrum(la, x);
  return withValues(la, basis, la.log(basis.values));
}

/** Returns Σ w_i log X_i, the logarithm of the log-Euclidean mean. */
export function meanLogarithm<M>(la: LinearAlgebra<M>, points: readonly M[], weights: readonly number[]): M {
  return points.map((x, i) => la.scale(weights[i], logarithm(la, x))).reduce((sum, term) => la.add(sum, term));
}

/** Returns the derivative of log at X along u. */
function logarithmAlong<M>(la: LinearAlgebra<M>, x: M, u: M): M {
  const basis = spectrum(la, x);
  return fromBasis(la, basis, la.multiply(logarithmDifferences(la, basis.values), toBasis(la, basis, u)));
}

/** Returns the derivative of exp at log X along w. */
function exponentialAlong<M>(la: LinearAlgebra<M>, x: M, w: M): M {
  const basis = spectrum(la, x);
  return fromBasis(la, basis, la.multiply(exponentialDifferences(la, la.log(basis.values)), toBasis(la, basis, w)));
}

/** @throws NumericalError if exp(L) is singular to rounding, or beyond the range of numbers. */
function exponential<M>(la: LinearAlgebra<M>, l: M): M {
  const { values, vectors } = la.eigh(l);
  const n = la.shape(values).at(-1) as number;
  const all = la.peek(values);
  const reach = -Math.log(4 * n * la.epsilon);
  const least = la.epsilon < 1e-10 ? -700 : -80;
  for (let start = 0; all !== undefined && start < all.length; start += n) {
    if (all[start + n - 1] - all[start] <= reach && all[start] >= least) continue;
    throw new NumericalError('logEuclidean: the step leads to a matrix that is singular to rounding; take a shorter one');
  }
  return withValues(la, { values, vectors }, la.exp(values));
}

/**
 * Returns the log-Euclidean metric on the symmetric positive definite matrices, which is flat: X ↦ log X is an isometry
 * onto the symmetric matrices. Orthogonal congruences and inversion are isometries.
 *
 * $$ \langle u,v\rangle_X = \operatorname{tr}\bigl(D\log_X[u]\,D\log_X[v]\bigr), \qquad \operatorname{grad}f(X) = D\exp_L\bigl[D\exp_L[\nabla f(X)]\bigr], \qquad L = \log X $$
 *
 * $$ \operatorname{Hess}f(X)[u] = D\exp_L\bigl[D\exp_L[\nabla^2f(X)[u]]+D^2\exp_L[D\log_X[u],\nabla f(X)]\bigr] $$
 *
 * $$ \operatorname{Exp}_X(u) = \exp(L+D\log_X[u]), \qquad \operatorname{Log}_X(Y) = D\exp_L[\log Y-L], \qquad \operatorname{dist}(X,Y) = \|\log X-\log Y\|_F $$
 *
 * The manifold is complete, the mean of points is $\exp\sum_iw_i\log X_i$, and transport,
 * $D\exp_{\log Y}\circ D\log_X$, is parallel and does not depend on the way. The retraction is Exp.
 *
 * @returns the metric, for {@link spd}. Operations cost one or two eigendecompositions, O(n³) flops.
 * @see Arsigny, Fillard, Pennec and Ayache, "Geometric means in a novel vector space structure on symmetric
 * positive-definite matrices", SIAM J. Matrix Anal. Appl. 29(1), 2007.
 */
export function logEuclidean(): SpdMetric {
  const exp: SpdMetric['exp'] = (la, x, u, t) => exponential(la, la.axpy(t, logarithmAlong(la, x, u), logarithm(la, x)));
  const log: SpdMetric['log'] = (la, x, y) => exponentialAlong(la, x, la.subtract(logarithm(la, y), logarithm(la, x)));
  return {
    name: 'log-Euclidean',
    inner: (la, x, u, v) => la.inner(logarithmAlong(la, x, u), logarithmAlong(la, x, v)),
    sharp(la, x, gradient) {
      const basis = spectrum(la, x);
      const twice = exponentialDifferences(la, la.log(basis.values));
      return fromBasis(la, basis, la.multiply(twice, la.multiply(twice, toBasis(la, basis, gradient))));
    },
    hessian(la, x, gradient, derivative, u) {
      const basis = spectrum(la, x);
      const logs = la.log(basis.values);
      const along = exponentialDifferences(la, logs);
      const w = la.multiply(logarithmDifferences(la, basis.values), toBasis(la, basis, u));
      const bent = secondDerivative(la, logs, w, toBasis(la, basis, gradient));
      const flat = la.add(la.multiply(along, toBasis(la, basis, derivative)), bent);
      return fromBasis(la, basis, la.multiply(along, flat));
    },
    retract: exp,
    inverseRetract: log,
    exp,
    log,
    dist: (la, x, y) => la.norm(la.subtract(logarithm(la, x), logarithm(la, y))),
    transport: (la, x, y, u) => exponentialAlong(la, y, logarithmAlong(la, x, u)),
    roughMean: (la, points, weights) => exponential(la, meanLogarithm(la, points, weights)),
  };
}
