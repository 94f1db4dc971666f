/** The singular value decomposition of a product of thin factors, without forming the product. */
import '../linalg/host/whole-engine.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import type { FactorPair } from '../metrics/factor-pair.js';
import { leadingEntry } from '../metrics/spectrum.js';

/** The SVD AB = (Q_A U) diag(S) (Q_B V)ᵀ, with the factors it was computed from. */
export interface ProductSvd<M> {
  /** Q_A, m×r: A = Q_A R_A. */
  readonly columnBasis: M;
  /** R_A, r×r. */
  readonly columnFactor: M;
  /** Q_B, n×r: Bᵀ = Q_B R_B. */
  readonly rowBasis: M;
  /** R_B, r×r. */
  readonly rowFactor: M;
  /** r×r orthogonal, with S and V: R_A R_Bᵀ = U diag(S) Vᵀ. */
  readonly U: M;
  /** The r largest singular values of AB, descending. */
  readonly S: M;
  /** r×r orthogonal. */
  readonly V: M;
  /** 1 for the singular values above rounding, else 0: a vector of length r. */
  readonly inRange: M;
}

/**
 * Threshold on σ/σ₁, in units of r·ε, below which a direction counts as missing. QR and SVD perturb σ by a few r·ε·σ₁;
 * ten leaves room without discarding a direction that the engine still resolves.
 */
export const rankToleranceFactor = 10;

/**
 * Finds the SVD of AB by thin QR of both factors and an r×r SVD; σ_i counts as nonzero above 10·r·ε·max(σ₁, ε‖A‖‖B‖).
 *
 * @param pair - A [.., m, r], B [.., r, n], r ≤ min(m, n).
 * @returns new arrays, in O((m+n)r² + r³) flops.
 * @throws NumericalError if an entry is not finite.
 */
export function productSvd<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): ProductSvd<M> {
  const { Q: columnBasis, R: columnFactor } = la.qr(A);
  const { Q: rowBasis, R: rowFactor } = la.qr(la.transpose(B));
  const { U, S, V } = la.svd(la.matmul(columnFactor, rowFactor, { transposeB: true }));
  // ε‖A‖‖B‖ is what rounding leaves of a product that cancels to zero.
  const noise = la.multiply(la.scale(la.epsilon, la.normEach(columnFactor)), la.normEach(rowFactor));
  const inRange = significant(la, S, noise);
  return { columnBasis, columnFactor, rowBasis, rowFactor, U, S, V, inRange };
}

/**
 * Returns a vector like S: 1 for the singular values of AB that exceed 10·r·ε·max(σ₁, noise), else 0.
 *
 * @param S - descending, [.., r].
 * @param noise - a batch scalar: a size below which AB counts as zero, ε‖A‖‖B‖ or more.
 */
export function significant<M>(la: LinearAlgebra<M>, S: M, noise: M): M {
  const rank = la.shape(S).at(-1) as number;
  const threshold = la.scale(rankToleranceFactor * rank * la.epsilon, la.maximum(leadingEntry(la, S), noise));
  return la.greater(S, la.scaleEach(threshold, la.full(la.shape(S), 1)));
}
