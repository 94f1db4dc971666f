import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions, describeValue, number, option } from '../../core/options.js';
import { axpyTree } from '../../core/tree.js';
import { minimum, square } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { Manifold } from '../../manifolds/manifold.js';
import { perPoint } from '../objective.js';
import type { Gradient, Problem, VectorFunction } from '../problem.js';
import { checkedValue, checkVectorFunction, riemannianAdjoint, vectorCurvature } from '../vector-function.js';
import { lossTerms, type RobustLoss, robustLosses } from './losses.js';

/** Options of {@link leastSquares}. */
export interface LeastSquaresOptions<M, P, T, Z, G> {
  /** The manifold over which the cost is minimized. */
  readonly manifold: Manifold<M, P, T, Z, G>;
  /** The residuals r(x), an array of any shape, with the products J u and Jᵀw; `hessian` makes that of the cost. */
  readonly residual: VectorFunction<M, P, T, G> & Required<Pick<VectorFunction<M, P, T, G>, 'jvp'>>;
  /**
   * Loss of each squared residual: `'linear'` is the sum of squares, `'huber'`, `'softL1'`, `'cauchy'` and `'arctan'`
   * weigh outliers down, in this order the more strongly. Default: 'linear'.
   */
  readonly loss?: RobustLoss;
  /**
   * C > 0, the size of a residual from which it counts as an outlier, in the units of the residuals; without meaning
   * for the linear loss. Default: 1.
   */
  readonly lossScale?: number;
}

const leastSquaresOptions = declareOptions<LeastSquaresOptions<unknown, unknown, unknown, unknown, unknown>>()({
  manifold: option({}, (caller, name, manifold) => {
    if (typeof (manifold as Manifold<unknown, unknown> | undefined)?.retractTransport === 'function') return;
    throw new ConfigError(`${caller}: ${name} must be a manifold, got ${describeValue(manifold)}; make one with, say, sphere({ shape })`);
  }),
  residual: option({}, (caller, name, residual) => checkVectorFunction(caller, name, residual, true)),
  loss: choice(robustLosses, { default: 'linear' }),
  lossScale: number({ default: 1, above: 0 }),
});

/** Defaults of {@link leastSquares}. */
export const leastSquaresDefaults: Required<Pick<LeastSquaresOptions<unknown, unknown, unknown, unknown, unknown>, 'loss' | 'lossScale'>> =
  leastSquaresOptions.defaults;

/** A sum of squares or of robust losses, which {@link levenbergMarquardt} minimizes. */
export type LeastSquaresProblem<M, P, T, Z, G> = Problem<M, P, T, Z, G> & Required<Pick<Problem<M, P, T, Z, G>, 'linearize'>>;

/**
 * Returns the problem of nonlinear least squares, or of its robust kin:
 *
 * $$ \min_x\ \tfrac12\sum_iC^2\rho\bigl(r_i(x)^2/C^2\bigr), \qquad \rho(z) = z \text{ for the linear loss.} $$
 *
 * Any solver takes it; {@link levenbergMarquardt} is made for it. Robust losses are those of SciPy's `least_squares`,
 * with C its `f_scale`: Huber (z, then 2√z − 1), soft L1 (2(√(1 + z) − 1)), Cauchy (ln(1 + z)) and arctan. Around a
 * point they are a sum of squares of weighted residuals by Triggs' correction,
 *
 * $$ \tilde J = \sqrt{\rho'+2\rho''z}\;J, \qquad \tilde r = \frac{\rho'}{\sqrt{\rho'+2\rho''z}}\;r, $$
 *
 * where the root is held above a thousandth of ρ' (SciPy: above ε), below which it says nothing but that the curvature
 * is not positive.
 *
 * Where the residual states its `hessian`, as `autodiffVector` does, the problem has an exact Hessian,
 * $J^*DJ+\operatorname{Hess}\langle w,r\rangle$ with w = ρ'r held and D = ρ' + 2ρ''z, which {@link trustRegions} uses
 * where residuals stay large; {@link levenbergMarquardt} does not need it.
 *
 * @param options - manifold, residuals, loss.
 * @returns the problem, for `minimize`. Cost and gradient share the residuals of a point.
 * @throws ConfigError if a part is missing or invalid.
 *
 * @example
 * ```ts
 * import { euclidean, type HostArray, hostAlgebra, leastSquares, levenbergMarquardt, minimize } from 'bures';
 * import { autodiffVector } from 'bures/autodiff';
 *
 * // The decay a·exp(−b t), with one measurement that went wrong.
 * const la = hostAlgebra();
 * const times = la.fromArray([0, 1, 2, 3, 4, 5], [6, 1]);
 * const measured = la.fromArray([2, 1.213, 0.736, 5, 0.271, 0.164], [6, 1]);
 * const residual = autodiffVector(la, (ops, x: HostArray) => {
 *   const [a, b] = [ops.slice(x, { rows: [0, 1] }), ops.slice(x, { rows: [1, 2] })];
 *   const decay = ops.exp(ops.scale(-1, ops.matmul(times, b)));
 *   return ops.subtract(ops.matmul(decay, a), measured);
 * });
 * const problem = leastSquares({ manifold: euclidean({ shape: [2, 1] }), residual, loss: 'cauchy', lossScale: 0.01 });
 * const { x } = await minimize(problem, { solver: levenbergMarquardt(), initial: la.full([2, 1], 1) });
 * console.log(la.toArray(x)); // 2.00 and 0.50
 * ```
 * @see Triggs, McLauchlan, Hartley and Fitzgibbon, "Bundle adjustment: a modern synthesis", 2000, section 4.3.
 */
