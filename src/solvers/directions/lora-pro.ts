import { ConfigError } from '../../core/errors.js';
import { checkNumber, count, declareOptions, describeValue, number, option } from '../../core/options.js';
import { eye } from '../../linalg/derived.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { solveSylvester } from '../../linalg/matrix-functions.js';
import { pseudoInverse } from '../../linalg/numerical-range.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';
import { adamStep, momentRates } from './adam.js';
import { checkPairs } from './pair-rule.js';

/** Options of {@link loraPro}. */
export interface LoraProOptions {
  /** s in ΔW = s·AB: one number, or one for each member of the batch. Default: 1. */
  readonly scale?: number | readonly number[];
  /** Decay rate of the first moment, in [0, 1). Default: 0.9. */
  readonly beta1?: number;
  /** Decay rate of the second moment, in [0, 1). Default: 0.999. */
  readonly beta2?: number;
  /** ε, added to the root of the second moment. Default: 1e-8. */
  readonly epsilon?: number;
  /** δ, added to both Gram matrices. Default: 1e-8. */
  readonly damping?: number;
  /** Decoupled weight decay, as in AdamW. Default: 0. */
  readonly weightDecay?: number;
  /**
   * Number of the first step. With 0 the first step is plain, as LoRA needs if a factor starts at zero; with 1 or more
   * the first step is like any other, and bias corrections are one step ahead, as in the authors' code. Default: 0.
   */
  readonly firstStep?: number;
}

/** Declares the options of {@link loraPro}. */
export const loraProOptions = declareOptions<LoraProOptions>()({
  scale: option({ default: 1 }, (caller, name, value) => {
    for (const scale of [value].flat()) checkNumber(caller, name, scale, { above: 0 });
  }),
  ...momentRates({ epsilon: 1e-8, weightDecay: 0 }),
  damping: number({ default: 1e-8, min: 0 }),
  firstStep: count({ default: 0 }),
});

/** Defaults of {@link loraPro}: those of the authors' code. */
export const loraProDefaults: Required<LoraProOptions> = loraProOptions.defaults;

/** A matrix the size of the product, as a tree of one leaf. */
interface OfProduct<M> {
  readonly product: M;
}

/**
 * LoRA-Pro takes the step of the factors whose effect on s·AB is nearest to a step of full fine-tuning. With
 * $P_A=(A^\top A+\delta I)^{-1}$, $P_B=(BB^\top+\delta I)^{-1}$, Adam runs on the gradient of the product that the pair
 * can follow,
 *
 * $$ E=\tfrac1s\bigl(AP_A\nabla_B+(I-AP_AA^\top)\nabla_AP_BB\bigr), $$
 *
 * and gives D. With $h_A=s\,DB^\top$, $h_B=s\,A^\top D$ and X from $A^\top AX+XBB^\top=-P_Ah_BB^\top/s^2$,
 *
 * $$ dA=-\tfrac1{s^2}(I-AP_AA^\top)h_AP_B+AX, \qquad dB=-\tfrac1{s^2}P_Ah_B-XB. $$
 *
 * Moments are m×n, as in full fine-tuning: 2·m·n numbers per pair, and 8·m·n·r flops per step more than Adam on
 * factors. They belong to the product, so that a change of gauge does not affect them.
 *
 * @throws ConfigError on unknown or invalid options; at the first step, unless points are factor pairs.
 *
 * @example
 * ```ts
 * import { balancedFactors, constantStep, type FactorPair, gradientDescent, hostAlgebra, type HostArray, loraPro, maxIterations, minimize, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: loraPro(), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 1e-9
 * ```
 * @see Wang et al., "LoRA-Pro: are low-rank adapters properly optimized?", ICLR 2025, theorems 2.1 and 2.3.
 */
