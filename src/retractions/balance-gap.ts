import '../linalg/host/whole-engine.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorPair, type FactorPair } from '../metrics/factor-pair.js';
import { productSvd } from './product-svd.js';

/**
 * Measures how far a pair is from balance, in [0, 1]: 0 for a balanced pair.
 *
 * $$ \frac{\|A^\top A-BB^\top\|_F}{\|A^\top A\|_F+\|BB^\top\|_F} $$
 *
 * Only coordinates in which AB does not vanish to rounding count, not those that the balanced projection leaves
 * unbalanced on purpose because AB lacks rank there. The gap is 0 if AB = 0.
 *
 * @param la - the engine of the factors.
 * @param pair - A [.., m, r], B [.., r, n]; a batch counts as one pair (norms are summed in squares).
 * @returns the gap, in O((m+n)r² + r³) flops.
 * @throws ShapeError if the shapes do not fit, NumericalError if an entry is not finite.
 */
export async function balanceGap<M>(la: LinearAlgebra<M>, pair: FactorPair<M>): Promise<number> {
  checkFactorPair('balanceGap', la, pair);
  return la.tidy(() => relativeGap(la, pair));
}

async function relativeGap<M>(la: LinearAlgebra<M>, pair: FactorPair<M>): Promise<number> {
  const { rowFactor, V, inRange } = productSvd(la, pair);
  // The coordinates of the range are those of T⁻¹'s first q columns, R_BᵀV_q; QR makes them an orthonormal basis.
  const { Q } = la.qr(la.matmul(rowFactor, la.scaleColumns(V, inRange), { transposeA: true }));
  const basis = la.scaleColumns(Q, inRange);
  const left = la.matmul(pair.A, basis);
  const right = la.matmul(basis, pair.B, { transposeA: true });
  const leftGram = la.matmul(left, left, { transposeA: true });
  const rightGram = la.matmul(right, right, { transposeB: true });
  const scale = (await la.norm(leftGram)) + (await la.norm(rightGram));
  return scale === 0 ? 0 : (await la.norm(la.subtract(leftGram, rightGram))) / scale;
}
