/** GaLore: Adam on the gradient of a matrix, projected on its leading singular vectors. */

import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions, describeValue, number, size } from '../../core/options.js';
import { seededRandom } from '../../core/random.js';
import type { LinearAlgebra } from '../../linalg/linear-algebra.js';
import { leadingTriplesOf } from '../../linalg/subspace-iteration.js';
import type { DirectionContext, DirectionRule, Memory } from '../solver.js';
import { adamStep, momentRates } from './adam.js';

/**
 * Signs of the singular vectors on which a gradient is projected. Moments are not transformed when the basis is
 * refreshed, so that a run depends on the signs.
 * - `'largest'`: the largest entry of each vector, in magnitude, is positive, so that the run is well defined.
 * - `'svd'`: as the engine's SVD returns them. Another program, or another engine, may return others.
 */
export type SingularVectorSigns = 'largest' | 'svd';

/** Options of {@link galore}. */
export interface GaloreOptions {
  /** Number of singular vectors on which the gradient is projected. */
  readonly rank: number;
  /** Number of steps after which the singular vectors are computed again. Default: 200. */
  readonly gap?: number;
  /** α, the factor of the step in the subspace. Default: 0.25. */
  readonly scale?: number;
  /** Signs of the singular vectors. Default: `'largest'`. */
  readonly signs?: SingularVectorSigns;
  /** Decay rate of the first moment, in [0, 1). Default: 0.9. */
  readonly beta1?: number;
  /** Decay rate of the second moment, in [0, 1). Default: 0.999. */
  readonly beta2?: number;
  /**
   * ε, added to the root of the second moment before bias correction, as in Hugging Face's AdamW. Default: 1e-6.
   */
  readonly epsilon?: number;
  /** Decoupled weight decay, as in AdamW. Default: 0. */
  readonly weightDecay?: number;
}

/** Declares the options of the projection, which {@link galore} shares with the LoRA method. */
export const projectionOptions = {
  gap: size({ default: 200 }),
  scale: number({ default: 0.25, above: 0 }),
  signs: choice(['largest', 'svd'], { default: 'largest' }),
};

const galoreOptions = declareOptions<GaloreOptions>()({
  rank: size({}),
  ...projectionOptions,
  ...momentRates({ epsilon: 1e-6, weightDecay: 0 }),
});

/** Defaults of {@link galore}: those of the authors' code, but with well-defined signs. */
export const galoreDefaults: Required<Omit<GaloreOptions, 'rank'>> = galoreOptions.defaults;

/** Memory of the rule for a matrix [.., m, n], each entry a tree of one leaf. */
interface Projected<M> {
  /** The basis of the subspace: [.., n, r] if m ≥ n, else [.., m, r]. */
  readonly basis: { readonly matrix: M };
  /** Average of the projected gradients: [.., m, r] if m ≥ n, else [.., r, n]. */
  readonly first: { readonly matrix: M };
  /** Average of their squares. */
  readonly second: { readonly matrix: M };
}

/**
 * GaLore for a matrix W [.., m, n] with the gradient G. At steps t = 1, 1 + gap, 1 + 2·gap, … the leading r singular
 * vectors of G become the basis P: the right ones if m ≥ n, else the left ones. Adam runs on the projected gradient,
 *
 * $$ N=GP \;\;(m\ge n), \qquad N=P^\top G \;\;(m<n), $$
 *
 * with moments M and V of N and a step count, all kept when the basis changes. The step is mapped back and scaled by α:
 *
 * $$ D=\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,\frac{M}{\sqrt V+\epsilon}, \qquad dW=-\alpha\,DP^\top-\lambda W \;\;(m\ge n), \qquad dW=-\alpha\,PD-\lambda W \;\;(m<n). $$
 *
 * It keeps r·min(m, n) + 2·r·max(m, n) numbers per matrix, where Adam keeps 2·m·n. A step costs 4·m·n·r flops; a
 * refresh costs an SVD, or O(m·n·r) if both sizes are above 256.
 *
 * The authors' optimizer applies the decay after the step, and leaves the signs to LAPACK, which is `signs: 'svd'` here
 * up to the choice that LAPACK makes.
 *
 * @param options - the rank, and options that differ from {@link galoreDefaults}.
 * @throws ConfigError on unknown or invalid options, ShapeError if rank or gap is not a positive integer; ConfigError
 * at the first step, unless the point is one array of matrices with at least `rank` rows and columns. In a product use
 * it with {@link componentwise}.
 *
 * @example
 * ```ts
 * import { constantStep, euclidean, galore, gradientDescent, hostAlgebra, type HostArray, maxIterations, minimize } from 'bures';
 *
 * const la = hostAlgebra();
 * const manifold = euclidean({ shape: [12, 9] });
 * const residual = (x: HostArray) => la.subtract(x, la.full([12, 9], 1));
 * const cost = (x: HostArray) => 0.5 * la.norm(residual(x)) ** 2;
 * const solver = gradientDescent({ direction: galore({ rank: 2, gap: 10, scale: 1 }), stepSize: constantStep((k) => 0.97 ** k) });
 * const problem = { manifold, cost, gradient: { kind: 'ambient', at: residual } } as const;
 * console.log((await minimize(problem, { solver, stop: maxIterations(300) })).cost); // 4.043
 * ```
 * @see Zhao et al., "GaLore: memory-efficient LLM training by gradient low-rank projection", ICML 2024, algorithm 2.
 */
