import '../linalg/host/whole-engine.js';
import { declareOptions, number, option } from '../core/options.js';
import type { Ambient } from '../linalg/ambient.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactoredMatrix } from '../linalg/linear-algebra-types.js';
import type { SparsePasses } from '../linalg/sparse-passes.js';
import {
  type LowRankManifold,
  type LowRankPoint,
  type LowRankProblem,
  type LowRankTangent,
  lowRankProblem,
  type MatrixCost,
  type MatrixCostAt,
} from './low-rank-problem.js';
import { rememberedOperator } from './remembered-operator.js';
import { withRidge } from './ridge.js';
import { sampledMatrix } from './sampled-matrix.js';

/** Options of {@link matrixCompletion}. */
export interface MatrixCompletionOptions<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own = unknown> {
  /** Search space: any geometry of rank-r matrices of the data's shape. */
  readonly manifold: LowRankManifold<M, P, T, Z> & Own;
  /** Observed entries, Z on Ω; the values belong to the manifold's engine. */
  readonly observed: CsrMatrix<M>;
  /**
   * λ ≥ 0 of a term ½λ‖X‖²_F over all mn entries, for noisy data; it shrinks X by about λ over the observed fraction.
   * Default: 0.
   */
  readonly regularization?: number;
}

const matrixCompletionOptions = declareOptions<MatrixCompletionOptions<unknown, LowRankPoint<unknown>, LowRankTangent<unknown>, unknown>>()(
  {
    manifold: option({}),
    observed: option({}, (caller, _name, observed) => checkCsr(caller, observed as CsrMatrix<unknown>)),
    regularization: number({ default: 0, min: 0 }),
  },
);

/**
 * Returns the problem of matrix completion over the observed entries Ω:
 *
 * $$ \min_{\operatorname{rank}X=r}\ \tfrac12\lVert P_\Omega(X)-P_\Omega(Z)\rVert_F^2, \qquad
 *    \nabla g(X) = P_\Omega(X-Z), \qquad \nabla^2g(X)[\xi] = P_\Omega(\xi) $$
 *
 * Cost and gradient take one pass over the entries with 6·nnz·r flops, on the host without memory beyond the data. A
 * Hessian–vector product takes one of 8·nnz·r and, if the metric's curvature needs it, another of 4·nnz·r with
 * residuals that are then kept. Nothing of size m×n is formed.
 *
 * @returns the problem, for `minimize`. Along a retraction its cost is a quartic: use `polynomialSearch`. Without
 * regularization it states its residuals, for `levenbergMarquardt`.
 * @throws ShapeError if data and manifold differ in shape.
 * @see Vandereycken, "Low-rank matrix completion by Riemannian optimization", SIAM J. Optim. 23(2), 2013, equations 1.3
 * and 2.9.
 */
export function matrixCompletion<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own>(
  options: MatrixCompletionOptions<M, P, T, Z, Own>,
): LowRankProblem<M, P, T, Z, Own> {
  const { manifold, observed, regularization } = matrixCompletionOptions.read('matrixCompletion', options);
  const cost = completionCost(manifold.algebra, observed);
  return lowRankProblem(manifold, regularization === 0 ? cost : withRidge(manifold.algebra, cost, regularization), 'matrixCompletion');
}

/** Returns the cost of completion, on factors. */
export function completionCost<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>): MatrixCost<M> {
  const { sparsePasses } = la;
  return {
    shape: [observed.rows, observed.columns],
    at: (x, by) => (sparsePasses === undefined ? residualAt(la, observed, x) : passesAt(la, sparsePasses, observed, x, by)),
    residualsAt: (x) => ({
      residual: residualOf(la, observed, x),
      jvp: (direction) => sampledMatrix(la, observed, direction).values,
      vjp: (values) => ({ ...observed, values }),
    }),
  };
}

/**
 * Returns ξ ↦ P_Ω(ξ), the Hessian of completion, which is the same everywhere.
 *
 * @param by - the matrices by which the results will be multiplied, as {@link MatrixCost} takes them.
 */
export function completionHessian<M>(
  la: LinearAlgebra<M>,
  observed: CsrMatrix<M>,
  by: FactoredMatrix<M>,
): (direction: FactoredMatrix<M>) => Ambient<M> {
  const { sparsePasses } = la;
  if (sparsePasses === undefined) return (direction) => sampledMatrix(la, observed, direction);
  const shape = [observed.rows, observed.columns] as const;
  return (direction) =>
    rememberedOperator(la, shape, by, sparsePasses.sampled(observed, direction, by), () => sampledMatrix(la, observed, direction));
}

/** Computes the cost around X in passes that keep no number per entry. */
function passesAt<M>(
  la: LinearAlgebra<M>,
  passes: SparsePasses<M>,
  observed: CsrMatrix<M>,
  x: FactoredMatrix<M>,
  by: FactoredMatrix<M>,
): MatrixCostAt<M> {
  const shape = [observed.rows, observed.columns] as const;
  const products = passes.residual(observed, x, by);
  let residual: CsrMatrix<M> | undefined;
  const kept = (): CsrMatrix<M> => {
    residual ??= { ...observed, values: residualOf(la, observed, x) };
    return residual;
  };
  return {
    holds: [products.product],
    cost: () => 0.5 * products.squaredNorm,
    gradient: rememberedOperator(la, shape, by, products, kept),
    hessian: completionHessian(la, observed, by),
    along(first, second) {
      const { ee, es, ss, eq, sq, qq } = passes.curve(observed, x, first, second);
      return [0.5 * ee, es, 0.5 * ss + eq, sq, 0.5 * qq];
    },
  };
}

/** Computes the cost around X with one number per entry for each sampled matrix. */
function residualAt<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, x: FactoredMatrix<M>): MatrixCostAt<M> {
  const residual = residualOf(la, observed, x);
  return {
    holds: [residual],
    cost: async () => 0.5 * (await la.norm(residual)) ** 2,
    gradient: { ...observed, values: residual },
    hessian: (direction) => sampledMatrix(la, observed, direction),
    async along(first, second) {
      const [s, q] = [sampledMatrix(la, observed, first).values, sampledMatrix(la, observed, second).values];
      const [ee, es, ss] = [await la.inner(residual, residual), await la.inner(residual, s), await la.inner(s, s)];
      const [eq, sq, qq] = [await la.inner(residual, q), await la.inner(s, q), await la.inner(q, q)];
      return [0.5 * ee, es, 0.5 * ss + eq, sq, 0.5 * qq];
    },
  };
}

function residualOf<M>(la: LinearAlgebra<M>, observed: CsrMatrix<M>, x: FactoredMatrix<M>): M {
  return la.subtract(sampledMatrix(la, observed, x).values, observed.values);
}
