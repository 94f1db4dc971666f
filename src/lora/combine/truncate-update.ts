/** The change ΔW of a module, given by stacked factors, as a pair of lower rank: nothing of size m×n is formed. */
import type { Random } from '../../core/random.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FactorPair } from '../../metrics/factor-pair.js';
import { type ProductSvd, productSvd } from '../../retractions/product-svd.js';

/** The singular value decomposition of ΔW, from its factors. */
export interface UpdateSpectrum {
  /** The decomposition; its bases are those of the factors. */
  readonly svd: ProductSvd<HostArray>;
  /** The norms of what is left out at rank 0, 1, 2, …: the first is ‖ΔW‖, the last is 0. */
  readonly tails: readonly number[];
}

/**
 * Decomposes ΔW = AB by thin QR of both factors and the SVD of a small matrix.
 *
 * @param pair - A m×r, B r×n, of any r ≥ 1.
 * @returns new arrays, in O((m+n)r² + r³) flops.
 */
export function updateSpectrum(pair: FactorPair<HostArray>): UpdateSpectrum {
  const la = hostAlgebra();
  const svd = productSvd(la, pair);
  const sigmas = la.toArray(svd.S);
  const tails = [0];
  for (let i = sigmas.length - 1; i >= 0; i--) tails.push(Math.hypot(tails[tails.length - 1], sigmas[i]));
  return { svd, tails: tails.reverse() };
}

/** Returns the norm of ΔW minus its best approximation of a rank, which may exceed the number of singular values. */
export function tailAt({ tails }: UpdateSpectrum, rank: number): number {
  return tails[Math.min(rank, tails.length - 1)];
}

/** Returns the smallest rank r ≥ 1 whose best approximation of ΔW is within a relative error. */
export function smallestRank({ tails }: UpdateSpectrum, error: number): number {
  return Math.max(
    1,
    tails.findIndex((tail) => tail <= error * tails[0]),
  );
}

/**
 * Returns the pair of a rank nearest to ΔW: A' = Q_A U √Σ, B' = √Σ Vᵀ Q_Bᵀ, so that A'ᵀA' = B'B'ᵀ. Where ΔW has fewer
 * directions than the rank, the others are those of a fresh adapter ({@link padPair}).
 *
 * @param random - advanced if directions are added.
 */
export function nearestPair({ svd }: UpdateSpectrum, rank: number, random: Random): FactorPair<HostArray> {
  const la = hostAlgebra();
  const found = la.toArray(svd.inRange).filter((one) => one > 0).length;
  const kept = Math.min(rank, found);
  const [m, n] = [la.shape(svd.columnBasis)[0], la.shape(svd.rowBasis)[0]];
  if (kept === 0) return freshPair(m, n, rank, random);
  const columns: readonly [number, number] = [0, kept];
  const roots = la.fromArray(la.toArray(svd.S).slice(0, kept).map(Math.sqrt), [kept]);
  const half = (basis: HostArray, rotation: HostArray): HostArray =>
    la.matmul(basis, la.scaleColumns(la.slice(rotation, { columns }), roots));
  const pair = { A: half(svd.columnBasis, svd.U), B: la.transpose(half(svd.rowBasis, svd.V)) };
  return padPair(pair, rank, random);
}

/**
 * Raises the rank of a pair and leaves its product as it is, to the bit: A gets columns of zeros and B random rows, as
 * a fresh LoRA adapter starts (uniform in ±1/√n, PyTorch's start of a linear layer). The new directions are trainable:
 * the gradient of the new columns of A does not vanish, as it would if the new rows of B were zero too.
 *
 * @param random - advanced by n numbers a new row.
 */
export function padPair({ A, B }: FactorPair<HostArray>, rank: number, random: Random): FactorPair<HostArray> {
  const la = hostAlgebra();
  const [[m, own], n] = [la.shape(A), la.shape(B)[1]];
  if (own >= rank) return { A, B };
  const fresh = freshPair(m, n, rank - own, random);
  return { A: la.concat([A, fresh.A], 'columns'), B: la.concat([B, fresh.B], 'rows') };
}

function freshPair(m: number, n: number, rank: number, random: Random): FactorPair<HostArray> {
  const la = hostAlgebra();
  const bound = 1 / Math.sqrt(n);
  const draws = Float64Array.from({ length: rank * n }, () => bound * (2 * random.uniform() - 1));
  return { A: la.full([m, rank], 0), B: la.fromArray(draws, [rank, n]) };
}
