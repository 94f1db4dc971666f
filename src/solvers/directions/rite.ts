import '../../linalg/host/whole-engine.js';
import { declareOptions } from '../../core/options.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { dampedInverse, moorePenroseInverse } from '../../linalg/numerical-range.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';
import { momentRates } from './adam.js';
import { pairsOf, putBack } from './pair-rule.js';

/** Options of {@link rite}. */
export interface RiteOptions {
  /** Decay rate of the first moment, in [0, 1). Default: 0.9. */
  readonly beta1?: number;
  /** Decay rate of the second moment, in [0, 1). Default: 0.999. */
  readonly beta2?: number;
  /** ε, added to the roots of the second moment's eigenvalues. Default: 1e-6. */
  readonly epsilon?: number;
  /** Decoupled weight decay, as in AdamW. Default: 0. */
  readonly weightDecay?: number;
}

const riteOptions = declareOptions<RiteOptions>()(momentRates({ epsilon: 1e-6, weightDecay: 0 }));

/** Defaults of {@link rite}: those of the authors' code, without weight decay. */
export const riteDefaults: Required<RiteOptions> = riteOptions.defaults;

/** A pair in its bases: the gradient there, and the maps to the bases and back. */
interface Unmagnified<M> {
  readonly gradient: FactorPair<M>;
  /** Orthonormal bases: Q_A [m, r] of A, and Q_Bᵀ [r, n] of B. */
  readonly basis: FactorPair<M>;
  /** (R_B⁺, R_A⁺), the multipliers of the sides. */
  readonly inverse: FactorPair<M>;
}

/**
 * LoRA-RITE: transformation-invariant Adam for the factors of a product, with matrix second moments in orthonormal
 * bases of the factors. With A = Q_A R_A and Bᵀ = Q_B R_B, the gradients
 *
 * $$ \bar g_A=\nabla_AR_B^+, \qquad \bar g_B=R_A^{+\top}\nabla_B $$
 *
 * do not depend on the gauge. They are set to zero where their root mean square exceeds 1, and clipped together to
 * norm 1. Moments are averages of them, $V\leftarrow\beta_2'PVP^\top+(1-\beta_2')\bar g^\top\bar g/m$ and
 * $M\leftarrow\beta_1'MP^\top+(1-\beta_1')\bar gV^{-1/2}$, moved by the change of basis $P=Q^\top Q_{\text{old}}$ of
 * the other factor, with $\beta'=\beta\,(1-\beta^{k-1})/(1-\beta^k)$ at step k; and
 *
 * $$ dA=-M_AR_B^{+\top}-\lambda A, \qquad dB=-R_A^+M_B-\lambda B. $$
 *
 * The products AB are the same from (AR, R⁻¹B) for every invertible R (without weight decay). The point is a pair, or a
 * record of pairs, which are clipped together. A step costs O((m+n)r²) flops and a few r×r factorizations per pair.
 *
 * @throws ConfigError on unknown options or invalid rates; at the first step, unless points are factor pairs.
 *
 * @example
 * ```ts
 * import { balancedFactors, constantStep, type FactorPair, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, rite, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: rite(), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 3e-11
 * ```
 * @see Yen et al., "LoRA done RITE: robust invariant transformation equilibration for LoRA optimization", ICLR 2025,
 * algorithm 1.
 */
export function rite(options: RiteOptions = {}): DirectionRule {
  const settings = riteOptions.read('rite', options);
  return {
    name: 'rite',
    direction<M, P, T>({ manifold, x, gradient, memory }: DirectionContext<M, P, T>) {
      const la = manifold.algebra;
      const pairs = pairsOf<M>('rite', la, x);
      const step = (memory.numbers.step ?? 0) + 1;
      const past = (name: string) => (memory.tangents[name] === undefined ? undefined : pairsOf<M>('rite', la, memory.tangents[name]));
      const [first, second, bases] = [past('first'), past('second'), past('basis')];
      const gradients = pairsOf<M>('rite', la, gradient);
      const unmagnified = clipTogether(
        la,
        pairs.map(([, pair], i) => unmagnify(la, pair, gradients[i][1])),
      );
      const moved = pairs.map(([, pair], i) =>
        stepPair(la, pair, unmagnified[i], settings, step, {
          first: first?.[i][1],
          second: second?.[i][1],
          basis: bases?.[i][1],
        }),
      );
      const put = (part: keyof MovedPair<M>): T =>
        putBack(
          x,
          pairs.map(([key], i) => [key, moved[i][part]] as const),
        ) as T;
      const tangents = { first: put('first'), second: put('second'), basis: put('basis') };
      return { direction: put('direction'), memory: { tangents, numbers: { step } } as Memory<T> };
    },
    // The memory is in bases of the factors, and the change of basis at the next step carries it over.
    move: (memory) => memory,
  };
}

