/**
 * The balanced projection P(A, B): the change of gauge (A T⁻¹, T B) after which AᵀA = BBᵀ, with the same product. It is
 * the retraction of `balancedFactors`, and what BaLoRA adds to LoRA.
 */
import { choice, declareOptions } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorPair, type FactorPair } from '../metrics/factor-pair.js';
import { gramGauge } from './balance-by-gram.js';
import { balanceByGrams, type GramAlgorithm } from './balance-by-grams.js';
import { matmulGauge } from './balance-by-matmul.js';
import { newtonGauge } from './balance-by-newton.js';
import { balanceByQr } from './balance-by-qr.js';
import type { BalancedGauge, BalancedProjection } from './balanced-pair.js';

/**
 * Algorithm of the balanced projection. All give the same pair to rounding, up to the freedom that the gauge leaves:
 * the others fall back to `'qr'` for the members of a batch that need it.
 *
 * | | what | flops beside r×r work | falls back beyond |
 * |---|---|---|---|
 * | `'qr'` | thin QR and an r×r SVD | 10 (m+n) r² | never |
 * | `'gram'` | Cholesky of the Grams and an r×r SVD | 4 (m+n) r², twice that for ill-conditioned factors | κ(A), κ(B) ≈ 1e3 in float32, 2e7 in float64 |
 * | `'matmul'` | iterations of r×r products, no factorization | 4 (m+n) r² | κ(AB) ≈ 1e3 |
 * | `'newton'` | r×r eigendecompositions | 4 (m+n) r² | imbalance ≈ 0.3 |
 * | `'auto'` | on an engine that can be read `'gram'`, in float64 for tall factors only; else `'qr'` | | |
 */
export type BalanceAlgorithm = 'auto' | 'qr' | 'gram' | 'matmul' | 'newton';

/** Options of {@link balancedProjection}. */
export interface BalancedProjectionOptions {
  /** Gauge of the balanced pair. Default: `'svd'`. */
  readonly gauge?: BalancedGauge;
  /** Algorithm of the projection. Default: `'auto'`. */
  readonly algorithm?: BalanceAlgorithm;
}

/** The gauges that {@link balancedProjection} knows. */
export const balancedGauges: readonly BalancedGauge[] = ['svd', 'nearest', 'none'];

/** The algorithms that {@link balancedProjection} knows. */
export const balanceAlgorithms: readonly BalanceAlgorithm[] = ['auto', 'qr', 'gram', 'matmul', 'newton'];

/** Declares gauge and algorithm. */
export const balancedProjectionOptions = declareOptions<BalancedProjectionOptions>()({
  gauge: choice(balancedGauges, { default: 'svd' }),
  algorithm: choice(balanceAlgorithms, { default: 'auto' }),
});

/** The defaults of {@link BalancedProjectionOptions}. */
export const balancedProjectionDefaults: Required<BalancedProjectionOptions> = balancedProjectionOptions.defaults;

const GRAM_ALGORITHMS: Readonly<Record<'gram' | 'matmul' | 'newton', GramAlgorithm>> = {
  gram: { find: gramGauge, hyperBalanced: true },
  matmul: { find: matmulGauge, hyperBalanced: false },
  newton: { find: newtonGauge, hyperBalanced: false },
};

/**
 * Smallest (m + n)/r for which `'auto'` takes Grams in float64: below it `'qr'` takes as long, and is never repeated.
 */
const TALL = 8;

/**
 * Computes P(A, B): A' = A T⁻¹ and B' = T B with A'ᵀA' = B'B'ᵀ. With thin QR A = Q_A R_A, Bᵀ = Q_B R_B and the SVD R_A
 * R_Bᵀ = UΣVᵀ it is, in the gauge `'svd'`, A' = Q_A U Σ^½, B' = Σ^½ Vᵀ Q_Bᵀ, T = Σ^-½Uᵀ R_A, T⁻¹ = R_Bᵀ V Σ^-½.
 *
 * If AB has numerical rank q < r (σ_i ≤ 10·r·ε·max(σ₁, ε‖A‖‖B‖) for i > q) only the first q directions are balanced;
 * the others keep their place in A and B in an orthonormal basis N of ker T_q: T⁻¹ = [R_BᵀV_qΣ_q^-½, N]. Projecting
 * them as well would set them to zero in *both* factors, where their gradients vanish forever. If either factor is
 * zero, both are returned unchanged. Members of a batch are guarded one by one.
 *
 * @param pair - A [.., m, r], B [.., r, n], finite, r ≤ min(m, n).
 * @param options - gauge and algorithm.
 * @returns new arrays, in O((m+n)r² + r³) flops.
 * @throws ShapeError if the shapes do not fit, NumericalError if an entry is not finite, ConfigError on unknown
 * options.
 * @see Castin et al., "Balanced LoRA", ICML 2026, arXiv 2605.31484 (the projection).
 */
export function balancedProjection<M>(
  la: LinearAlgebra<M>,
  pair: FactorPair<M>,
  options: BalancedProjectionOptions = {},
): BalancedProjection<M> {
  const { gauge, algorithm } = balancedProjectionOptions.read('balancedProjection', options);
  const { m, n, rank } = checkFactorPair('balancedProjection', la, pair);
  return la.tidy(() => {
    const byGrams = gramAlgorithmFor(la, algorithm, m + n, rank);
    return byGrams === undefined ? balanceByQr(la, pair, gauge) : balanceByGrams(la, pair, gauge, byGrams);
  });
}

/**
 * Returns the way through the Grams that an option means for factors of m + n rows together; `undefined` for `'qr'`.
 */
export function gramAlgorithmFor<M>(
  la: LinearAlgebra<M>,
  algorithm: BalanceAlgorithm,
  rows: number,
  rank: number,
): GramAlgorithm | undefined {
  const chosen = algorithm === 'auto' ? suitable(la, rows >= TALL * rank) : algorithm;
  return chosen === 'qr' ? undefined : GRAM_ALGORITHMS[chosen];
}

/**
 * Chooses `'qr'` if the guard of `'gram'` cannot be read: both algorithms would run, and `'qr'` alone costs less. In
 * float32 `'gram'` is the quicker one at every shape: 7 ms against 18 at 256×256, r = 128.
 */
function suitable<M>(la: LinearAlgebra<M>, tall: boolean): 'qr' | 'gram' {
  return la.readsSynchronously && (tall || la.dtype === 'float32') ? 'gram' : 'qr';
}
