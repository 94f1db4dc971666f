import '../linalg/host/whole-engine.js';
import { eye } from '../linalg/derived.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { type FactorPair, procrustesGauge } from '../metrics/factor-pair.js';
import { divideOnRange } from '../metrics/spectrum.js';
import type { BalancedGauge, BalancedProjection } from './balanced-pair.js';
import { productSvd } from './product-svd.js';

/**
 * Computes the exact balanced projection, for any rank and conditioning: A' = Q_A U Σ^½, B' = Σ^½ Vᵀ Q_Bᵀ, T = Σ^-½Uᵀ
 * R_A, T⁻¹ = R_Bᵀ V Σ^-½, from thin QR A = Q_A R_A, Bᵀ = Q_B R_B and the SVD R_A R_Bᵀ = UΣVᵀ; the missing directions of
 * a rank-deficient member are kept.
 *
 * It takes 4(m+n)r² flops for the QRs (twice that with Cholesky QR), 2(m+n)r² for the products and about 25r³; A and B
 * are read twice or more and written three times (the transpose of B, Q, the result). The gauge 'nearest' adds 4(m+n)r²
 * flops and another read and write.
 */
export function balanceByQr<M>(la: LinearAlgebra<M>, pair: FactorPair<M>, gauge: BalancedGauge): BalancedProjection<M> {
  const projected = hyperBalance(la, pair);
  return gauge === 'nearest' ? toNearestGauge(la, pair, projected) : projected;
}

function hyperBalance<M>(la: LinearAlgebra<M>, { A, B }: FactorPair<M>): BalancedProjection<M> {
  const { columnBasis, columnFactor, rowBasis, rowFactor, U, S, V, inRange: balanced } = productSvd(la, { A, B });
  const [zeros, ones] = [la.full(la.shape(S), 0), la.full(la.shape(S), 1)];
  // Not by a product, since S may be infinite where it does not count.
  const root = la.where(balanced, la.sqrt(S), zeros);
  const inverseRoot = divideOnRange(la, ones, root, zeros);

  const full: BalancedProjection<M> = {
    A: la.matmul(columnBasis, la.scaleColumns(U, root)),
    B: la.matmul(la.scaleColumns(V, root), rowBasis, { transposeA: true, transposeB: true }),
    T: la.scaleRows(inverseRoot, la.matmul(U, columnFactor, { transposeA: true })),
    inverseT: la.matmul(rowFactor, la.scaleColumns(V, inverseRoot), { transposeA: true }),
    balanced,
  };
  // The guard costs one r×r QR and two thin products: skipped if the engine can tell now that nothing is missing.
  return la.peek(balanced)?.every((flag) => flag === 1)
    ? full
    : keepMissingDirections(la, { A, B }, full, la.matmul(U, columnFactor, { transposeA: true }));
}

/**
 * Fills the rows of T and columns of T⁻¹ that `full` left zero with the complement: N spans ker T_q, and T's remaining
 * rows are Nᵀ(I − L T_q) for T_q's right inverse L = R_BᵀV_qΣ_q^-½, which makes T T⁻¹ = I.
 *
 * @param unscaled - Uᵀ R_A: its first q rows have the kernel of T_q without the factor Σ^-½ that would grade them.
 */
function keepMissingDirections<M>(
  la: LinearAlgebra<M>,
  { A, B }: FactorPair<M>,
  full: BalancedProjection<M>,
  unscaled: M,
): BalancedProjection<M> {
  const { T, inverseT, balanced } = full;
  const missing = la.subtract(la.full(la.shape(balanced), 1), balanced);
  // The range of the q rows fills the first q columns of Q; Householder QR completes them to an orthonormal basis.
  const { Q } = la.qr(la.transpose(la.scaleRows(balanced, unscaled)));
  const kernel = la.scaleColumns(Q, missing);
  const rest = la.subtract(la.transpose(kernel), la.matmul(la.matmul(kernel, inverseT, { transposeA: true }), T));
  return {
    A: la.add(full.A, la.matmul(A, kernel)),
    B: la.add(full.B, la.matmul(rest, B)),
    T: la.add(T, rest),
    inverseT: la.add(inverseT, kernel),
    balanced,
  };
}

/**
 * Returns A'' = A'Q, B'' = QᵀB' with Q the orthogonal polar factor of A'ᵀA + B'Bᵀ, and the total gauge QᵀT; unchanged
 * if nothing was balanced.
 */
function toNearestGauge<M>(la: LinearAlgebra<M>, pair: FactorPair<M>, projected: BalancedProjection<M>): BalancedProjection<M> {
  const aligned = procrustesGauge(la, pair, projected);
  // Without a balanced coordinate T is already the identity, and A'ᵀA + B'Bᵀ may be zero, whose polar factor is
  // arbitrary.
  const shape = la.shape(aligned);
  const anyBalanced = la.greater(la.sumVector(projected.balanced), 0);
  const mask = la.scaleEach(anyBalanced, la.full(shape, 1));
  const Q = la.where(mask, aligned, eye(la, shape.at(-1) as number, shape.slice(0, -2)));
  return {
    A: la.matmul(projected.A, Q),
    B: la.matmul(Q, projected.B, { transposeA: true }),
    T: la.matmul(Q, projected.T, { transposeA: true }),
    inverseT: la.matmul(projected.inverseT, Q),
    balanced: projected.balanced,
  };
}
