/**
 * Factor pairs that a step leaves balanced: `balancedFactors` for training, where the start need not be balanced and the projection may be done at every k-th step only.
 *
 * Point: any pair `{ A, B }` of finite entries; where it is balanced, this is the manifold of `balancedFactors` with all its operations. Retraction of step k = 1, 2, …: a straight
 * step, then the balanced projection if k > start and k is a multiple of `every`.
 *
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
import { checkKeys, checkNumber, checkPositiveInteger } from '../core/options.js';
import { axpyTree } from '../core/tree.js';
import type { HostArray } from '../linalg/host/host-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { type BalancedFactorsManifold, type BalancedFactorsOptions, balancedFactors } from './balanced-factors.js';
import { checkStep } from './checks.js';
import { type FactorManifold, factorBase } from './factor-manifold.js';

/** When a step ends with the balanced projection. */
export interface BalancingSchedule {
  /** The projection is done after every so many steps. Default: {@link balancingDefaults}. */
  readonly every?: number;
  /** So many steps at the beginning go without. */
  readonly start?: number;
}

/** The defaults of {@link BalancingSchedule}: the projection after each step, as BaLoRA is published. */
export const balancingDefaults: Required<BalancingSchedule> = { every: 1, start: 0 };

/** Options of {@link balancingFactors}. */
export interface BalancingFactorsOptions<M> extends BalancedFactorsOptions<M>, BalancingSchedule {}

/** The manifold that {@link balancingFactors} makes: any pair may be its point, and some of its steps are straight. */
export interface BalancingFactorsManifold<M> extends FactorManifold<M>, Pick<BalancedFactorsManifold<M>, 'gauge' | 'balance'> {}

/**
 * The geometry of BaLoRA as it is trained: {@link balancedFactors} from any start, balanced after every step or after every k-th.
 *
 * $$ (A,B) \leftarrow \begin{cases} P(A+t\,dA,\;B+t\,dB) & k>\text{start},\ \text{every}\mid k\\ (A+t\,dA,\;B+t\,dB) & \text{else} \end{cases} $$
 *
 * `retract`, and `retractTransport` without the number of a step, always project. The laws of a manifold hold at balanced points, where the two manifolds are one; elsewhere
 * $R_x(0)=P(x)$ is the balanced pair of the same product.
 *
 * @param options - those of {@link balancedFactors}, and when to project.
 * @returns a readonly object; points and tangents are `{ A: [.., m, r], B: [.., r, n] }`. A projection costs O((m+n)r² + r³) flops.
 * @throws ShapeError if a size or `every` is not a positive integer, or rank > min(m, n); ConfigError on unknown options.
 * @see Castin, Nadjahi, Ablin and Peyré, "Balanced LoRA", ICML 2026, arXiv 2605.31484.
 */
export function balancingFactors<M = HostArray>(options: BalancingFactorsOptions<M>): BalancingFactorsManifold<NoInfer<M>> {
  checkKeys('balancingFactors', options, ['m', 'n', 'rank', 'batch', 'gauge', 'algorithm', 'algebra', 'every', 'start']);
  const { every = balancingDefaults.every, start = balancingDefaults.start, ...rest } = options;
  checkPositiveInteger('balancingFactors', 'every', every);
  checkNumber('balancingFactors', 'start', start, { min: 0 });
  const balanced = balancedFactors(rest);
  const base = factorBase('balancingFactors', rest);
  const straight = (x: FactorPair<M>, u: FactorPair<M>, t: number): FactorPair<M> => {
    checkStep('balancingFactors.retract', t);
    base.checkPairShape('balancingFactors.retract', x);
    base.checkPairShape('balancingFactors.retract', u);
    return axpyTree(base.la, t, u, x);
  };
  const identity = (u: FactorPair<M>): FactorPair<M> => u;
  return {
    ...balanced,
    name: `balancingFactors(${base.sizes}, gauge ${balanced.gauge}${every === 1 ? '' : `, every ${every}`}${start === 0 ? '' : `, from ${start}`})`,
    checkPoint: base.checkPair,
    retractTransport(x, u, t = 1, step = undefined) {
      if (step === undefined || (step > start && step % every === 0)) return balanced.retractTransport(x, u, t);
      return { point: straight(x, u, t), vector: identity, covector: identity, secondMoment: identity };
    },
  };
}
