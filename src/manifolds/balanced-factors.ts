/**
 * Balanced factor pairs: the rank-r matrices with the Bures metric, in the coordinates that LoRA trains.
 *
 * Point: `{ A, B }`, A m×r, B r×n, AᵀA = BBᵀ; a pair and (AQ, QᵀB), Q orthogonal, are one point. Tangent:
 * `{ A: dA, B: dB }`, horizontal: Aᵀ dA = dB Bᵀ. Metric ⟨dA, dA'⟩ + ⟨dB, dB'⟩. Retraction: a straight step, then the
 * balanced projection. Dimension r(m + n − r). The factor gradient (G Bᵀ, Aᵀ G) is already horizontal, so Riemannian
 * gradient descent is plain descent plus the projection: BaLoRA.
 *
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */

import { DomainError } from '../core/errors.js';
import { count, declareOptions, size } from '../core/options.js';
import { axpyTree } from '../core/tree.js';
import { square } from '../linalg/derived.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { sylvesterSolver } from '../linalg/matrix-functions.js';
import { type FactorPair, procrustesGauge } from '../metrics/factor-pair.js';
import { balanceGap } from '../retractions/balance-gap.js';
import type { BalancedGauge, BalancedProjection } from '../retractions/balanced-pair.js';
import { type BalanceAlgorithm, balancedProjection, balancedProjectionOptions } from '../retractions/balanced-projection.js';
import { checkStep, pointTolerance, rankHints } from './checks.js';
import { type FactorManifold, type FactorOptions, factorBase, factorOptions, unitTangent } from './factor-manifold.js';
import type { RetractTransport } from './manifold.js';

/** Schedule of the balanced projection. */
export interface BalancingSchedule {
  /** Number of steps from one projection to the next. Default: 1. */
  readonly every?: number;
  /** Number of steps at the beginning without the projection. Default: 0. */
  readonly start?: number;
}

/** Options of {@link balancedFactors}. */
export interface BalancedFactorsOptions<M> extends FactorOptions<M>, BalancingSchedule {
  /** Gauge of the balanced pair on which a retraction lands. Default: `'svd'`. */
  readonly gauge?: BalancedGauge;
  /** Algorithm of the projection. Default: `'auto'`. */
  readonly algorithm?: BalanceAlgorithm;
}

const balancedFactorsOptions = declareOptions<BalancedFactorsOptions<unknown>>()(
  {
    ...factorOptions.options,
    ...balancedProjectionOptions.options,
    every: size({ default: 1 }),
    start: count({ default: 0 }),
  },
  rankHints,
);

/** The defaults of {@link balancedFactors}: the projection after each step, as BaLoRA is published. */
export const balancedFactorsDefaults: Required<Pick<BalancedFactorsOptions<unknown>, 'gauge' | 'algorithm'> & BalancingSchedule> =
  balancedFactorsOptions.defaults;

/** Result of a step of `balancedFactors`, with its change of gauge. */
export interface BalancedTransport<M> extends RetractTransport<FactorPair<M>, FactorPair<M>> {
  /** T, r×r: the new pair is $\bigl((A+t\,dA)\,T^{-1},\;T\,(B+t\,dB)\bigr)$. */
  readonly gauge: M;
  /** T⁻¹, r×r. */
  readonly inverseGauge: M;
}

/** Manifold of balanced factor pairs, made by {@link balancedFactors}. */
export interface BalancedFactorsManifold<M> extends FactorManifold<M> {
  /** Gauge of the balanced pair on which a retraction lands. */
  readonly gauge: BalancedGauge;
  /** Returns the balanced pair with the product of any pair: a start from factors that are not balanced. */
  balance(pair: FactorPair<M>): BalancedProjection<M>;
  retractTransport(x: FactorPair<M>, u: FactorPair<M>, t?: number): BalancedTransport<M>;
}

