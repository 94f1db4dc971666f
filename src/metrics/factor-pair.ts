/** Factor pairs X = AB: their check, and their alignment over the orthogonal gauges (AQ, QᵀB). */

import { ShapeError } from '../core/errors.js';
import { describeValue } from '../core/options.js';
import { checkAlgebra, type LinearAlgebra } from '../linalg/linear-algebra.js';
import { polar } from '../linalg/matrix-functions.js';

/**
 * A factor pair X = A B; a batch has leading axes in both arrays. In PEFT's notation A is `lora_B` and B is `lora_A`.
 */
export type FactorPair<M> = {
  /** m×r. */
  readonly A: M;
  /** r×n. */
  readonly B: M;
};

/** The sizes of a factor pair, and those of its batch. */
export interface FactorSizes {
  readonly m: number;
  readonly n: number;
  readonly rank: number;
  readonly batch: readonly number[];
}

/**
 * Requires a factor pair [.., m, r], [.., r, n] with r ≤ min(m, n).
 *
 * @throws ShapeError naming both shapes.
 */
export function checkFactorPair<M>(caller: string, la: LinearAlgebra<M>, pair: FactorPair<M>): FactorSizes {
  const sizes = checkFactorShapes(caller, la, pair);
  const { m, n, rank } = sizes;
  if (rank > Math.min(m, n)) {
    throw new ShapeError(`${caller}: expected 1 ≤ r ≤ min(m, n), got r = ${rank} with m = ${m}, n = ${n}; reduce the rank`);
  }
  return sizes;
}

/**
 * Requires factors [.., m, r], [.., r, n] of any rank r ≥ 1.
 *
 * @throws ShapeError naming both shapes.
 */
export function checkFactorShapes<M>(caller: string, la: LinearAlgebra<M>, pair: FactorPair<M>): FactorSizes {
  checkAlgebra(caller, la);
  if (!la.isArray(pair?.A) || !la.isArray(pair?.B)) {
    const came = pair === null || typeof pair !== 'object' ? describeValue(pair) : `{ ${Object.keys(pair).join(', ')} }`;
    throw new ShapeError(
      `${caller}: expected { A, B } of arrays of the engine '${la.name}', got ${came}; make them with fromArray(values, shape)`,
    );
  }
  const a = la.shape(pair.A);
  const b = la.shape(pair.B);
  const batch = a.slice(0, -2);
  const [m, rank] = a.slice(-2);
  const n = b.at(-1) ?? 0;
  const matches = a.length >= 2 && b.length === a.length && b.at(-2) === rank && batch.every((size, axis) => b[axis] === size);
  if (!matches) {
    throw new ShapeError(
      `${caller}: expected A m×r and B r×n with one batch, got A [${a}] and B [${b}]; the columns of A must be the rows of B`,
    );
  }
  if (rank < 1) throw new ShapeError(`${caller}: expected r ≥ 1, got A [${a}] and B [${b}]; pass factors with columns`);
  return { m, n, rank, batch };
}

/**
 * Returns the orthogonal Q that brings (A_y Q, QᵀB_y) closest to (A_x, B_x), the polar factor of A_yᵀA_x + B_yB_xᵀ.
 *
 * @returns Q, r×r, in 2(m+n)r² flops and one r×r SVD.
 * @see Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31, 1966.
 */
export function procrustesGauge<M>(la: LinearAlgebra<M>, x: FactorPair<M>, y: FactorPair<M>): M {
  const cross = la.add(la.matmul(y.A, x.A, { transposeA: true }), la.matmul(y.B, x.B, { transposeB: true }));
  return polar(la, cross).Q;
}

/** Returns (A_y Q − A_x, QᵀB_y − B_x) for the aligning Q of {@link procrustesGauge}. */
export function alignedDifference<M>(la: LinearAlgebra<M>, x: FactorPair<M>, y: FactorPair<M>): { dA: M; dB: M } {
  const gauge = procrustesGauge(la, x, y);
  return {
    dA: la.subtract(la.matmul(y.A, gauge), x.A),
    dB: la.subtract(la.matmul(gauge, y.B, { transposeA: true }), x.B),
  };
}
