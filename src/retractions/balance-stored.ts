/** Balanced projection of factors stored outside an engine, such as those of an adapter's file. */

import { loadSgemm } from '#platform/linalg/host/blas/native';
import { ConfigError, NumericalError } from '../core/errors.js';
import { declareOptions, describeValue, option, size } from '../core/options.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { checkTarget } from '../linalg/shape-checks.js';
import { balanceInPlace } from './balance-in-place.js';
import { type BalancedProjectionOptions, balancedProjection, balancedProjectionOptions, gramAlgorithmFor } from './balanced-projection.js';

/** Factor pairs of one shape in the caller's memory, member after member, each row-major. */
export interface StoredPairs {
  /** A of each member, m×r: members·m·r numbers. */
  readonly A: Float32Array | Float64Array;
  /** B of each member, r×n: members·r·n numbers. */
  readonly B: Float32Array | Float64Array;
  /** Number of pairs. */
  readonly members: number;
  /** Rows of A. */
  readonly m: number;
  /** Columns of B. */
  readonly n: number;
  /** Columns of A and rows of B. */
  readonly rank: number;
}

const storedPairs = declareOptions<StoredPairs>()({
  A: option({}),
  B: option({}),
  members: size({}),
  m: size({}),
  n: size({}),
  rank: size({}),
});

/**
 * Entries on the engine at a time: they stay in the processor's cache, and memory that is mapped once serves all
 * chunks.
 */
const CHUNK_ENTRIES = 2 ** 21;

/**
 * Replaces each pair by P(A, B), in place: see {@link balancedProjection}.
 *
 * The members are projected in chunks of a few megabytes, so the engine needs memory only for those. Each chunk is
 * written when it is done: if a member is rejected, those before its chunk are balanced, with unchanged products, and
 * the others untouched.
 *
 * Float32 factors are balanced where they lie if there is a BLAS library and the engine computes in float32 in the
 * memory of this process (wasm, cpu): they are read twice and written once. Otherwise each number is copied to the
 * engine and back.
 *
 * @param pairs - overwritten.
 * @param options - gauge and algorithm.
 * @throws ShapeError if the lengths do not fit, NumericalError if an entry is not finite, or is not in the engine's
 * range, ConfigError on unknown options.
 *
 * @example
 * ```ts
 * import { balanceStored, hostAlgebra } from 'bures';
 *
 * const pairs = { A: Float32Array.of(1, 2, 3), B: Float32Array.of(40, 50), members: 1, m: 3, n: 2, rank: 1 };
 * await balanceStored(hostAlgebra(), pairs);
 * console.log(pairs.A[0] * pairs.B[1]); // 50: the product is the same
 * ```
 */
export async function balanceStored<M>(la: LinearAlgebra<M>, pairs: StoredPairs, options: BalancedProjectionOptions = {}): Promise<void> {
  if (typeof pairs !== 'object' || pairs === null) {
    throw new ConfigError(`balanceStored: expected pairs, got ${describeValue(pairs)}; pass { A, B, members, m, n, rank }`);
  }
  const { A, B, members, m, n, rank } = storedPairs.read('balanceStored', pairs);
  const settings = balancedProjectionOptions.read('balanceStored', options);
  checkTarget('balanceStored', [members, m, rank], A);
  checkTarget('balanceStored', [members, rank, n], B);
  const chunk = Math.max(1, Math.floor(CHUNK_ENTRIES / ((m + n) * rank)));
  for (let first = 0; first < members; first += chunk) {
    const count = Math.min(chunk, members - first);
    const left = A.subarray(first * m * rank, (first + count) * m * rank);
    const right = B.subarray(first * rank * n, (first + count) * rank * n);
    if (isBalancedInPlace(la, left, right, [count, m, rank, n], settings)) continue;
    try {
      await projectChunk(la, left, right, [count, m, rank, n], settings);
    } catch (error) {
      const narrow = la.dtype === 'float32';
      checkStored('A', left, narrow, first, [m, rank]);
      checkStored('B', right, narrow, first, [rank, n]);
      throw error;
    }
  }
}

/**
 * Balances members where they lie, if they are float32 as on the engine, the engine computes in this process's memory,
 * and there is a BLAS library; not if the gauge of some member needs more than its Grams.
 *
 * @returns whether that was done.
 */
function isBalancedInPlace<M>(
  la: LinearAlgebra<M>,
  A: Float32Array | Float64Array,
  B: Float32Array | Float64Array,
  [members, m, rank, n]: readonly [number, number, number, number],
  { gauge, algorithm }: Required<BalancedProjectionOptions>,
): boolean {
  if (!(A instanceof Float32Array && B instanceof Float32Array) || la.dtype !== 'float32' || !la.readsSynchronously) return false;
  const [sgemm, byGrams] = [loadSgemm(), gramAlgorithmFor(la, algorithm, m + n, rank)];
  return sgemm !== undefined && byGrams !== undefined && balanceInPlace(la, sgemm, { A, B, members, m, n, rank }, gauge, byGrams);
}

/**
 * Projects members, and writes them unless an entry was not finite. Such an entry either makes the projection throw or
 * reaches T, which is r×r: checking T costs nothing compared with another pass over the factors.
 */
async function projectChunk<M>(
  la: LinearAlgebra<M>,
  left: Float32Array | Float64Array,
  right: Float32Array | Float64Array,
  [count, m, rank, n]: readonly [number, number, number, number],
  options: BalancedProjectionOptions,
): Promise<void> {
  await la.tidy(async () => {
    const pair = { A: la.fromArray(left, [count, m, rank]), B: la.fromArray(right, [count, rank, n]) };
    const projected = balancedProjection(la, pair, options);
    const T = await la.toArray(projected.T);
    if (!T.every((entry) => Number.isFinite(entry))) {
      throw new NumericalError(
        'balanceStored: the gauge matrix T of finite factors has entries that are not finite; scale the factors towards 1',
      );
    }
    await la.readInto(projected.A, left);
    await la.readInto(projected.B, right);
  });
}

/**
 * @throws NumericalError that names factor, member and place of an entry that is not finite, or not when narrowed to
 * float32, if there is one.
 */
function checkStored(
  factor: 'A' | 'B',
  values: Float32Array | Float64Array,
  narrow: boolean,
  firstMember: number,
  [rows, columns]: readonly [number, number],
): void {
  const place = values.findIndex((value) => !Number.isFinite(narrow ? Math.fround(value) : value));
  if (place < 0) return;
  const value = values[place];
  const within = place % (rows * columns);
  throw new NumericalError(
    `balanceStored: expected finite factors${Number.isFinite(value) ? ' within the range of float32' : ''}, but ${factor} of member ${firstMember + Math.floor(place / (rows * columns))} has ${value} at [${Math.floor(within / columns)}, ${within % columns}]; ` +
      'mend or leave out that member: those before its chunk are balanced already, the others untouched',
  );
}
