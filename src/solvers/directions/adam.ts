/** Adam, and AdamW with decoupled weight decay. */

import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions, flag, number } from '../../core/options.js';
import { axpyTree, mapTree } from '../../core/tree.js';
import { square } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import type { AdamMoments, AdamStep } from '../../linalg/linear-algebra-types.js';
import type { RetractTransport } from '../../manifolds/manifold.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';

/**
 * Treatment of Adam's moments when the point's coordinates change gauge, $(AT^{-1},TB)$.
 * - `'transport'`: both follow, the first by the covector map $(m_AT^\top,T^{-\top}m_B)$ and the second by its
 *   entrywise square.
 * - `'transport-first'`: the first only.
 * - `'keep'`: neither follows, as BaLoRA was published.
 *
 * With `'keep'` and gauge `'svd'` of {@link balancedFactors} results can be much worse: if a singular vector changes
 * its sign, or its place in the order, its moments are applied to another one. Use `'transport'`, or gauge `'nearest'`,
 * under which the coordinates turn as little as possible.
 */
export type MomentRule = 'transport' | 'transport-first' | 'keep';

/** Options of {@link adam}. */
export interface AdamOptions {
  /** Decay rate of the average of gradients, in [0, 1). Default: 0.9. */
  readonly beta1?: number;
  /** Decay rate of the average of squared gradients, in [0, 1). Default: 0.999. */
  readonly beta2?: number;
  /** ε, added to the root of the second moment. Default: 1e-8. */
  readonly epsilon?: number;
  /**
   * If true, ε is added to √v instead of √(v/(1 − β₂ᵏ)), as in Hugging Face's AdamW, and in the remark in section 2 of
   * the paper. Default: false.
   */
  readonly epsilonBeforeCorrection?: boolean;
  /** Treatment of the moments under a change of gauge. Default: `'transport'`. */
  readonly moments?: MomentRule;
}

/** Options of {@link adamw}. */
export interface AdamWOptions extends AdamOptions {
  /**
   * Decoupled weight decay: each step also shrinks the point by stepSize·weightDecay. Default: 0.01.
   */
  readonly weightDecay?: number;
}

const rate = { min: 0, below: 1 };
const positive = { above: 0 };
const decay = { min: 0 };

/** Declares the rates of Adam without defaults, for functions that pass them on. */
export const givenRates = {
  beta1: number({ optional: true, ...rate }),
  beta2: number({ optional: true, ...rate }),
  epsilon: number({ optional: true, ...positive }),
  epsilonBeforeCorrection: flag({ optional: true }),
  weightDecay: number({ optional: true, ...decay }),
};

/** Declares the rates of Adam for a rule, given its ε and its decay. */
export const momentRates = ({ epsilon, weightDecay }: Required<Pick<AdamWOptions, 'epsilon' | 'weightDecay'>>) => ({
  beta1: number({ default: 0.9, ...rate }),
  beta2: number({ default: 0.999, ...rate }),
  epsilon: number({ default: epsilon, ...positive }),
  weightDecay: number({ default: weightDecay, ...decay }),
});

/** Declares the treatment of the moments. */
export const momentsOption = choice(['transport', 'transport-first', 'keep'], { default: 'transport' });

const adamwOptions = declareOptions<AdamWOptions>()({
  ...momentRates({ epsilon: 1e-8, weightDecay: 0.01 }),
  epsilonBeforeCorrection: flag({ default: false }),
  moments: momentsOption,
});

const { weightDecay: _decay, ...withoutDecay } = adamwOptions.options;
const adamOptions = declareOptions<AdamOptions>()(withoutDecay);

/** Defaults of {@link adam}: PyTorch's, with moments that follow the gauge. */
export const adamDefaults: Required<AdamOptions> = adamOptions.defaults;

/** Defaults of {@link adamw}: PyTorch's, with moments that follow the gauge. */
export const adamwDefaults: Required<AdamWOptions> = adamwOptions.defaults;

/**
 * Adam: with averages m of the gradient and v of its square, entry by entry,
 *
 * $$ m \leftarrow \beta_1m+(1-\beta_1)g, \qquad v \leftarrow \beta_2v+(1-\beta_2)g^2, $$
 *
 * the direction of step k = 1, 2, … is
 *
 * $$ u = -\frac{m/(1-\beta_1^k)}{\sqrt{v/(1-\beta_2^k)}+\epsilon}. $$
 *
 * Its steps do not scale with the gradient, so that costs need not fall at every step: pair it with
 * {@link constantStep}, a number or a schedule, not with a line search.
 *
 * Entrywise rules depend on coordinates. If the retraction accepts any displacement (`Manifold.admissible`), u is used
 * as it is; otherwise it is projected on the tangent space.
 *
 * @throws ConfigError if a rate is not in [0, 1) or ε is not positive.
 *
 * @example
 * ```ts
 * import { adam, balancedFactors, constantStep, type FactorPair, gradientDescent, type HostArray, hostAlgebra, maxIterations, minimize } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), la.full([12, 9], 1));
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: adam(), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost);
 * ```
 * @see Kingma and Ba, "Adam", ICLR 2015, algorithm 1.
 */
