/** Parts of `fixedRank` that depend on neither its name nor its other operations. */
import { axpyTree } from '../core/tree.js';
import { abs, square } from '../linalg/derived.js';
import { jointInner } from '../linalg/joint-reductions.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { NumberOf } from '../linalg/number-of.js';
import { bures, buresFromCoordinates } from '../metrics/bures.js';
import type { FixedRankMetric, FixedRankPoint, FixedRankTangent } from '../metrics/fixed-rank-metric.js';
import type { FixedRankRetraction } from '../retractions/fixed-rank-retraction.js';
import type { RankShape } from './checks.js';

/** Returns the inner product of tangents, block by block. */
export function blockwiseInner<M>(la: LinearAlgebra<M>, u: FixedRankTangent<M>, v: FixedRankTangent<M>): NumberOf<M> {
  return jointInner(la, [
    [u.M, v.M],
    [u.Up, v.Up],
    [u.Vp, v.Vp],
  ]);
}

/** Returns true if the retraction follows the metric's geodesics to second order, which either of them may declare. */
export function isSecondOrder(metric: FixedRankMetric, retraction: FixedRankRetraction): boolean {
  return retraction.secondOrderFor.includes(metric.name) || (metric.secondOrderRetractions ?? []).includes(retraction.name);
}

/** Shapes of the components of points and tangents. */
export interface FixedRankShapes {
  readonly point: { readonly U: readonly number[]; readonly S: readonly number[]; readonly V: readonly number[] };
  readonly tangent: { readonly M: readonly number[]; readonly Up: readonly number[]; readonly Vp: readonly number[] };
}

/** Returns the shapes for the sizes of a manifold. */
export function shapesOf({ m, n, rank, batch }: Required<RankShape>): FixedRankShapes {
  return {
    point: { U: [...batch, m, rank], S: [...batch, rank], V: [...batch, n, rank] },
    tangent: { M: [...batch, rank, rank], Up: [...batch, m, rank], Vp: [...batch, n, rank] },
  };
}

/** Differences up to this many ulps of the larger one are rounding. */
const ROUNDING = 1e3;

/**
 * Returns the gradient of a cost of U diag(S) Vᵀ, plus one of the singular values, from its derivatives by U, S and V.
 *
 * By the first summand G the derivative by S is that by the product, diag(UᵀGV) = diag(Uᵀ dU)/S. What it is beyond that
 * comes from the second, whose gradient is U diag(·) Vᵀ, as that of a sum of singular values is UVᵀ.
 */
export function gradientFromCoordinates<M>(
  la: LinearAlgebra<M>,
  metric: FixedRankMetric,
  x: FixedRankPoint<M>,
  { U: dU, S: dS, V: dV }: FixedRankPoint<M>,
): FixedRankTangent<M> {
  const ofProduct = gradientOfProduct(la, metric, x, dU, dV);
  if (dS === undefined) return ofProduct;
  const length = (columns: M): M => la.sqrt(la.sum(square(la, columns), 'columns'));
  const beyond = la.subtract(dS, la.divide(la.diag(la.matmul(x.U, dU, { transposeA: true })), x.S));
  const size = la.add(abs(la, dS), la.divide(length(dU), x.S));
  const none = la.full(la.shape(beyond), 0);
  const ofSpectrum = la.where(la.greater(abs(la, beyond), la.scale(ROUNDING * la.epsilon, size)), beyond, none);
  if (la.peek(ofSpectrum)?.every((entry) => entry === 0) === true) return ofProduct;
  const zeros = (u: M): M => la.full(la.shape(u), 0);
  const core = { M: la.diagMatrix(ofSpectrum), Up: zeros(ofProduct.Up), Vp: zeros(ofProduct.Vp) };
  return axpyTree(la, 1, metric.sharp(la, x, core), ofProduct);
}

/** Uses the metric's own formula or, without one, the Bures gradient, which is linear in the derivative. */
function gradientOfProduct<M>(la: LinearAlgebra<M>, metric: FixedRankMetric, x: FixedRankPoint<M>, dU: M, dV: M): FixedRankTangent<M> {
  if (metric.fromCoordinates !== undefined) return metric.fromCoordinates(la, x, dU, dV);
  return metric.sharp(la, x, bures().flat(la, x, buresFromCoordinates(la, x, dU, dV)));
}

/**
 * Carries second moments from x to y. Between near points V_xᵀV_y and U_xᵀU_y are the change of gauge, signs and order
 * of the singular vectors. As with Adam on factors, its entrywise square carries them, which is exact for signed
 * permutations.
 */
export function carrySecondMoment<M>(
  la: LinearAlgebra<M>,
  x: FixedRankPoint<M>,
  y: FixedRankPoint<M>,
  s: FixedRankTangent<M>,
): FixedRankTangent<M> {
  const left = square(la, la.matmul(x.U, y.U, { transposeA: true }));
  const right = square(la, la.matmul(x.V, y.V, { transposeA: true }));
  return {
    M: la.matmul(left, la.matmul(s.M, right), { transposeA: true }),
    Up: la.matmul(s.Up, right),
    Vp: la.matmul(s.Vp, left),
  };
}
