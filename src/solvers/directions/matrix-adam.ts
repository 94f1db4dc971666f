import '../../linalg/host/whole-engine.js';
import { declareOptions } from '../../core/options.js';
import { axpyTree, scaleTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { dampedInverse } from '../../linalg/numerical-range.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';
import { momentRates } from './adam.js';
import { checkPairs } from './pair-rule.js';

/** Options of {@link matrixAdam}. */
export interface MatrixAdamOptions {
  /** Decay rate of the average of gradients, in [0, 1). Default: 0.9. */
  readonly beta1?: number;
  /** Decay rate of the average of r×r Gram matrices of gradients, in [0, 1). Default: 0.999. */
  readonly beta2?: number;
  /** ε, added to the roots of the second moments' eigenvalues. Default: 1e-8. */
  readonly epsilon?: number;
  /** Decoupled weight decay, as in AdamW. Default: 0. */
  readonly weightDecay?: number;
}

const matrixAdamOptions = declareOptions<MatrixAdamOptions>()(momentRates({ epsilon: 1e-8, weightDecay: 0 }));

/** Defaults of {@link matrixAdam}: those of Adam. */
export const matrixAdamDefaults: Required<MatrixAdamOptions> = matrixAdamOptions.defaults;

/**
 * Adam for the factors of a product, with r×r matrices as second moments, which follow a change of gauge exactly. With
 * the derivatives g of A m×r and B r×n,
 *
 * $$ M\leftarrow\beta_1M+(1-\beta_1)g, \qquad V_A\leftarrow\beta_2V_A+(1-\beta_2)\tfrac1m g_A^\top g_A, \qquad
 * V_B\leftarrow\beta_2V_B+(1-\beta_2)\tfrac1n g_Bg_B^\top, $$
 *
 * and the direction of step k = 1, 2, … is
 *
 * $$ dA=-\hat M_A\bigl(\hat V_A^{1/2}+\epsilon I\bigr)^{-1}-\lambda A, \qquad
 * dB=-\bigl(\hat V_B^{1/2}+\epsilon I\bigr)^{-1}\hat M_B-\lambda B, $$
 *
 * with the bias corrections $\hat M=M/(1-\beta_1^k)$ and $\hat V=V/(1-\beta_2^k)$. Where the coordinates become
 * $(AT^{-1},TB)$, the moments become $(M_AT^\top,T^{-\top}M_B)$ and $(TV_AT^\top,T^{-\top}V_BT^{-1})$: on
 * {@link balancedFactors}, whose pairs differ by orthogonal T only, the products AB do not depend on the gauge. Adam's
 * entrywise second moments have no such law.
 *
 * Where a second moment is singular to rounding, its small eigenvalues count as rε of its trace.
 *
 * The second moments take 2r² numbers, where Adam's take (m + n)r. A step costs O((m+n)r²) flops and two r×r
 * eigendecompositions.
 *
 * @throws ConfigError on unknown options or invalid rates; at the first step, unless points are factor pairs.
 *
 * @example
 * ```ts
 * import { balancedFactors, constantStep, type FactorPair, gradientDescent, hostAlgebra, type HostArray, matrixAdam, maxIterations, minimize, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: matrixAdam(), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost < 1e-6); // true
 * ```
 */
export function matrixAdam(options: MatrixAdamOptions = {}): DirectionRule {
  const settings = matrixAdamOptions.read('matrixAdam', options);
  const { beta1, beta2, epsilon, weightDecay } = settings;
  return {
    name: 'matrixAdam',
    direction<M, P, T>({ manifold, x, gradient, memory }: DirectionContext<M, P, T>) {
      checkPairs('matrixAdam', x);
      const la = manifold.algebra;
      const step = (memory.numbers.step ?? 0) + 1;
      const share = scaleTree(la, 1 - beta1, gradient);
      const first = memory.tangents.first === undefined ? share : axpyTree(la, beta1, memory.tangents.first, share);
      const [point, g, m] = [x, gradient, first] as unknown as readonly FactorPair<M>[];
      const before = memory.tangents.second as FactorPair<M> | undefined;
      const { direction, second } = la.tidy(() => {
        const rootCorrection = Math.sqrt(1 - beta2 ** step);
        const [rows, columns] = [la.shape(g.A).at(-2) as number, la.shape(g.B).at(-1) as number];
        const a = moment(la, la.scale((1 - beta2) / rows, columnGram(la, g.A)), before && la.scale(beta2, columnGram(la, before.A)));
        const b = moment(la, la.scale((1 - beta2) / columns, rowGram(la, g.B)), before && la.scale(beta2, rowGram(la, before.B)));
        const inverseOf = ({ roots, vectors }: Spectrum<M>): M =>
          dampedInverse(la, la.scale(1 / rootCorrection, aboveRounding(la, roots)), vectors, epsilon);
        const size = -1 / (1 - beta1 ** step);
        return {
          direction: {
            A: la.axpy(-weightDecay, point.A, la.scale(size, la.matmul(m.A, inverseOf(a)))),
            B: la.axpy(-weightDecay, point.B, la.scale(size, la.matmul(inverseOf(b), m.B))),
          },
          // V_A = F_AᵀF_A and V_B = F_BF_Bᵀ. The factors F move with the gauge as gradients do, and so V does.
          second: { A: la.transpose(la.scaleColumns(a.vectors, a.roots)), B: la.scaleColumns(b.vectors, b.roots) },
        };
      });
      const tangents = { first, second: second as unknown as T };
      return { direction: direction as unknown as T, memory: { tangents, numbers: { step } } as Memory<T> };
    },
    move(memory, transport) {
      const { first, second } = memory.tangents;
      if (first === undefined || second === undefined) return memory;
      return { ...memory, tangents: { first: transport.covector(first), second: transport.covector(second) } };
    },
  };
}

/** V = W diag(roots)² Wᵀ. */
interface Spectrum<M> {
  readonly roots: M;
  readonly vectors: M;
}

/**
 * Raises roots to √(rε) times their norm: an eigenvalue of a Gram matrix below rε of the largest is rounding, and a
 * step divided by its root would be noise of full size.
 */
function aboveRounding<M>(la: LinearAlgebra<M>, roots: M): M {
  const shape = la.shape(roots);
  const floor = la.scale(Math.sqrt((shape.at(-1) as number) * la.epsilon), la.sqrt(la.sumVector(la.multiply(roots, roots))));
  return la.maximum(roots, la.scaleEach(floor, la.full(shape, 1)));
}

/** Returns the spectrum of the sum of two Gram matrices. */
function moment<M>(la: LinearAlgebra<M>, now: M, before: M | undefined): Spectrum<M> {
  const { values, vectors } = la.eigh(before === undefined ? now : la.add(before, now));
  return { roots: la.sqrt(la.maximum(values, 0)), vectors };
}

const columnGram = <M>(la: LinearAlgebra<M>, x: M): M => la.matmul(x, x, { transposeA: true });
const rowGram = <M>(la: LinearAlgebra<M>, x: M): M => la.matmul(x, x, { transposeB: true });