/**
 * Returns the manifold of balanced factor pairs: the rank-r matrices with the {@link bures} metric, in the coordinates
 * that LoRA trains.
 *
 * $$ \lbrace(A,B) : A^\top A = BB^\top\rbrace\,/\,O(r), \qquad (A,B)\sim(AQ,Q^\top B) $$
 *
 * The dimension is r(m + n − r). Tangents (dA, dB) are horizontal, and the metric is the flat one:
 *
 * $$ A^\top dA = dB\,B^\top, \qquad \langle u,v\rangle = \langle dA,dA'\rangle+\langle dB,dB'\rangle. $$
 *
 * The retraction, of second order, is a straight step followed by {@link balancedProjection} P:
 *
 * $$ R_{(A,B)}(t\,u) = P(A+t\,dA,\;B+t\,dB). $$
 *
 * The factor gradient $(GB^\top, A^\top G)$ is already horizontal, so Riemannian gradient descent is plain descent plus
 * the projection: BaLoRA. The Riemannian Hessian is the horizontal part of the Hessian by the factors.
 *
 * A run may start from any pair of factors. With `every` or `start` the retraction of step k = 1, 2, … of a run is
 *
 * $$ (A,B) \leftarrow \begin{cases} P(A+t\,dA,\;B+t\,dB) & k>\text{start},\ \text{every}\mid k\\ (A+t\,dA,\;B+t\,dB) & \text{else} \end{cases} $$
 *
 * for every solver ({@link Manifold.atStep}). A point is then any pair with finite entries and not both factors zero,
 * and only this is checked; `retract` by itself always projects. The laws of a manifold hold at balanced points;
 * elsewhere $R_x(0)=P(x)$ is the balanced pair of the same product.
 *
 * `retract` takes any displacement (dA, dB), horizontal or not. If AB has numerical rank below r, the missing
 * directions stay unbalanced (see {@link balancedProjection}); if either factor is zero, as at the start of LoRA, the
 * projection leaves both unchanged.
 *
 * @param options - m, n, rank; optionally gauge, algorithm, schedule, batch axes and the engine.
 * @returns a readonly object; points and tangents are `{ A: [.., m, r], B: [.., r, n] }`. A projection costs
 * O((m+n)r² + r³) flops.
 * @throws ShapeError if a size or `every` is not a positive integer, or rank > min(m, n); ConfigError on unknown
 * options.
 *
 * @example
 * ```ts
 * import { balancedFactors, hostAlgebra, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const random = seededRandom(1);
 * const manifold = balancedFactors({ m: 30, n: 20, rank: 3, gauge: 'nearest' });
 * const pair = { A: la.randomNormal([30, 3], random), B: la.randomNormal([3, 20], random) };
 * const x = manifold.balance(pair); // the same product, balanced
 * console.log(la.norm(la.subtract(manifold.toMatrix(x), manifold.toMatrix(pair)))); // rounding
 * ```
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function balancedFactors<M = HostArray>(options: BalancedFactorsOptions<M>): BalancedFactorsManifold<NoInfer<M>> {
  const settings = balancedFactorsOptions.read('balancedFactors', options);
  const { m, n, rank, gauge, algorithm, every, start } = settings;
  const base = factorBase('balancedFactors', settings);
  const { la } = base;
  const balance = (pair: FactorPair<M>): BalancedProjection<M> => balancedProjection(la, pair, { gauge, algorithm });
  const dim = base.members * rank * (m + n - rank);
  const straight = (x: FactorPair<M>, u: FactorPair<M>, t: number): FactorPair<M> => {
    checkStep('balancedFactors.retract', t);
    base.checkPairShape('balancedFactors.retract', x);
    base.checkPairShape('balancedFactors.retract', u);
    return axpyTree(la, t, u, x);
  };
  const step = (x: FactorPair<M>, u: FactorPair<M>, t: number): BalancedProjection<M> => la.tidy(() => balance(straight(x, u, t)));
  const always = every === 1 && start === 0;
  const manifold: BalancedFactorsManifold<M> = {
    ...base.common,
    ...(!always && { atStep: (k: number) => (k > start && k % every === 0 ? manifold : withStraightSteps(manifold, straight)) }),
    name: `balancedFactors(${base.sizes}, gauge ${gauge}${every === 1 ? '' : `, every ${every}`}${start === 0 ? '' : `, from ${start}`})`,
    gauge,
    dim,
    typicalDist: Math.sqrt(dim),
    retractionOrder: 2,
    checkPoint: (x) =>
      la.tidy(async () => {
        await base.checkPair(x);
        if (always) await checkBalanced(la, x);
      }),
    checkStart: (x) => la.tidy(() => base.checkPair(x)),
    balance(pair) {
      base.checkPairShape('balancedFactors.balance', pair);
      return balance(pair);
    },
    inner: (_x, u, v) => base.pairInner(u, v),
    norm: (_x, u) => base.pairNorm(u),
    project: (x, z) => horizontalPart(la, x, z),
    toTangent: (x, u) => horizontalPart(la, x, u),
    // Already horizontal: AᵀGBᵀ is both Aᵀ dA and dB Bᵀ.
    egradToRgrad: (x, egrad) => base.factorGradient('egradToRgrad', x, egrad),
    coordinatesToRgrad(_x, derivative) {
      base.checkPairShape('balancedFactors.coordinatesToRgrad', derivative);
      return derivative;
    },
    // The gradient of g(AB) by the factors is tangent to the set of balanced pairs everywhere on it, so its curvature
    // does not enter: the Riemannian Hessian is the horizontal part of the Hessian by the factors.
    ehessToRhess: (x, egrad, ehess, u) => horizontalPart(la, x, base.factorHessian(x, egrad, ehess, u)),
    coordinatesToRhess: (x, _derivative, product) => horizontalPart(la, x, product),
    retract(x, u, t = 1) {
      const { A, B } = step(x, u, t);
      return { A, B };
    },
    retractTransport: (x, u, t = 1) => gaugeTransport(la, step(x, u, t)),
    transport: (x, y, u) => horizontalPart(la, y, turned(la, u, la.transpose(procrustesGauge(la, x, y)))),
    difference: (x, y) => horizontalPart(la, x, axpyTree(la, -1, x, turned(la, y, procrustesGauge(la, x, y)))),
    randomPoint(random) {
      const { A, B } = balance(base.randomPair(random));
      return { A, B };
    },
    randomTangent(x, random) {
      return unitTangent(manifold, x, base.randomPair(random));
    },
  };
  return manifold;
}

/** Returns (AQ, QᵀB) for an orthogonal Q. */
function turned<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, Q: M): FactorPair<M> {
  return { A: la.matmul(A, Q), B: la.matmul(Q, B, { transposeA: true }) };
}

