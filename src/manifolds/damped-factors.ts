/**
 * Factor pairs with the preconditioned metric, damped so that it is defined at every pair. Riemannian preconditioned
 * LoRA descends on it.
 *
 * Point and tangent: `{ A, B }`, A m×r, B r×n, any; metric ⟨dA (BBᵀ + δI), dA'⟩ + ⟨(AᵀA + δI) dB, dB'⟩; retraction:
 * addition. Dimension r(m + n).
 *
 * @see Zhang and Pilanci, "Riemannian preconditioned LoRA for fine-tuning foundation models", ICML 2024, section 3.
 */

import { declareOptions, number } from '../core/options.js';
import { eye } from '../linalg/derived.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { checkRank, rankHints } from './checks.js';
import { flatFactors } from './euclidean-factors.js';
import { type FactorManifold, type FactorOptions, factorOptions, unitTangent } from './factor-manifold.js';
import { normOf } from './norm-of.js';

/** Options of {@link dampedFactors}. */
export interface DampedFactorsOptions<M> extends FactorOptions<M> {
  /** Damping δ > 0, added to both Grams. Default: 0.01. */
  readonly damping?: number;
}

const dampedFactorsOptions = declareOptions<DampedFactorsOptions<unknown>>()(
  {
    ...factorOptions.options,
    damping: number({ default: 1e-2, above: 0 }),
  },
  rankHints,
);

/** The defaults of {@link dampedFactors}. */
export const dampedFactorsDefaults: Required<Pick<DampedFactorsOptions<unknown>, 'damping'>> = dampedFactorsOptions.defaults;

/**
 * Returns the vector space of factor pairs with the metric of {@link quotientFactors}, damped by δ:
 *
 * $$ \langle u,v\rangle_{(A,B)} = \langle dA\,(BB^\top+\delta I),dA'\rangle+\langle(A^\top A+\delta I)\,dB,dB'\rangle $$
 *
 * $$ \operatorname{grad}f = \bigl(\nabla_A(BB^\top+\delta I)^{-1},\;(A^\top A+\delta I)^{-1}\nabla_B\bigr) $$
 *
 * The damping makes it a metric even if a factor has lost rank (LoRA starts with one factor zero), and breaks the
 * invariance to gauge, so that all displacements are tangent. The retraction is addition, of first order.
 *
 * @param options - m, n, rank; optionally δ, batch axes and the engine.
 * @returns a readonly object; points and tangents are `{ A: [.., m, r], B: [.., r, n] }`. A gradient costs O((m+n)r² +
 * r³) flops: two Grams and their Cholesky factors.
 * @throws ShapeError if a size is not a positive integer or rank > min(m, n); ConfigError on unknown options or if δ is
 * not positive.
 *
 * @example
 * ```ts
 * import { dampedFactors, hostAlgebra, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = dampedFactors({ m: 12, n: 9, rank: 2, damping: 1e-3 });
 * // LoRA's start: a metric even here.
 * const x = { A: la.full([12, 2], 0), B: la.randomNormal([2, 9], seededRandom(1)) };
 * const gradient = manifold.egradToRgrad(x, la.full([12, 9], 1));
 * console.log(await manifold.norm(x, gradient)); // 3.314
 * ```
 * @see Zhang and Pilanci, "Riemannian preconditioned LoRA for fine-tuning foundation models", ICML 2024, equations 5
 * and 6.
 */
export function dampedFactors<M = HostArray>(options: DampedFactorsOptions<M>): FactorManifold<NoInfer<M>> {
  const { damping, ...rest } = dampedFactorsOptions.read('dampedFactors', options);
  checkRank('dampedFactors', rest);
  const flat = flatFactors('dampedFactors', rest);
  const la: LinearAlgebra<M> = flat.algebra;
  /** Returns BBᵀ + δI and AᵀA + δI. */
  const weights = ({ A, B }: FactorPair<M>): { readonly ofA: M; readonly ofB: M } => {
    const ridge = la.scale(damping, eye(la, rest.rank, rest.batch));
    return {
      ofA: la.add(la.matmul(B, B, { transposeB: true }), ridge),
      ofB: la.add(la.matmul(A, A, { transposeA: true }), ridge),
    };
  };
  const precondition = (x: FactorPair<M>, derivative: FactorPair<M>): FactorPair<M> => {
    const { ofA, ofB } = weights(x);
    return { A: solveDefinite(la, ofA, derivative.A, 'right'), B: solveDefinite(la, ofB, derivative.B, 'left') };
  };
  const inner = (x: FactorPair<M>, u: FactorPair<M>, v: FactorPair<M>) => {
    const { ofA, ofB } = weights(x);
    return flat.inner(x, { A: la.matmul(u.A, ofA), B: la.matmul(ofB, u.B) }, v);
  };
  const { dist: _dist, exp: _exp, log: _log, ehessToRhess: _ehessToRhess, coordinatesToRhess: _coordinatesToRhess, ...shared } = flat;
  return {
    ...shared,
    name: flat.name.replace('(', `(δ = ${damping}, `),
    retractionOrder: 1,
    inner,
    norm: normOf(la, inner),
    egradToRgrad: (x, egrad) => precondition(x, flat.egradToRgrad(x, egrad)),
    coordinatesToRgrad: (x, derivative) => precondition(x, flat.coordinatesToRgrad(x, derivative)),
    randomTangent(x, random) {
      return unitTangent(this, x, flat.randomPoint(random));
    },
  };
}

/** Returns X S⁻¹ (side right) or S⁻¹ X (left) for a symmetric positive definite S, by Cholesky. */
function solveDefinite<M>(la: LinearAlgebra<M>, s: M, x: M, side: 'left' | 'right'): M {
  const lower = la.cholesky(s);
  if (side === 'left') return la.solveTriangular(lower, la.solveTriangular(lower, x, { lower: true }), { lower: true, transpose: true });
  const once = la.solveTriangular(lower, x, { lower: true, transpose: true, side: 'right' });
  return la.solveTriangular(lower, once, { lower: true, side: 'right' });
}
