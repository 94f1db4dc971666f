/** Measures of a pair of factors: its size, its spectrum, and the conditioning of its training. */

import { NumericalError } from '../core/errors.js';
import { largest } from '../core/extremes.js';
import { declareOptions, number } from '../core/options.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorShapes, type FactorPair } from '../metrics/factor-pair.js';
import { balanceGap } from '../retractions/balance-gap.js';
import { balancedConditionNumber, conditionNumber } from './condition-number.js';
import { checkSinglePair } from './factor-pair-blocks.js';

/** Options of {@link measurePair}. */
export interface MeasurePairOptions {
  /** The scale s in ΔW = s·AB, for LoRA α/r. Default: 1. */
  readonly scale?: number;
}

const measurePairOptions = declareOptions<MeasurePairOptions>()({ scale: number({ default: 1 }) });

/** Defaults of {@link MeasurePairOptions}. */
export const measurePairDefaults: Required<MeasurePairOptions> = measurePairOptions.defaults;

/** Measures of a pair. Norms are Frobenius norms. */
export interface PairMeasures {
  /** The sizes m, n of ΔW. */
  readonly shape: readonly [number, number];
  /** The rank r. */
  readonly rank: number;
  /** The scale s in ΔW = s·AB. */
  readonly scale: number;
  /** ‖A‖, which is ‖lora_B‖ in PEFT's notation. */
  readonly normA: number;
  /** ‖B‖, which is ‖lora_A‖ in PEFT's notation. */
  readonly normB: number;
  /** The norm ‖ΔW‖. */
  readonly norm: number;
  /** The singular values of ΔW, largest first: r of them, or as many as its smaller size. */
  readonly singularValues: readonly number[];
  /** exp of the entropy of σ/Σσ, the number of directions that ΔW uses; 0 for ΔW = 0. */
  readonly effectiveRank: number;
  /** The balance gap ‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖). */
  readonly balanceGap: number;
  /** κ of the Hessian of ½‖AB − Z‖² at this pair; NaN (not defined) for a rank above the sizes of ΔW. */
  readonly conditionNumber: number;
  /** κ after balancing, the least possible; NaN for a rank above the sizes of ΔW, which has no balanced factors. */
  readonly balancedConditionNumber: number;
}

/**
 * Measures a pair in float64 on the host, at a cost of O((m+n)r² + r³) flops. Nothing of size m×n is formed.
 *
 * @param la - the engine of the factors.
 * @param pair - A m×r and B r×n; a rank above m or n is accepted, as PEFT does.
 * @param options - see {@link MeasurePairOptions}.
 * @throws ShapeError unless the argument is one pair whose shapes fit; ConfigError for a bad scale; NumericalError if
 * an entry is not finite.
 * @see Roy and Vetterli, "The effective rank", EUSIPCO 2007.
 */
export async function measurePair<M>(la: LinearAlgebra<M>, pair: FactorPair<M>, options: MeasurePairOptions = {}): Promise<PairMeasures> {
  const { scale } = measurePairOptions.read('measurePair', options);
  checkSinglePair('measurePair', checkFactorShapes('measurePair', la, pair).batch);
  return measureHostPair('measurePair', { A: await hostCopy(la, pair.A), B: await hostCopy(la, pair.B) }, scale);
}

/** Copies an array to the host, in float64. */
async function hostCopy<M>(la: LinearAlgebra<M>, array: M): Promise<HostArray> {
  return hostAlgebra().fromArray(Float64Array.from(await la.toArray(array)), la.shape(array));
}

/**
 * Measures a pair on the host.
 *
 * @param caller - the function that messages name, with the module if there is one.
 * @throws NumericalError if an entry is not finite.
 */
export async function measureHostPair(caller: string, pair: FactorPair<HostArray>, scale: number): Promise<PairMeasures> {
  const la = hostAlgebra();
  for (const side of ['A', 'B'] as const) {
    const found = la.toArray(pair[side]).find((value) => !Number.isFinite(value));
    if (found !== undefined)
      throw new NumericalError(`${caller}: expected finite factors, got ${found} in ${side}; take an earlier checkpoint`);
  }
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
  // Scaling keeps the squares from overflowing or vanishing.
  return most === 0 ? 0 : most * Math.sqrt(values.reduce((sum, value) => sum + (value / most) ** 2, 0));
}

/** Computes ‖AᵀA − BBᵀ‖/(‖AᵀA‖ + ‖BBᵀ‖) for factors of any rank; 0 if both vanish. */
function gramGap({ A, B }: FactorPair<HostArray>): number {
  const la = hostAlgebra();
  const [left, right] = [la.matmul(A, A, { transposeA: true }), la.matmul(B, B, { transposeB: true })];
  const total = la.norm(left) + la.norm(right);
  return total === 0 ? 0 : la.norm(la.add(left, la.scale(-1, right))) / total;
}

/** Computes the singular values of AB as those of R_A R_Bᵀ, with A = Q_A R_A and Bᵀ = Q_B R_B. */
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

/** Computes ‖A'B' − AB‖/‖AB‖ (0 if both vanish) without forming the difference, from [A' −A] and [B'; B]. */
export function relativeChange(before: FactorPair<HostArray>, after: FactorPair<HostArray>): number {
  const la = hostAlgebra();
  const difference = { A: la.concat([after.A, la.scale(-1, before.A)], 'columns'), B: la.concat([after.B, before.B], 'rows') };
  const left = la.qr(difference.A).R;
  const right = la.qr(la.transpose(difference.B)).R;
  const change = la.norm(la.matmul(left, right, { transposeB: true }));
  return change === 0 ? 0 : change / norm(productSigmas(before));
}