/** Returns the same manifold between two projections: steps are straight, and coordinates stay in their gauge. */
function withStraightSteps<M>(
  manifold: FactorManifold<M>,
  straight: (x: FactorPair<M>, u: FactorPair<M>, t: number) => FactorPair<M>,
): FactorManifold<M> {
  const identity = (u: FactorPair<M>): FactorPair<M> => u;
  return {
    ...manifold,
    retract: (x, u, t = 1) => straight(x, u, t),
    retractTransport: (x, u, t = 1) => ({ point: straight(x, u, t), vector: identity, covector: identity, secondMoment: identity }),
  };
}

/**
 * Returns the orthogonal projection onto the horizontal space {Aᵀ dA = dB Bᵀ} at x: (dA − AK, dB + KB) with AᵀA K + K
 * BBᵀ = Aᵀ dA − dB Bᵀ.
 *
 * The two Grams are equal at a balanced pair, but kept apart: in directions that rank deficiency leaves unbalanced they
 * differ. They are formed and factored once, at the first use, in O((m+n)r² + r³) flops.
 */
function horizontalProjector<M>(la: LinearAlgebra<M>, x: FactorPair<M>): (u: FactorPair<M>) => FactorPair<M> {
  let solve: ((c: M) => M) | undefined;
  return (u) => {
    solve ??= sylvesterSolver(la, la.matmul(x.A, x.A, { transposeA: true }), la.matmul(x.B, x.B, { transposeB: true }));
    const imbalance = la.subtract(la.matmul(x.A, u.A, { transposeA: true }), la.matmul(u.B, x.B, { transposeB: true }));
    const K = solve(imbalance);
    return { A: la.subtract(u.A, la.matmul(x.A, K)), B: la.add(u.B, la.matmul(K, x.B)) };
  };
}

/** Applies {@link horizontalProjector} to a single vector. */
function horizontalPart<M>(la: LinearAlgebra<M>, x: FactorPair<M>, u: FactorPair<M>): FactorPair<M> {
  return horizontalProjector(la, x)(u);
}

/**
 * Carries vectors as (dA T⁻¹, T dB), then onto the new horizontal space; covectors as (g_A Tᵀ, T⁻ᵀ g_B); and second
 * moments by the entrywise squares of that map, which is exact for signed permutations.
 */
function gaugeTransport<M>(la: LinearAlgebra<M>, { A, B, T, inverseT }: BalancedProjection<M>): BalancedTransport<M> {
  const point = { A, B };
  const toHorizontal = horizontalProjector(la, point);
  return {
    point,
    gauge: T,
    inverseGauge: inverseT,
    vector: (v) => toHorizontal({ A: la.matmul(v.A, inverseT), B: la.matmul(T, v.B) }),
    covector: (g) => ({ A: la.matmul(g.A, T, { transposeB: true }), B: la.matmul(inverseT, g.B, { transposeA: true }) }),
    secondMoment: (s) => ({
      A: la.matmul(s.A, square(la, T), { transposeB: true }),
      B: la.matmul(square(la, inverseT), s.B, { transposeA: true }),
    }),
  };
}

/** @throws DomainError unless the pair is balanced in the coordinates where AB does not vanish. */
async function checkBalanced<M>(la: LinearAlgebra<M>, x: FactorPair<M>): Promise<void> {
  const gap = await balanceGap(la, x);
  const tolerance = pointTolerance(la.epsilon, la.shape(x.A).at(-1) as number);
  if (!(gap <= tolerance)) {
    throw new DomainError(
      `balancedFactors: expected AᵀA = BBᵀ, but they differ by ${gap.toExponential(1)} relative to ‖AᵀA‖ + ‖BBᵀ‖ (allowed ${tolerance.toExponential(1)}); ` +
        'start from balance({ A, B }), which has the same product',
    );
  }
}
