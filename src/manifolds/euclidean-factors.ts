/**
 * Factor pairs (A, B) with the flat geometry of their entries, on which plain LoRA descends.
 *
 * Point and tangent: `{ A, B }`, A m×r, B r×n; metric ⟨dA, dA'⟩ + ⟨dB, dB'⟩; retraction: addition. Dimension r(m + n).
 * Minimizers of g(AB) are not isolated: (AR, R⁻¹B) costs the same for every invertible R.
 */
import type { Settings } from '../core/options.js';
import { axpyTree } from '../core/tree.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { checkEnd, checkStep } from './checks.js';
import { type FactorManifold, type FactorOptions, factorBase, factorOptions, unitTangent } from './factor-manifold.js';

/**
 * Returns the vector space of factor pairs, on which plain LoRA descends. It takes gradients by X = AB, as the other
 * rank-r manifolds do.
 *
 * $$ \operatorname{grad}f = (GB^\top,\;A^\top G), \qquad R_{(A,B)}(t\,u) = (A+t\,dA,\;B+t\,dB) $$
 *
 * The dimension is r(m + n). Minimizers of g(AB) are not isolated: (AR, R⁻¹B) costs the same for every invertible R.
 *
 * @param options - m, n, rank; optionally batch axes and the engine.
 * @returns a readonly object; points and tangents are `{ A: [.., m, r], B: [.., r, n] }`.
 * @throws ShapeError if a size is not a positive integer or rank > min(m, n); ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { armijo, euclideanFactors, type FactorPair, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, polakRibiere, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = euclideanFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: polakRibiere(), stepSize: armijo() });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(200) })).cost); // 1e-32
 * ```
 */
export function euclideanFactors<M = HostArray>(options: FactorOptions<M>): FactorManifold<NoInfer<M>> {
  return flatFactors('euclideanFactors', factorOptions.read('euclideanFactors', options));
}

/** Returns the pairs with the flat metric, under the name of the function that the user called. */
export function flatFactors<M>(
  caller: 'euclideanFactors' | 'dampedFactors' | 'lazyFactors',
  options: Settings<FactorOptions<M>, 'batch'>,
): FactorManifold<M> {
  const base = factorBase(caller, options);
  const { la } = base;
  const add = (x: FactorPair<M>, u: FactorPair<M>, t: number): FactorPair<M> => {
    checkStep(`${caller}.retract`, t);
    base.checkPairShape(`${caller}.retract`, x);
    base.checkPairShape(`${caller}.retract`, u);
    return checkEnd(`${caller}.retract`, la, axpyTree(la, t, u, x));
  };
  const identity = (u: FactorPair<M>): FactorPair<M> => u;
  const norm = (_x: FactorPair<M>, u: FactorPair<M>) => base.pairNorm(u);
  const difference = (x: FactorPair<M>, y: FactorPair<M>): FactorPair<M> => axpyTree(la, -1, x, y);
  return {
    ...base.common,
    name: `${caller}(${base.sizes})`,
    dim: base.entries,
    typicalDist: Math.sqrt(base.entries),
    retractionOrder: 2,
    checkPoint: base.checkPair,
    inner: (_x, u, v) => base.pairInner(u, v),
    norm,
    dist: (x, y) => norm(x, difference(x, y)),
    project: (_x, z) => z,
    toTangent: (_x, u) => u,
    egradToRgrad: (x, egrad) => base.factorGradient('egradToRgrad', x, egrad),
    coordinatesToRgrad(_x, derivative) {
      base.checkPairShape(`${caller}.coordinatesToRgrad`, derivative);
      return derivative;
    },
    ehessToRhess: base.factorHessian,
    coordinatesToRhess: (_x, _derivative, product) => product,
    retract: (x, u, t = 1) => add(x, u, t),
    retractTransport: (x, u, t = 1) => ({ point: add(x, u, t), vector: identity, covector: identity, secondMoment: identity }),
    transport: (_x, _y, u) => u,
    difference,
    inverseRetract: difference,
    exp: (x, u, t = 1) => add(x, u, t),
    log: difference,
    randomPoint: base.randomPair,
    randomTangent(x, random) {
      return unitTangent(this, x, base.randomPair(random));
    },
  };
}
