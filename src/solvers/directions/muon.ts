import { declareOptions, number } from '../../core/options.js';
import { axpyTree } from '../../core/tree.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { matrixSign, pseudoInverseRoot } from '../../linalg/numerical-range.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';
import { checkPairs } from './pair-rule.js';

/**
 * Largest difference of the Gram matrices of a balanced pair, in roundings of their size: {@link balancedProjection}
 * leaves about three.
 */
const ROUNDINGS = 16;

/** Options of {@link muon}. */
export interface MuonOptions {
  /** β in M ← βM + g, in [0, 1). Default: 0.95. */
  readonly momentum?: number;
}

const muonOptions = declareOptions<MuonOptions>()({ momentum: number({ default: 0.95, min: 0, below: 1 }) });

/** Defaults of {@link muon}: those of Muon. */
export const muonDefaults: Required<MuonOptions> = muonOptions.defaults;

/**
 * Muon on the factors of a product AB: momentum whose spectrum is flattened in the metric of the product. With the
 * momentum $M\leftarrow\beta M+g$ of the derivatives, the Gram matrices $S_A=A^\top A$, $S_B=BB^\top$ and
 * $\operatorname{msign}(X)$ the orthogonal polar factor,
 *
 * $$ dA=-\operatorname{msign}(M_AS_B^{-1/2})\,S_B^{-1/2}, \qquad dB=-S_A^{-1/2}\operatorname{msign}(S_A^{-1/2}M_B). $$
 *
 * The product AB then moves in the same way from (AR, R⁻¹B) for every invertible R. Momentum follows a change of gauge
 * as a covector, so that {@link balancedFactors} gives the same products as plain factors. There is no step in
 * directions where a Gram matrix vanishes: from A = 0 only A moves at first.
 *
 * A step costs O((m+n)r²) flops and two r×r eigendecompositions; if the pair is balanced to rounding, $S_A=S_B$ and one
 * of them serves both sides.
 *
 * @throws ConfigError on unknown options, or if the momentum is not in [0, 1); at the first step, unless points are
 * factor pairs.
 *
 * @example
 * ```ts
 * import { balancedFactors, constantStep, type FactorPair, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize, muon, seededRandom } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = balancedFactors({ m: 12, n: 9, rank: 2 });
 * const target = manifold.toMatrix(manifold.randomPoint(seededRandom(1)));
 * const residual = (x: FactorPair<HostArray>) => la.subtract(manifold.toMatrix(x), target);
 * const cost = (x: FactorPair<HostArray>) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: muon(), stepSize: constantStep((k) => 0.1 * 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 5e-8
 * ```
 * @see "LoRA-Muon", arXiv 2606.12921; Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
 */
export function muon(options: MuonOptions = {}): DirectionRule {
  const { momentum } = muonOptions.read('muon', options);
  return {
    name: `muon(${momentum})`,
    async direction<M, P, T>({ manifold, x, gradient, memory }: DirectionContext<M, P, T>) {
      checkPairs('muon', x);
      const la = manifold.algebra;
      const previous = memory.tangents.momentum;
      const moved = previous === undefined ? gradient : axpyTree(la, momentum, previous, gradient);
      const { A, B } = x as FactorPair<M>;
      const M = moved as unknown as FactorPair<M>;
      const direction: FactorPair<M> = await la.tidy(async () => {
        const { rootA, rootB } = await inverseRoots(la, { A, B });
        return {
          A: la.scale(-1, la.matmul(matrixSign(la, la.matmul(M.A, rootB)), rootB)),
          B: la.scale(-1, la.matmul(rootA, matrixSign(la, la.matmul(rootA, M.B)))),
        };
      });
      return { direction: direction as unknown as T, memory: { tangents: { momentum: moved }, numbers: {} } as Memory<T> };
    },
    move(memory, transport) {
      const { momentum: moved } = memory.tangents;
      return moved === undefined ? memory : { ...memory, tangents: { momentum: transport.covector(moved) } };
    },
  };
}

/** Returns $S_A^{-1/2}$ and $S_B^{-1/2}$: one matrix for both if all Gram matrices agree to rounding. */
async function inverseRoots<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): Promise<{ readonly rootA: M; readonly rootB: M }> {
  const gramA = la.matmul(A, A, { transposeA: true });
  const gramB = la.matmul(B, B, { transposeB: true });
  // The gap is relative to each member's own size: max(gap − tolerance·size) ≤ 0.
  const excess = la.axpy(-ROUNDINGS * la.epsilon, la.normEach(gramA), la.normEach(la.subtract(gramA, gramB)));
  const balanced = (await la.maxAbs(la.maximum(excess, 0))) === 0;
  const rootA = pseudoInverseRoot(la, gramA);
  return { rootA, rootB: balanced ? rootA : pseudoInverseRoot(la, gramB) };
}
