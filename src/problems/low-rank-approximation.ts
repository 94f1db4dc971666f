import { ConfigError } from '../core/errors.js';
import { declareOptions, number, option } from '../core/options.js';
import {
  type Ambient,
  type AmbientFactors,
  ambientShape,
  applyAmbient,
  applyAmbientTranspose,
  type OperatorMatrix,
} from '../linalg/ambient.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { denseResidualCost, type EntrywiseLoss } from './dense-residual.js';
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

/** Options of {@link lowRankApproximation}. */
export interface LowRankApproximationOptions<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own = unknown> {
  /** Search space: any geometry of rank-r matrices of the data's shape. */
  readonly manifold: LowRankManifold<M, P, T, Z> & Own;
  /** Matrix Z to approximate, in any form; entries left out of a sparse one are zeros. */
  readonly data: Ambient<M>;
  /** ‖Z‖², a constant of the cost. Default: computed; required if Z is an operator, which cannot tell it. */
  readonly squaredNorm?: number;
}

const lowRankApproximationOptions = declareOptions<
  LowRankApproximationOptions<unknown, LowRankPoint<unknown>, LowRankTangent<unknown>, unknown>
>()({
  manifold: option({}),
  data: option({}),
  squaredNorm: number({ optional: true, min: 0 }),
});

/**
 * Returns the problem of finding the nearest matrix of rank r:
 *
 * $$ \min_{\operatorname{rank}X=r}\ \tfrac12\lVert X-Z\rVert_F^2, \qquad \nabla g(X) = X-Z, \qquad \nabla^2g(X)[\xi] = \xi $$
 *
 * Its minimizer is the truncated singular value decomposition of Z, so it is a good problem to try geometries and
 * solvers on. A dense Z is read in blocks of rows, with 6mnr flops per gradient. For any other form the cost is
 * $\tfrac12\lVert X\rVert^2-\langle X,Z\rangle+\tfrac12\lVert Z\rVert^2$, with two products with Z per gradient; it is
 * accurate to the rounding of ‖Z‖², not of itself.
 *
 * @returns the problem, for `minimize`.
 * @throws ConfigError if Z is an operator and ‖Z‖² is not given.
 * @see Eckart and Young, "The approximation of one matrix by another of lower rank", Psychometrika 1, 1936.
 */
export function lowRankApproximation<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own>(
  options: LowRankApproximationOptions<M, P, T, Z, Own>,
): LowRankProblem<M, P, T, Z, Own> {
  const { manifold, data, squaredNorm } = lowRankApproximationOptions.read('lowRankApproximation', options);
  const la = manifold.algebra;
  if (la.isArray(data)) {
    return lowRankProblem(
      manifold,
      denseResidualCost(la, data, squaredLoss(la), (around, first, second) => quadraticAlong(la, around, first, second)),
      'lowRankApproximation',
    );
  }
  const constant = squaredNorm ?? squaredNormOf(la, data);
  if (constant === undefined) {
    throw new ConfigError(
      'lowRankApproximation: an operator does not tell its norm, which the cost needs; pass squaredNorm: ‖Z‖², or 0 for a cost that lacks the constant',
    );
  }
  return lowRankProblem(manifold, productCost(la, data, constant), 'lowRankApproximation');
}

/** ½e². */
function squaredLoss<M>(la: LinearAlgebra<M>): EntrywiseLoss<M> {
  return { value: async (e) => 0.5 * (await la.norm(e)) ** 2, derivative: (e) => e, second: (_e, s) => s };
}

/**
 * Returns ‖Z‖² if the form of Z tells it. Entries of a sparse matrix at the same place count separately, so the
 * constant is then not that of their sum.
 */
function squaredNormOf<M>(
  la: LinearAlgebra<M>,
  data: CsrMatrix<M> | AmbientFactors<M> | OperatorMatrix<M>,
): number | Promise<number> | undefined {
  switch (data.kind) {
    case 'csr':
      return la.inner(data.values, data.values);
    case 'factored':
      return la.inner(la.matmul(data.left, data.left, { transposeA: true }), la.matmul(data.right, data.right, { transposeA: true }));
    case 'operator':
      return undefined;
  }
}

/** Returns the cost, computed by products with Z alone. */
function productCost<M>(la: LinearAlgebra<M>, data: Ambient<M>, squaredNorm: number | Promise<number>): MatrixCost<M> {
  const shape = ambientShape(la, data) as [number, number];
  return {
    shape,
    at(x, by) {
      const around: MatrixCostAt<M> = {
        holds: [x.left, x.right],
        async cost() {
          const own = await la.inner(la.matmul(x.left, x.left, { transposeA: true }), la.matmul(x.right, x.right, { transposeA: true }));
          return 0.5 * own - (await la.inner(dataTimesRight(), x.left)) + 0.5 * (await squaredNorm);
        },
        gradient: {
          kind: 'operator',
          shape,
          apply: (v) =>
            la.subtract(
              la.matmul(x.left, la.matmul(x.right, v, { transposeA: true })),
              v === by.right ? dataTimesRight() : applyAmbient(la, data, v),
            ),
          applyTranspose: (u) =>
            la.subtract(la.matmul(x.right, la.matmul(x.left, u, { transposeA: true })), applyAmbientTranspose(la, data, u)),
        },
        hessian: ({ left, right }) => ({ kind: 'factored', left, right }),
        along: (first, second) => quadraticAlong(la, around, first, second),
      };
      let product: M | undefined;
      const dataTimesRight = (): M => {
        product ??= applyAmbient(la, data, x.right);
        return product;
      };
      return around;
    },
  };
}
