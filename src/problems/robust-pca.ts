import { declareOptions, number, option } from '../core/options.js';
import { checkCsr } from '../linalg/csr.js';
import type { CsrMatrix } from '../linalg/csr-matrix.js';
import { square } from '../linalg/derived.js';
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
import { secondOrderAlong } from './quadratic-along.js';
import { sampledMatrix } from './sampled-matrix.js';

/** Options of {@link robustPca}. */
export interface RobustPcaOptions<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own = unknown> {
  /** Search space: any geometry of rank-r matrices of the data's shape. */
  readonly manifold: LowRankManifold<M, P, T, Z> & Own;
  /** Matrix Z with gross errors: dense, or its observed entries. */
  readonly data: M | CsrMatrix<M>;
  /**
   * Smoothing δ, in the units of the data: residuals well below it count as their square over 2δ, those well above it
   * as their magnitude. Choose it near the size of the ordinary noise.
   */
  readonly smoothing: number;
}

const robustPcaOptions = declareOptions<RobustPcaOptions<unknown, LowRankPoint<unknown>, LowRankTangent<unknown>, unknown>>()({
  manifold: option({}),
  data: option({}),
  smoothing: number({ above: 0 }),
});

/**
 * Returns the problem of robust PCA, with a smoothed ℓ₁ loss over all entries or over the observed ones:
 *
 * $$ \min_{\operatorname{rank}X=r}\ \sum_{ij}\rho_\delta(X_{ij}-Z_{ij}), \qquad \rho_\delta(e) = \sqrt{e^2+\delta^2}-\delta $$
 *
 * $$ \rho_\delta'(e) = \frac{e}{\sqrt{e^2+\delta^2}}, \qquad \rho_\delta''(e) = \frac{\delta^2}{(e^2+\delta^2)^{3/2}} $$
 *
 * A dense Z is read in blocks of rows, with 6mnr flops per gradient; a sparse one takes 6·nnz·r flops and keeps one
 * number per entry. Far from the solution, start with a large δ and shrink it.
 *
 * @returns the problem, for `minimize`; its cost along a line is a quadratic model, not exact.
 * @throws ConfigError unless δ > 0.
 * @see Cambier and Absil, "Robust low-rank matrix completion by Riemannian optimization", SIAM J. Sci. Comput. 38(5),
 * 2016, equation 8.
 */
export function robustPca<M, P extends LowRankPoint<M>, T extends LowRankTangent<M>, Z, Own>(
  options: RobustPcaOptions<M, P, T, Z, Own>,
): LowRankProblem<M, P, T, Z, Own> {
  const { manifold, data, smoothing } = robustPcaOptions.read('robustPca', options);
  const la = manifold.algebra;
  const loss = smoothedAbsolute(la, smoothing);
  if (la.isArray(data)) {
    return lowRankProblem(
      manifold,
      denseResidualCost(la, data, loss, (around, first, second) => secondOrderAlong(la, around, first, second)),
      'robustPca',
    );
  }
  checkCsr('robustPca', data);
  return lowRankProblem(manifold, sparseResidualCost(la, data, loss), 'robustPca');
}

/** Returns the loss √(e² + δ²) − δ. */
function smoothedAbsolute<M>(la: LinearAlgebra<M>, delta: number): EntrywiseLoss<M> {
  const root = (e: M): M => la.sqrt(la.add(square(la, e), la.full(la.shape(e), delta * delta)));
  return {
    // e² / (√(e² + δ²) + δ): the difference would lose the digits of small residuals.
    value: (e) => la.total(la.divide(square(la, e), la.add(root(e), la.full(la.shape(e), delta)))),
    derivative: (e) => la.divide(e, root(e)),
    second(e, s) {
      const r = root(e);
      const ratio = la.divide(la.full(la.shape(e), delta), r);
      return la.divide(la.multiply(square(la, ratio), s), r);
    },
  };
}

/** Returns the cost over the entries of a sparse matrix. */
function sparseResidualCost<M>(la: LinearAlgebra<M>, data: CsrMatrix<M>, loss: EntrywiseLoss<M>): MatrixCost<M> {
  return {
    shape: [data.rows, data.columns],
    at(x) {
      const residual = la.subtract(sampledMatrix(la, data, x).values, data.values);
      const around: MatrixCostAt<M> = {
        holds: [residual],
        cost: () => loss.value(residual),
        gradient: { ...data, values: loss.derivative(residual) },
        hessian: (direction) => ({ ...data, values: loss.second(residual, sampledMatrix(la, data, direction).values) }),
        along: (first, second) => secondOrderAlong(la, around, first, second),
      };
      return around;
    },
  };
}