function unmagnify<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>, g: FactorPair<M>): Unmagnified<M> {
  const left = la.qr(A);
  const right = la.qr(la.transpose(B));
  const inverse = { A: moorePenroseInverse(la, right.R), B: moorePenroseInverse(la, left.R) };
  return {
    gradient: { A: la.matmul(g.A, inverse.A), B: la.matmul(inverse.B, g.B, { transposeA: true }) },
    basis: { A: left.Q, B: la.transpose(right.Q) },
    inverse,
  };
}

/** Sets gradients whose root mean square exceeds 1 to zero, and clips all of them together to norm 1. */
function clipTogether<M>(la: LinearAlgebra<M>, parts: readonly Unmagnified<M>[]): readonly Unmagnified<M>[] {
  const kept = parts.map(({ gradient, ...others }) => ({
    ...others,
    gradient: { A: withoutOutlier(la, gradient.A), B: withoutOutlier(la, gradient.B) },
  }));
  const squares = kept.flatMap(({ gradient }) => [gradient.A, gradient.B]).map((g) => totalOf(la, la.innerEach(g, g)));
  const norm = la.sqrt(squares.reduce((sum, square) => la.add(sum, square)));
  const factor = la.divide(la.full([], 1), la.maximum(norm, 1));
  return kept.map((part) => ({
    ...part,
    gradient: { A: la.scaleEach(factor, part.gradient.A), B: la.scaleEach(factor, part.gradient.B) },
  }));
}

function withoutOutlier<M>(la: LinearAlgebra<M>, g: M): M {
  const shape = la.shape(g);
  const entries = shape[shape.length - 2] * shape[shape.length - 1];
  const small = la.subtract(la.full(shape.slice(0, -2), 1), la.greater(la.normEach(g), Math.sqrt(entries)));
  return la.scaleEach(small, g);
}

/** Returns the sum of all entries, as an array without axes. */
function totalOf<M>(la: LinearAlgebra<M>, x: M): M {
  const size = la.shape(x).reduce((product, length) => product * length, 1);
  return la.reshape(la.sumVector(la.reshape(x, [1, size])), []);
}

/** Memory of a pair; empty at the first step. */
interface PairMemory<M> {
  readonly first: FactorPair<M> | undefined;
  readonly second: FactorPair<M> | undefined;
  readonly basis: FactorPair<M> | undefined;
}

interface MovedPair<M> {
  readonly direction: FactorPair<M>;
  readonly first: FactorPair<M>;
  readonly second: FactorPair<M>;
  readonly basis: FactorPair<M>;
}

function stepPair<M>(
  la: LinearAlgebra<M>,
  x: FactorPair<M>,
  { gradient, basis, inverse }: Unmagnified<M>,
  { beta1, beta2, epsilon, weightDecay }: Required<RiteOptions>,
  step: number,
  past: PairMemory<M>,
): MovedPair<M> {
  const corrected = (beta: number): number => (beta * (1 - beta ** (step - 1))) / (1 - beta ** step);
  const [decay1, decay2] = [corrected(beta1), corrected(beta2)];
  /** Updates the moments of one side, as [rows, r], with the change of the other side's basis. */
  const side = (g: M, change: M | undefined, first: M | undefined, second: M | undefined) => {
    const shape = la.shape(g);
    const square = la.scale((1 - decay2) / shape[shape.length - 2], la.matmul(g, g, { transposeA: true }));
    const V =
      second === undefined || change === undefined
        ? square
        : la.axpy(decay2, la.matmul(la.matmul(change, second), change, { transposeB: true }), square);
    const u = la.scale(1 - decay1, la.matmul(g, inverseRoot(la, V, epsilon)));
    const M = first === undefined || change === undefined ? u : la.axpy(decay1, la.matmul(first, change, { transposeB: true }), u);
    return { V, M };
  };
  const changeB = past.basis === undefined ? undefined : la.matmul(basis.B, past.basis.B, { transposeB: true });
  const changeA = past.basis === undefined ? undefined : la.matmul(basis.A, past.basis.A, { transposeA: true });
  const a = side(gradient.A, changeB, past.first?.A, past.second?.A);
  const firstB = past.first === undefined ? undefined : la.transpose(past.first.B);
  const b = side(la.transpose(gradient.B), changeA, firstB, past.second?.B);
  const first = { A: a.M, B: la.transpose(b.M) };
  const direction = {
    A: la.axpy(-weightDecay, x.A, la.scale(-1, la.matmul(first.A, inverse.A, { transposeB: true }))),
    B: la.axpy(-weightDecay, x.B, la.scale(-1, la.matmul(inverse.B, first.B))),
  };
  return { direction, first, second: { A: a.V, B: b.V }, basis };
}

/** Returns W diag(1/(√λ + ε)) Wᵀ. */
function inverseRoot<M>(la: LinearAlgebra<M>, s: M, epsilon: number): M {
  const { values, vectors } = la.eigh(s);
  return dampedInverse(la, la.sqrt(la.maximum(values, 0)), vectors, epsilon);
}
