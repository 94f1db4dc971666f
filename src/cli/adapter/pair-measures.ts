/** What a pair of LoRA factors is like: its size, its spectrum, and how well posed its training is. */

import { largest } from '../../core/extremes.js';
import { balancedConditionNumber, balanceGap, conditionNumber } from '../../diagnostics/index.js';
import { type FactorPair, type HostArray, hostAlgebra } from '../../index.js';

/** Numbers about one pair. Norms are Frobenius'. */
export interface PairMeasures {
  /** m, n of ΔW. */
  readonly shape: readonly [number, number];
  /** r. */
  readonly rank: number;
  /** s in ΔW = s·AB. */
  readonly scale: number;
  /** ‖lora_B‖. */
  readonly normA: number;
  /** ‖lora_A‖. */
  readonly normB: number;
  /** ‖ΔW‖. */
  readonly norm: number;
  /** The singular values of ΔW, largest first: r of them, or as many as its smaller size. */
  readonly singularValues: readonly number[];
  /** exp of the entropy of σ/Σσ: how many directions ΔW uses; 0 for ΔW = 0. */
  readonly effectiveRank: number;
  /** ‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖). */
  readonly balanceGap: number;
  /** κ of the Hessian of ½‖AB − Z‖² at this pair; NaN for a rank above the sizes of ΔW, for which it is not defined. */
  readonly conditionNumber: number;
  /** κ when balanced, the least there is; NaN for a rank above the sizes of ΔW, for which balanced factors do not exist. */
  readonly balancedConditionNumber: number;
}

/**
 * Measures a pair in float64.
 *
 * @returns O((m+n)r² + r³) flops; nothing of size m×n is formed.
 * @see Roy and Vetterli, "The effective rank", EUSIPCO 2007.
 */
export async function measurePair(pair: FactorPair<HostArray>, scale: number): Promise<PairMeasures> {
  const la = hostAlgebra();
  const [[m, rank], [, n]] = [la.shape(pair.A), la.shape(pair.B)];
  const sigmas = productSigmas(pair);
  const singularValues = sigmas.map((sigma) => Math.abs(scale) * sigma);
  const zero = sigmas[0] === 0;
  const shared = {
    shape: [m, n],
    rank,
    scale,
    normA: la.norm(pair.A),
    normB: la.norm(pair.B),
    norm: Math.abs(scale) * norm(sigmas),
  } as const;
  const spectrum = { singularValues, effectiveRank: zero ? 0 : effectiveRank(sigmas) };
  if (rank > Math.min(m, n)) {
    const undefinedNumbers = { conditionNumber: Number.NaN, balancedConditionNumber: Number.NaN };
    return { ...shared, ...spectrum, balanceGap: gramGap(pair), ...undefinedNumbers };
  }
  return {
    ...shared,
    ...spectrum,
    balanceGap: await balanceGap(la, pair),
    conditionNumber: zero ? Number.POSITIVE_INFINITY : await conditionNumber(la, pair),
    balancedConditionNumber: sigmas[rank - 1] > 0 ? balancedConditionNumber(sigmas) : Number.POSITIVE_INFINITY,
  };
}

function norm(values: readonly number[]): number {
  const most = largest(values);
  // Scaled, so that no square overflows or vanishes.
  return most === 0 ? 0 : most * Math.sqrt(values.reduce((sum, value) => sum + (value / most) ** 2, 0));
}

/** ‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖) of factors of any rank; 0 if both vanish. */
function gramGap({ A, B }: FactorPair<HostArray>): number {
  const la = hostAlgebra();
  const [left, right] = [la.matmul(A, A, { transposeA: true }), la.matmul(B, B, { transposeB: true })];
  const total = la.norm(left) + la.norm(right);
  return total === 0 ? 0 : la.norm(la.add(left, la.scale(-1, right))) / total;
}

/** The singular values of AB from those of R_A R_Bᵀ, with A = Q_A R_A and Bᵀ = Q_B R_B. */
function productSigmas({ A, B }: FactorPair<HostArray>): readonly number[] {
  const la = hostAlgebra();
  const core = la.matmul(la.qr(A).R, la.qr(la.transpose(B)).R, { transposeB: true });
  return Array.from(la.toArray(la.svd(core).S));
}

function effectiveRank(sigmas: readonly number[]): number {
  const total = sigmas.reduce((sum, sigma) => sum + sigma, 0);
  const entropy = sigmas.reduce((sum, sigma) => (sigma === 0 ? sum : sum - (sigma / total) * Math.log(sigma / total)), 0);
  return Math.exp(entropy);
}

/** ‖A'B' − AB‖/‖AB‖ without a matrix of its size: [A' −A] and [B'; B] are factors of the difference. 0 if both vanish. */
export function relativeChange(before: FactorPair<HostArray>, after: FactorPair<HostArray>): number {
  const la = hostAlgebra();
  const difference = { A: la.concat([after.A, la.scale(-1, before.A)], 'columns'), B: la.concat([after.B, before.B], 'rows') };
  const left = la.qr(difference.A).R;
  const right = la.qr(la.transpose(difference.B)).R;
  const change = la.norm(la.matmul(left, right, { transposeB: true }));
  return change === 0 ? 0 : change / norm(productSigmas(before));
}
