/** Reduction of a factor pair to r×r: all that the Hessian of ½‖AB − Z‖² at a critical point depends on. */
import '../linalg/host/whole-engine.js';
import { ConfigError, ShapeError } from '../core/errors.js';
import { declareOptions, describeValue, option } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkFactorPair, type FactorPair } from '../metrics/factor-pair.js';

/** The spectrum of Z beyond that of AB. */
export interface TailOptions {
  /**
   * The singular values of Z beyond those of AB: σ_{r+1}(Z), σ_{r+2}(Z), … in any order, at most min(m, n) − r of them;
   * those left out are zero. Default: {@link tailDefaults}, for rank Z = r.
   */
  readonly tail?: ArrayLike<number>;
}

/** Declares the tail, whose values are checked by {@link checkTail}, once the rank is known. */
export const tailOptions = declareOptions<TailOptions>()({ tail: option({ default: [] }) });

/** Defaults of {@link TailOptions}: no further singular values, rank Z = r. */
export const tailDefaults: Required<TailOptions> = tailOptions.defaults;

/** The r×r parts of a pair, with A = Q_A R_A, Bᵀ = Q_B R_B and R_A R_Bᵀ = W diag(σ) Yᵀ. */
export interface FactorPairBlocks<M> {
  /** Rows of A. */
  readonly m: number;
  /** Columns of B. */
  readonly n: number;
  /** The rank r: columns of A, rows of B. */
  readonly rank: number;
  /** WᵀR_A, r×r: the coordinates of A in the singular basis of AB. */
  readonly fromA: M;
  /** YᵀR_B, r×r: the coordinates of B in the singular basis of AB. */
  readonly fromB: M;
  /** σ(A), descending. */
  readonly sigmaA: Float64Array;
  /** σ(B), descending. */
  readonly sigmaB: Float64Array;
  /** σ(AB), descending. */
  readonly sigma: Float64Array;
}

/**
 * Reduces a pair to its r×r parts.
 *
 * Takes two thin QRs and three r×r SVDs to high relative accuracy: O((m+n)r² + r³) flops.
 *
 * @throws ShapeError unless the argument is one pair whose shapes fit; NumericalError if an entry is not finite.
 */
export async function factorPairBlocks<M>(caller: string, la: LinearAlgebra<M>, pair: FactorPair<M>): Promise<FactorPairBlocks<M>> {
  const { m, n, rank, batch } = checkFactorPair(caller, la, pair);
  checkSinglePair(caller, batch);
  // Householder QR acts on columns, so that the scales of the columns, which balanced factors carry, pass to the
  // triangles.
  const columnFactor = la.qr(pair.A).R;
  const rowFactor = la.qr(la.transpose(pair.B)).R;
  const relative = { accuracy: 'relative' } as const;
  const product = la.svd(la.matmul(columnFactor, rowFactor, { transposeB: true }), relative);
  return {
    m,
    n,
    rank,
    fromA: la.matmul(product.U, columnFactor, { transposeA: true }),
    fromB: la.matmul(product.V, rowFactor, { transposeA: true }),
    sigmaA: await la.toArray(la.svd(columnFactor, relative).S),
    sigmaB: await la.toArray(la.svd(rowFactor, relative).S),
    sigma: await la.toArray(product.S),
  };
}

/** Requires one pair. @throws ShapeError for a batch of pairs. */
export function checkSinglePair(caller: string, batch: readonly number[]): void {
  if (batch.length === 0) return;
  throw new ShapeError(
    `${caller}: expected one pair, A [m, r] and B [r, n], got a batch [${batch}] of them; call it for each member, whose spectra differ`,
  );
}

/**
 * Returns the nonzero values of a tail, descending.
 *
 * @throws ConfigError unless they are finite, nonnegative, and at most `most` of them.
 */
export function checkTail(caller: string, tail: ArrayLike<number>, most: number): Float64Array {
  if (!Number.isInteger(tail?.length) || typeof tail === 'string') {
    throw new ConfigError(`${caller}: tail must be an array of singular values, got ${describeValue(tail)}; pass [] if rank Z = r`);
  }
  if (tail.length > most) {
    throw new ConfigError(
      `${caller}: tail must hold at most min(m, n) − r = ${most} singular values, got ${tail.length}; leave out those of AB itself`,
    );
  }
  const values = Array.from(tail);
  for (const value of values) {
    if (!(value >= 0 && Number.isFinite(value))) {
      throw new ConfigError(
        `${caller}: tail must hold finite nonnegative singular values, got ${describeValue(value)}; take them from an svd of Z`,
      );
    }
  }
  return Float64Array.from(values.filter((value) => value > 0))
    .sort()
    .reverse();
}

/**
 * Computes for each tail value s, 0 ≤ s ≤ σ_r(AB), the 2r eigenvalues of [[BBᵀ, −sI], [−sI, AᵀA]], ascending.
 *
 * With T = diag(σ)^-½ WᵀR_A, BBᵀ = T⁻¹ diag(σ) T⁻ᵀ and AᵀA = Tᵀ diag(σ) T, so that the matrix is KᵀK with K = diag(√((σ
 * − s)/2σ), √((σ + s)/2σ)) [[YᵀR_B, WᵀR_A], [YᵀR_B, −WᵀR_A]]. Its eigenvalues are the squares of K's singular values:
 * no Gram matrix is formed, and σ_r − s, small at a nearly degenerate minimizer, keeps its relative accuracy.
 *
 * @returns one row for each s. A batched SVD of 2r×2r matrices: O(r³) flops for each s.
 */
export async function coupledEigenvalues<M>(
  la: LinearAlgebra<M>,
  { rank, fromA, fromB, sigma }: FactorPairBlocks<M>,
  tail: Float64Array,
): Promise<Float64Array[]> {
  if (tail.length === 0) return [];
  const size = 2 * rank;
  const upper = la.concat([fromB, fromA], 'columns');
  const lower = la.concat([fromB, la.scale(-1, fromA)], 'columns');
  const base = await la.toArray(la.transpose(la.concat([upper, lower], 'rows')));
  const repeated = new Float64Array(tail.length * size * size);
  const scales = new Float64Array(tail.length * size);
  tail.forEach((s, k) => {
    repeated.set(base, k * size * size);
    sigma.forEach((value, i) => {
      // σ_r and s may coincide up to rounding.
      scales[k * size + i] = Math.sqrt(Math.max(0, value - s) / (2 * value));
      scales[k * size + rank + i] = Math.sqrt((value + s) / (2 * value));
    });
  });
  const transposedK = la.scaleColumns(la.fromArray(repeated, [tail.length, size, size]), la.fromArray(scales, [tail.length, size]));
  const roots = await la.toArray(la.svd(transposedK, { accuracy: 'relative' }).S);
  return Array.from(tail, (_, k) =>
    roots
      .subarray(k * size, (k + 1) * size)
      .map((root) => root * root)
      .reverse(),
  );
}
