/** ½‖X − Z‖² and a non-quadratic cost on several manifolds, to be checked and to be broken. */
import {
  type Ambient,
  balancedFactors,
  type FactorPair,
  type FixedRankPoint,
  type FixedRankTangent,
  fixedRank,
  type HostArray,
  hostAlgebra,
  type Problem,
  seededRandom,
  stiefel,
} from '../../src/index.js';

export const la = hostAlgebra();

const [m, n, rank] = [7, 5, 3];

/** ½‖X − Z‖² over the matrices of rank r with the embedded metric, with its Hessian. */
export function fixedRankProblem(): Problem<
  HostArray,
  FixedRankPoint<HostArray>,
  FixedRankTangent<HostArray>,
  Ambient<HostArray>,
  Ambient<HostArray>
> {
  const manifold = fixedRank({ m, n, rank });
  const target = la.randomNormal([m, n], seededRandom(5));
  const residual = (x: FixedRankPoint<HostArray>): HostArray => la.subtract(manifold.toMatrix(x), target);
  return {
    manifold,
    cost: (x) => 0.5 * la.norm(residual(x)) ** 2,
    gradient: { kind: 'ambient', at: residual },
    hessian: { kind: 'ambient', at: (x, u) => manifold.embed(x, u) },
  };
}

/** Σ log cosh (AB − Z)_ij over a batch of balanced pairs: tanh is its gradient by X. */
export function balancedProblem(): Problem<
  HostArray,
  FactorPair<HostArray>,
  FactorPair<HostArray>,
  FactorPair<HostArray>,
  Ambient<HostArray>
> {
  const manifold = balancedFactors({ m, n, rank, batch: [2] });
  const target = la.randomNormal([2, m, n], seededRandom(6));
  const residual = (x: FactorPair<HostArray>): HostArray => la.subtract(manifold.toMatrix(x), target);
  const logCosh = (value: number): number => Math.abs(value) + Math.log1p(Math.exp(-2 * Math.abs(value))) - Math.LN2;
  return {
    manifold,
    cost: (x) => la.toArray(residual(x)).reduce((sum, value) => sum + logCosh(value), 0),
    gradient: { kind: 'ambient', at: (x) => la.fromArray(la.toArray(residual(x)).map(Math.tanh), [2, m, n]) },
  };
}

/** ½ tr(XᵀCX diag(1…r)) on the Stiefel manifold, with its Hessian. */
export function stiefelProblem(): Problem<HostArray, HostArray> {
  const manifold = stiefel({ m, rank });
  const noise = la.randomNormal([m, m], seededRandom(7));
  const C = la.add(noise, la.transpose(noise));
  const weights = la.fromArray([3, 2, 1], [rank]);
  const derivative = (x: HostArray): HostArray => la.scaleColumns(la.matmul(C, x), weights);
  return {
    manifold,
    cost: (x) => 0.5 * la.inner(x, derivative(x)),
    gradient: { kind: 'ambient', at: derivative },
    hessian: { kind: 'ambient', at: (_x, u) => derivative(u) },
  };
}