export function adam(options: AdamOptions = {}): DirectionRule {
  return adamRule('adam', { ...adamOptions.read('adam', options), weightDecay: 0 });
}

/**
 * Adam with decoupled weight decay: the direction of {@link adam} minus weightDecay·x, in the coordinates of the point.
 *
 * $$ u = u_{\text{Adam}}-\lambda x $$
 *
 * @throws ConfigError as {@link adam} does, if the decay is negative, and at the first step if the manifold has no
 * direction of decay.
 *
 * @example
 * ```ts
 * import { adamw, balancedFactors, constantStep, type FactorPair, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: adamw({ weightDecay: 1e-3 }), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 1e-8
 * ```
 * @see Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2 (PyTorch's AdamW).
 */
export function adamw(options: AdamWOptions = {}): DirectionRule {
  return adamRule('adamw', adamwOptions.read('adamw', options));
}

/** Options of {@link adamStep}. */
export type AdamStepOptions = Required<Pick<AdamOptions, 'beta1' | 'beta2' | 'epsilon' | 'epsilonBeforeCorrection'>>;

/**
 * Returns Adam's new moments of an array, and its direction of step k = 1, 2, …, entry by entry.
 *
 * @param moments - those of the step before; left out at the first.
 */
export function adamStep<M>(
  la: LinearAlgebra<M>,
  gradient: M,
  moments: AdamMoments<M> | undefined,
  k: number,
  { beta1, beta2, epsilon: given, epsilonBeforeCorrection }: AdamStepOptions,
): AdamStep<M> {
  const rootCorrection = Math.sqrt(1 - beta2 ** k);
  const [firstCorrection, secondCorrection] = [1 / (1 - beta1 ** k), 1 / rootCorrection];
  const epsilon = epsilonBeforeCorrection ? given / rootCorrection : given;
  if (la.adamStep !== undefined) return la.adamStep(gradient, moments, { beta1, beta2, firstCorrection, secondCorrection, epsilon });
  const first = movingAverage(la, beta1, moments?.first, gradient);
  const second = movingAverage(la, beta2, moments?.second, square(la, gradient));
  const denominator = la.add(la.scale(secondCorrection, la.sqrt(second)), la.full(la.shape(second), epsilon));
  return { first, second, direction: la.scale(-firstCorrection, la.divide(first, denominator)) };
}

/** Returns β·before + (1 − β)·value, without the first term if `before` is undefined. */
function movingAverage<M>(la: LinearAlgebra<M>, decay: number, before: M | undefined, value: M): M {
  const share = la.scale(1 - decay, value);
  return before === undefined ? share : la.axpy(decay, before, share);
}

function adamRule(name: string, options: Required<AdamWOptions>): DirectionRule {
  const { moments, weightDecay } = options;
  return {
    name,
    direction(context) {
      const { manifold, gradient, memory } = context;
      const la = manifold.algebra;
      const step = (memory.numbers.step ?? 0) + 1;
      const { first, second, direction: adaptive } = stepOfTree(la, gradient, memory.tangents, step, options);
      const direction = weightDecay === 0 ? adaptive : axpyTree(la, -weightDecay, decayOf(name, context), adaptive);
      return { direction, memory: { tangents: { first, second }, numbers: { step } } };
    },
    move: (memory, transport) => moveMoments(memory, transport, moments),
  };
}

/** Takes {@link adamStep} leaf by leaf. */
function stepOfTree<M, T>(
  la: LinearAlgebra<M>,
  gradient: T,
  { first, second }: Memory<T>['tangents'],
  step: number,
  options: AdamStepOptions,
): AdamStep<T> {
  const steps: AdamStep<M>[] = [];
  const given = first === undefined || second === undefined ? [] : [first, second];
  const newFirst = mapTree(
    la,
    (g, m, v) => {
      steps.push(adamStep(la, g, given.length === 0 ? undefined : { first: m, second: v }, step, options));
      return steps[steps.length - 1].first;
    },
    gradient,
    ...given,
  );
  const partOf = (part: 'second' | 'direction'): T => {
    let leaf = 0;
    return mapTree(la, (_g: M) => steps[leaf++][part], gradient);
  };
  return { first: newFirst, second: partOf('second'), direction: partOf('direction') };
}

function decayOf<M, P, T>(name: string, { manifold, x }: DirectionContext<M, P, T>): T {
  if (manifold.decayDirection === undefined) {
    throw new ConfigError(
      `${name}: weight decay needs a direction in which points shrink, and ${manifold.name} has none; pass weightDecay: 0 or use adam()`,
    );
  }
  return manifold.decayDirection(x);
}

function moveMoments<P, T>(memory: Memory<T>, transport: RetractTransport<P, T>, moments: MomentRule): Memory<T> {
  const { first, second } = memory.tangents;
  if (moments === 'keep' || first === undefined || second === undefined) return memory;
  return {
    ...memory,
    tangents: { first: transport.covector(first), second: moments === 'transport' ? transport.secondMoment(second) : second },
  };
}
