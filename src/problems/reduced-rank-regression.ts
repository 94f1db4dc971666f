import '../linalg/host/whole-engine.js';
import { ShapeError } from '../core/errors.js';
import { declareOptions, option } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
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

/** Options of {@link reducedRankRegression}. */
export interface ReducedRankRegressionOptions<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own = unknown> {
  /** Search space of the coefficients: any geometry of rank-r matrices, m features by n targets. */
  readonly manifold: LowRankManifold<M, P, T, Z> & Own;
  /** Features F, N×m: one row per sample. */
  readonly features: M;
  /** Targets Y, N×n. */
  readonly targets: M;
}

const reducedRankRegressionOptions = declareOptions<
  ReducedRankRegressionOptions<unknown, LowRankPoint<unknown>, LowRankTangent<unknown>, unknown>
>()({
  manifold: option({}),
  features: option({}),
  targets: option({}),
});

/**
 * Returns the problem of finding the m×n coefficients X of rank r that best predict n targets from m features:
 *
 * $$ \min_{\operatorname{rank}X=r}\ \tfrac12\lVert FX-Y\rVert_F^2, \qquad
 *    \nabla g(X) = F^\top(FX-Y), \qquad \nabla^2g(X)[\xi] = F^\top F\xi $$
 *
 * With more samples than features, the data are first rotated once: F = QT gives ‖FX − Y‖² = ‖TX − QᵀY‖² + const, with
 * m samples instead of N. This takes 4Nm² + 2Nmn flops and, unlike normal equations, does not square the condition
 * number. A gradient then takes 6pmr + 4pnr flops, p = min(N, m), and forms nothing of the size of X.
 *
 * @returns the problem, for `minimize`. Its cost is accurate to the rounding of ‖Y‖², not of itself. It states its
 * residuals, min(N, m)×n, for `levenbergMarquardt`.
 * @throws ShapeError if features and targets differ in their number of rows.
 * @see Izenman, "Reduced-rank regression for the multivariate linear model", J. Multivariate Analysis 5(2), 1975.
 */
export function reducedRankRegression<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own>(
  options: ReducedRankRegressionOptions<M, P, T, Z, Own>,
): LowRankProblem<M, P, T, Z, Own> {
  const { manifold, features, targets } = reducedRankRegressionOptions.read('reducedRankRegression', options);
  const la = manifold.algebra;
  const [f, y] = [la.shape(features), la.shape(targets)];
  if (f.length !== 2 || y.length !== 2 || f[0] !== y[0]) {
    throw new ShapeError(
      `reducedRankRegression: expected features N×m and targets N×n, got [${f}] and [${y}]; give one row a sample in both`,
    );
  }
  const total = la.inner(targets, targets);
  if (f[0] <= f[1]) return lowRankProblem(manifold, regressionCost(la, features, targets, total), 'reducedRankRegression');
  const { Q, R } = la.qr(features);
  return lowRankProblem(manifold, regressionCost(la, R, la.matmul(Q, targets, { transposeA: true }), total), 'reducedRankRegression');
}

/** @param squaredNorm - ‖Y‖² of all targets, before any rotation. */
function regressionCost<M>(la: LinearAlgebra<M>, features: M, targets: M, squaredNorm: number | Promise<number>): MatrixCost<M> {
  const shape = [la.shape(features)[1], la.shape(targets)[1]] as const;
  const predictionsOf = ({ left, right }: FactoredMatrix<M>): M => la.matmul(la.matmul(features, left), right, { transposeB: true });
  return {
    shape,
    at(x, by) {
      const predicted = la.matmul(features, x.left);
      const targetsTimesRight = la.matmul(targets, x.right);
      const around: MatrixCostAt<M> = {
        holds: [predicted, targetsTimesRight, x.right],
        async cost() {
          const own = await la.inner(
            la.matmul(predicted, predicted, { transposeA: true }),
            la.matmul(x.right, x.right, { transposeA: true }),
          );
          return 0.5 * own - (await la.inner(targetsTimesRight, predicted)) + 0.5 * (await squaredNorm);
        },
        gradient: {
          kind: 'operator',
          shape,
          apply(v) {
            const onTargets = v === by.right ? targetsTimesRight : la.matmul(targets, v);
            const residual = la.subtract(la.matmul(predicted, la.matmul(x.right, v, { transposeA: true })), onTargets);
            return la.matmul(features, residual, { transposeA: true });
          },
          applyTranspose(u) {
            const mapped = la.matmul(features, u);
            return la.subtract(
              la.matmul(x.right, la.matmul(predicted, mapped, { transposeA: true })),
              la.matmul(targets, mapped, { transposeA: true }),
            );
          },
        },
        hessian: ({ left, right }) => ({
          kind: 'factored',
          left: la.matmul(features, la.matmul(features, left), { transposeA: true }),
          right,
        }),
        along: (first, second) => quadraticAlong(la, around, first, second),
      };
      return around;
    },
    // The part of the targets outside the span of rotated features is a constant of the cost, and no residual.
    residualsAt: (x) => ({
      residual: la.subtract(predictionsOf(x), targets),
      jvp: predictionsOf,
      vjp: (w) => ({
        kind: 'operator',
        shape,
        apply: (v) => la.matmul(features, la.matmul(w, v), { transposeA: true }),
        applyTranspose: (u) => la.matmul(w, la.matmul(features, u), { transposeA: true }),
      }),
    }),
  };
}