export function leastSquares<M, P, T, Z, G>(options: LeastSquaresOptions<M, P, T, Z, G>): LeastSquaresProblem<M, P, T, Z, G> {
  const { manifold, residual, loss, lossScale } = leastSquaresOptions.read('leastSquares', options) as Required<typeof options>;
  const la = manifold.algebra;
  const weighted = perPoint(async (x: P & object) =>
    weigh(la, checkedValue('leastSquares', 'residual', la, await residual.at(x)), loss, lossScale),
  ) as (x: P) => Promise<WeighedResidual<M>>;
  const { vjp } = residual;
  const curvature = vectorCurvature(manifold, residual);
  return {
    manifold,
    async cost(x) {
      const { residual: r, losses } = await weighted(x);
      return losses === undefined ? 0.5 * (await la.norm(r)) ** 2 : 0.5 * lossScale ** 2 * (await la.total(losses));
    },
    gradient: { kind: vjp.kind, at: async (x: P) => vjp.at(x, (await weighted(x)).slope) } as Gradient<P, T, G, undefined>,
    ...(curvature && {
      hessian: {
        kind: 'riemannian' as const,
        async at(x: P, u: T): Promise<T> {
          const { slope, slopeDerivative } = await weighted(x);
          const scaled = (image: M): M => (slopeDerivative === undefined ? image : la.multiply(slopeDerivative, image));
          return axpyTree(la, 1, await curvature.gaussNewton(x, u, scaled), await curvature.weighed(x, u, slope));
        },
      },
    }),
    async linearize(x) {
      const { residual: r, jacobianScale, residualScale } = await weighted(x);
      const scaled = (scale: M | undefined, w: M): M => (scale === undefined ? w : la.multiply(scale, w));
      return {
        residual: scaled(residualScale, r),
        jvp: async (u) => scaled(jacobianScale, await residual.jvp(x, u)),
        adjoint: (w) => riemannianAdjoint(manifold, vjp, x, scaled(jacobianScale, w)),
      };
    },
  };
}

/** Residuals at a point with what the loss makes of them; scales are absent where the loss is linear. */
interface WeighedResidual<M> {
  readonly residual: M;
  /** The derivative of the cost by the residuals, ρ' r. */
  readonly slope: M;
  /** The derivative of each entry of the slope by its residual, ρ' + 2ρ''z; absent where it is 1. */
  readonly slopeDerivative?: M;
  /** ρ of each squared residual. */
  readonly losses?: M;
  readonly jacobianScale?: M;
  readonly residualScale?: M;
}

/** The least share of ρ' that the curvature ρ' + 2ρ''z counts as. */
const leastCurvature = 1e-3;

function weigh<M>(la: LinearAlgebra<M>, residual: M, loss: RobustLoss, lossScale: number): WeighedResidual<M> {
  if (loss === 'linear') return { residual, slope: residual };
  const squared = square(la, la.scale(1 / lossScale, residual));
  // The one loss that is bounded: an outlier whose square is beyond the range of numbers counts like any other.
  const z = loss === 'arctan' ? minimum(la, squared, la.full(la.shape(squared), la.dtype === 'float64' ? 1e300 : 1e38)) : squared;
  const { value, first, second } = lossTerms(la, loss, z);
  const slopeDerivative = la.add(first, la.scale(2, la.multiply(second, z)));
  const curvature = la.maximum(slopeDerivative, la.scale(leastCurvature, first));
  const jacobianScale = la.sqrt(curvature);
  return {
    residual,
    slope: la.multiply(first, residual),
    slopeDerivative,
    losses: value,
    jacobianScale,
    // Where ρ' is zero to rounding, the entry counts for nothing.
    residualScale: la.where(la.greater(jacobianScale, 0), la.divide(first, jacobianScale), la.full(la.shape(first), 0)),
  };
}