export function loraPro(options: LoraProOptions = {}): DirectionRule {
  const settings = loraProOptions.read('loraPro', options);
  return {
    name: 'loraPro',
    direction<M, P, T>({ manifold, x, gradient, memory }: DirectionContext<M, P, T>) {
      checkPairs('loraPro', x);
      const la = manifold.algebra;
      const counter = memory.numbers.counter ?? settings.firstStep;
      const past = memory.tangents as unknown as { readonly first?: OfProduct<M>; readonly second?: OfProduct<M> };
      const { direction, first, second } = la.tidy(() =>
        moveOfPair(la, x as unknown as FactorPair<M>, gradient as unknown as FactorPair<M>, settings, counter, past),
      );
      const tangents = { first: { product: first }, second: { product: second } };
      return { direction: direction as unknown as T, memory: { tangents, numbers: { counter: counter + 1 } } as unknown as Memory<T> };
    },
    move: (memory) => memory,
  };
}

function moveOfPair<M>(
  la: LinearAlgebra<M>,
  { A, B }: FactorPair<M>,
  g: FactorPair<M>,
  { scale, beta1, beta2, epsilon, damping, weightDecay }: Required<LoraProOptions>,
  counter: number,
  past: { readonly first?: OfProduct<M>; readonly second?: OfProduct<M> },
): { readonly direction: FactorPair<M>; readonly first: M; readonly second: M } {
  const shape = la.shape(A);
  const batch = shape.slice(0, -2);
  const inverseScale = inverseScales(la, scale, batch);
  const ridge = la.scale(damping, eye(la, shape[shape.length - 1], batch));
  const gramA = la.matmul(A, A, { transposeA: true });
  const gramB = la.matmul(B, B, { transposeB: true });
  const PA = pseudoInverse(la, la.add(gramA, ridge));
  const PB = pseudoInverse(la, la.add(gramB, ridge));
  /** Returns (I − A P_A Aᵀ) x. */
  const beside = (x: M): M => la.subtract(x, la.matmul(A, la.matmul(PA, la.matmul(A, x, { transposeA: true }))));
  const plain = counter === 0;
  const viaA = la.matmul(la.matmul(plain ? g.A : beside(g.A), PB), B);
  const followed = plain ? viaA : la.add(la.matmul(A, la.matmul(PA, g.B)), viaA);
  const E = la.scaleEach(inverseScale, followed);
  const moments = past.first && past.second && { first: past.first.product, second: past.second.product };
  const rates = { beta1, beta2, epsilon, epsilonBeforeCorrection: false };
  const { first, second, direction: descent } = adamStep(la, E, moments, counter + 1, rates);
  const D = la.scale(-1, descent);
  // These are h/s² in the formulas, where one factor 1/s remains.
  const hA = la.scaleEach(inverseScale, la.matmul(D, B, { transposeB: true }));
  const hB = la.scaleEach(inverseScale, la.matmul(A, D, { transposeA: true }));
  const decayed = (step: FactorPair<M>): FactorPair<M> => ({ A: la.axpy(-weightDecay, A, step.A), B: la.axpy(-weightDecay, B, step.B) });
  if (plain) return { direction: decayed({ A: la.scale(-1, la.matmul(hA, PB)), B: la.full(la.shape(B), 0) }), first, second };
  const stepB = la.matmul(PA, hB);
  const X = solveSylvester(la, gramA, gramB, la.scale(-1, la.matmul(stepB, B, { transposeB: true })));
  const stepA = la.matmul(beside(hA), PB);
  const step = { A: la.subtract(la.matmul(A, X), stepA), B: la.scale(-1, la.add(stepB, la.matmul(X, B))) };
  return { direction: decayed(step), first, second };
}

function inverseScales<M>(la: LinearAlgebra<M>, scale: number | readonly number[], batch: readonly number[]): M {
  if (typeof scale === 'number') return la.full(batch, 1 / scale);
  const members = batch.reduce((product, length) => product * length, 1);
  if (scale.length !== members) {
    throw new ConfigError(`loraPro: scale must be one number or ${members}, one for each pair, got ${describeValue(scale)}`);
  }
  return la.fromArray(
    scale.map((s) => 1 / s),
    batch,
  );
}
