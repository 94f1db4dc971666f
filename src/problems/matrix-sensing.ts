/** Recovery of a rank-r matrix from linear measurements. */

import { ShapeError } from '../core/errors.js';
import { declareOptions, option } from '../core/options.js';
import type { Ambient } from '../linalg/ambient.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import {
  type LowRankManifold,
  type LowRankPoint,
  type LowRankProblem,
  type LowRankTangent,
  lowRankProblem,
  type MatrixCost,
  type MatrixCostAt,
} from './low-rank-problem.js';
import { quadraticAlong } from './quadratic-along.js';

/** A linear map from m×n matrices to p numbers, applied to factors. */
export interface Measurements<M> {
  /** Shape [m, n] of the matrices. */
  readonly shape: readonly [number, number];
  /** Number p of measurements. */
  readonly count: number;
  /** Returns 𝒜(L Rᵀ), a vector [p]. */
  measure(x: FactoredMatrix<M>): M;
  /** Returns 𝒜ᵀ(w), m×n in any form, for w [p]. */
  adjoint(w: M): Ambient<M>;
}

/**
 * Returns measurements by pairs of vectors, the bilinear forms of X:
 *
 * $$ \mathcal A(X)_i = a_i^\top X\,b_i, \qquad \mathcal A^\top(w) = \sum_i w_i\,a_ib_i^\top $$
 *
 * @param la - the engine.
 * @param left - p×m, with rows a_i.
 * @param right - p×n, with rows b_i.
 * @returns the map; 2p(m + n)k flops for factors of inner size k.
 * @throws ShapeError if the numbers of a_i and b_i differ.
 * @see Cai and Zhang, "ROP: matrix recovery via rank-one projections", Annals of Statistics 43(1), 2015.
 */
export function rankOneMeasurements<M>(la: LinearAlgebra<M>, left: M, right: M): Measurements<M> {
  checkAlgebra('rankOneMeasurements', la);
  const [a, b] = [la.shape(left), la.shape(right)];
  if (a.length !== 2 || b.length !== 2 || a[0] !== b[0]) {
    throw new ShapeError(`rankOneMeasurements: expected p×m and p×n, got [${a}] and [${b}]; give one row a measurement in both`);
  }
  return {
    shape: [a[1], b[1]],
    count: a[0],
    measure: (x) => la.sum(la.multiply(la.matmul(left, x.left), la.matmul(right, x.right)), 'rows'),
    adjoint: (w) => ({ kind: 'factored', left: la.transpose(la.scaleRows(w, left)), right: la.transpose(right) }),
  };
}

/** Options of {@link matrixSensing}. */
export interface MatrixSensingOptions<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own = unknown> {
  /** Search space: any geometry of rank-r matrices of the measured shape. */
  readonly manifold: LowRankManifold<M, P, T, Z> & Own;
  /** Map 𝒜: {@link rankOneMeasurements} or your own. */
  readonly measurements: Measurements<M>;
  /** Measured values b, a vector [p]. */
  readonly measured: M;
}

const matrixSensingOptions = declareOptions<MatrixSensingOptions<unknown, LowRankPoint<unknown>, LowRankTangent<unknown>, unknown>>()({
  manifold: option({}),
  measurements: option({}),
  measured: option({}),
});

/**
 * Returns the problem of matrix sensing:
 *
 * $$ \min_{\operatorname{rank}X=r}\ \tfrac12\lVert\mathcal A(X)-b\rVert^2, \qquad
 *    \nabla g(X) = \mathcal A^\top(\mathcal A(X)-b), \qquad \nabla^2g(X)[\xi] = \mathcal A^\top\mathcal A(\xi) $$
 *
 * @returns the problem, for `minimize`. It states its residuals, for `levenbergMarquardt`.
 * @throws ShapeError if the number of values differs from that of measurements.
 * @see Recht, Fazel and Parrilo, "Guaranteed minimum-rank solutions of linear matrix equations via nuclear norm
 * minimization", SIAM Review 52(3), 2010.
 */
export function matrixSensing<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own>(
  options: MatrixSensingOptions<M, P, T, Z, Own>,
): LowRankProblem<M, P, T, Z, Own> {
  const { manifold, measurements, measured } = matrixSensingOptions.read('matrixSensing', options);
  const la = manifold.algebra;
  const shape = la.shape(measured);
  if (shape.length !== 1 || shape[0] !== measurements.count) {
    throw new ShapeError(
      `matrixSensing: expected ${measurements.count} measured numbers, got an array of shape [${shape}]; give one a measurement`,
    );
  }
  return lowRankProblem(manifold, sensingCost(la, measurements, measured), 'matrixSensing');
}

function sensingCost<M>(la: LinearAlgebra<M>, measurements: Measurements<M>, measured: M): MatrixCost<M> {
  return {
    shape: measurements.shape,
    at(x) {
      const residual = la.subtract(measurements.measure(x), measured);
      const around: MatrixCostAt<M> = {
        holds: [residual],
        cost: async () => 0.5 * (await la.norm(residual)) ** 2,
        gradient: measurements.adjoint(residual),
        hessian: (direction) => measurements.adjoint(measurements.measure(direction)),
        along: (first, second) => quadraticAlong(la, around, first, second),
      };
      return around;
    },
    residualsAt: (x) => ({
      residual: la.subtract(measurements.measure(x), measured),
      jvp: (direction) => measurements.measure(direction),
      vjp: (w) => measurements.adjoint(w),
    }),
  };
}
