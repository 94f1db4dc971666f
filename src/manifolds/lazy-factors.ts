/**
 * Factor pairs with straight steps, except for every k-th step, which is taken on the rank-r matrices: the geometry of
 * LORO.
 *
 * Point and tangent: `{ A, B }`, A m×r, B r×n, any; metric: the flat one; retraction: addition or, at the exact steps,
 * the truncated SVD of `fixedRank` along the tangent that the pair of displacements represents.
 *
 * @see Mo et al., "LORO: parameter and memory efficient pretraining via low-rank Riemannian optimization", ICLR 2025.
 */
import { choice, declareOptions, size } from '../core/options.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { moorePenroseInverse } from '../linalg/numerical-range.js';
import { hyperBalancedFactors } from '../metrics/bures.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { truncatedSvd } from '../retractions/truncated-svd.js';
import { checkRank, rankHints } from './checks.js';
import { flatFactors } from './euclidean-factors.js';
import { type FactorManifold, type FactorOptions, factorOptions } from './factor-manifold.js';

/** All values of {@link LazyRate}. */
export const lazyRates = ['same', 'by-rank'] as const;

/** Rate of the steps between exact ones. */
export type LazyRate = (typeof lazyRates)[number];

/** Options of {@link lazyFactors}. */
export interface LazyFactorsOptions<M> extends FactorOptions<M> {
  /** Number of steps from one exact step to the next. Default: 500. */
  readonly every?: number;
  /**
   * Rate of the other steps: that of the exact ones (`'same'`) or, for each factor, r/(its longer side) times that
   * (`'by-rank'`). Default: `'same'`.
   */
  readonly lazyRate?: LazyRate;
}

const lazyFactorsOptions = declareOptions<LazyFactorsOptions<unknown>>()(
  {
    ...factorOptions.options,
    every: size({ default: 500 }),
    lazyRate: choice(lazyRates, { default: 'same' }),
  },
  rankHints,
);

/** The defaults of {@link lazyFactors}. */
export const lazyFactorsDefaults: Required<Pick<LazyFactorsOptions<unknown>, 'every' | 'lazyRate'>> = lazyFactorsOptions.defaults;

/**
 * Returns the vector space of factor pairs, with an exact step on the manifold of rank-r matrices at every k-th step of
 * a run. With thin QRs A = U R_A and Bᵀ = V R_B, and K = R_A⁻ᵀ dB, that step leads along
 *
 * $$ \xi = UK+(I-UU^\top)\,dA\,R_B^{-1}V^\top, \qquad AB \leftarrow \bigl[AB+t\,\xi\bigr]_r, $$
 *
 * and lands on the balanced pair of singular vectors. As published, the part of ξ in both bases is that of dB alone.
 * Between exact steps, (A, B) ← (A + t·c·dA, B + t·d·dB), with c = d = 1, or c = r/m and d = r/n (`lazyRate`).
 *
 * @param options - m, n, rank; optionally `every`, `lazyRate`, batch axes and the engine.
 * @returns a readonly object; points and tangents are `{ A: [.., m, r], B: [.., r, n] }`. An exact step costs
 * O((m+n)r² + r³) flops.
 * @throws ShapeError if a size or `every` is not a positive integer, or rank > min(m, n); ConfigError on unknown
 * options.
 *
 * @example
 * ```ts
 * import { constantStep, type FactorPair, gradientDescent, hostAlgebra, type HostArray, lazyFactors, maxIterations, minimize, seededRandom, sgd } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = lazyFactors({ m: 12, n: 9, rank: 2, every: 10 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: sgd(), stepSize: constantStep(0.03) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 9e-7
 * ```
 * @see Mo et al., "LORO", ICLR 2025, algorithm 1 and appendix A.
 */
export function lazyFactors<M = HostArray>(options: LazyFactorsOptions<M>): FactorManifold<NoInfer<M>> {
  const { every, lazyRate, ...rest } = lazyFactorsOptions.read('lazyFactors', options);
  checkRank('lazyFactors', rest);
  const { dist: _dist, exp: _exp, log: _log, inverseRetract: _inverseRetract, ...flat } = flatFactors('lazyFactors', rest);
  const la: LinearAlgebra<M> = flat.algebra;
  const identity = (u: FactorPair<M>): FactorPair<M> => u;
  const withRetraction = (retract: (x: FactorPair<M>, u: FactorPair<M>, t?: number) => FactorPair<M>): FactorManifold<M> => ({
    ...flat,
    name: flat.name.replace('(', `(every ${every}, `),
    retractionOrder: 1,
    retract,
    retractTransport: (x, u, t = 1) => ({ point: retract(x, u, t), vector: identity, covector: identity, secondMoment: identity }),
  });
  const { m, n, rank } = rest;
  const shortened = ({ A, B }: FactorPair<M>): FactorPair<M> => ({ A: la.scale(rank / m, A), B: la.scale(rank / n, B) });
  const lazy = withRetraction((x, u, t = 1) => flat.retract(x, lazyRate === 'same' ? u : shortened(u), t));
  const exact = withRetraction((x, u, t = 1) => exactStep(la, x, u, t));
  return { ...lazy, atStep: (k) => (k % every === 0 ? exact : lazy) };
}

function exactStep<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, u: FactorPair<M>, t: number): FactorPair<M> {
  return la.tidy(() => {
    const left = la.qr(A);
    const right = la.qr(la.transpose(B));
    // Σ is diagonal in the bases U P and V Q, R_A R_Bᵀ = P Σ Qᵀ.
    const { U: P, S, V: Q } = la.svd(la.matmul(left.R, right.R, { transposeB: true }));
    const K = la.matmul(moorePenroseInverse(la, left.R), u.B, { transposeA: true });
    const KV = la.matmul(K, right.Q);
    const beside = la.subtract(K, la.matmul(KV, right.Q, { transposeB: true }));
    const slope = la.matmul(u.A, moorePenroseInverse(la, right.R));
    const above = la.subtract(slope, la.matmul(left.Q, la.matmul(left.Q, slope, { transposeA: true })));
    const point = { U: la.matmul(left.Q, P), S, V: la.matmul(right.Q, Q) };
    const tangent = {
      M: la.matmul(la.matmul(P, KV, { transposeA: true }), Q),
      Up: la.matmul(above, Q),
      Vp: la.matmul(beside, P, { transposeA: true }),
    };
    return hyperBalancedFactors(la, truncatedSvd().retract(la, point, tangent, t));
  });
}