export function galore(options: GaloreOptions): DirectionRule {
  const settings = galoreOptions.read('galore', options);
  return {
    name: `galore(${settings.rank})`,
    async direction<M, P, T>({ manifold, x, gradient, memory }: DirectionContext<M, P, T>) {
      const la = manifold.algebra;
      checkMatrices(la, x, settings.rank);
      const step = (memory.numbers.step ?? 0) + 1;
      const past = memory.tangents.first === undefined ? undefined : (memory.tangents as unknown as Projected<M>);
      const { direction, projected } = await la.tidy(() => moveOf(la, x as unknown as M, gradient as unknown as M, settings, step, past));
      return { direction: direction as unknown as T, memory: { tangents: projected, numbers: { step } } as unknown as Memory<T> };
    },
    // Moments stay in the basis in which they were made.
    move: (memory) => memory,
  };
}

function checkMatrices<M>(la: LinearAlgebra<M>, x: unknown, rank: number): void {
  const shape = la.isArray(x) ? la.shape(x) : [];
  if (shape.length < 2) {
    throw new ConfigError(
      `galore: expected points that are one array of matrices, got ${describeValue(x)}; use it on euclidean({ shape: [m, n] }), and in a product by componentwise({ name: galore({ rank }) }, …)`,
    );
  }
  const [m, n] = shape.slice(-2);
  if (rank > Math.min(m, n)) {
    throw new ConfigError(`galore: rank must be at most ${Math.min(m, n)} for matrices ${m}×${n}, got ${rank}; choose a lower rank`);
  }
}

async function moveOf<M>(
  la: LinearAlgebra<M>,
  x: M,
  gradient: M,
  { rank, gap, scale, signs, beta1, beta2, epsilon, weightDecay }: Required<GaloreOptions>,
  step: number,
  past: Projected<M> | undefined,
): Promise<{ readonly direction: M; readonly projected: Projected<M> }> {
  const [m, n] = la.shape(gradient).slice(-2);
  const onTheRight = m >= n;
  const refreshed = past === undefined || (step - 1) % gap === 0;
  const P = refreshed ? await leadingBasis(la, gradient, rank, onTheRight, signs) : past.basis.matrix;
  const N = onTheRight ? la.matmul(gradient, P) : la.matmul(P, gradient, { transposeA: true });
  const moments = past && { first: past.first.matrix, second: past.second.matrix };
  const rates = { beta1, beta2, epsilon, epsilonBeforeCorrection: true };
  const { first, second, direction: descent } = adamStep(la, N, moments, step, rates);
  const D = la.scale(scale, descent);
  const back = onTheRight ? la.matmul(D, P, { transposeB: true }) : la.matmul(P, D);
  const direction = weightDecay === 0 ? back : la.axpy(-weightDecay, x, back);
  return { direction, projected: { basis: { matrix: P }, first: { matrix: first }, second: { matrix: second } } };
}

/** Returns the leading right or left singular vectors of matrices, as columns. */
async function leadingBasis<M>(
  la: LinearAlgebra<M>,
  gradient: M,
  rank: number,
  onTheRight: boolean,
  signs: SingularVectorSigns,
): Promise<M> {
  // A fresh seed each time makes a resumed run draw the same numbers as a whole one.
  const { U, V } = leadingTriplesOf(la, gradient, rank, seededRandom(0));
  const basis = onTheRight ? V : U;
  return signs === 'svd' ? basis : la.scaleColumns(basis, await signsOfLargest(la, basis));
}

/** Returns for each column the sign of its largest entry in magnitude, the first in case of ties: [.., r]. */
async function signsOfLargest<M>(la: LinearAlgebra<M>, basis: M): Promise<M> {
  const shape = la.shape(basis);
  const [rows, columns] = shape.slice(-2);
  const values = await la.toArray(basis);
  const largest = new Float64Array(values.length / rows);
  for (const [i, value] of values.entries()) {
    const column = Math.floor(i / (rows * columns)) * columns + (i % columns);
    if (Math.abs(value) > Math.abs(largest[column])) largest[column] = value;
  }
  return la.fromArray(
    largest.map((value) => (value < 0 ? -1 : 1)),
    [...shape.slice(0, -2), columns],
  );
}
