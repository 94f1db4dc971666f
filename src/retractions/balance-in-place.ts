/** Balanced projection of float32 factors where they lie, over the machine's BLAS library: see `balance-stored.ts`. */
import type { Sgemm } from '../linalg/host/blas/sgemm.js';
import { type HostArray, hostAlgebra } from '../linalg/host/host-algebra.js';
import type { LinearAlgebra } from '../linalg/linear-algebra.js';
import { narrowed, widened } from '../linalg/tensor/precision.js';
import { type GramAlgorithm, gaugeOfGrams } from './balance-by-grams.js';
import type { BalancedGauge } from './balanced-pair.js';

/** Pairs of one shape, member after member: A m×r and B r×n, row-major. */
export interface NarrowPairs {
  readonly A: Float32Array;
  readonly B: Float32Array;
  readonly members: number;
  readonly m: number;
  readonly n: number;
  readonly rank: number;
}

/** Numbers of a factor that are computed at a time, beside where they lie: they stay in the processor's cache. */
const PANEL = 2 ** 18;

/**
 * Replaces each pair by (A T⁻¹, T B), with Grams and products in float32 and the r×r work between them in float64: the
 * factors are read twice and written once, and nothing else is of their size.
 *
 * @param la - the engine whose accuracy, that of float32, decides what counts as rounding.
 * @returns `false` if the gauge of some member needs more than the Grams, or has entries that are not finite in
 * float32: then nothing is written.
 */
export function balanceInPlace<M>(
  la: LinearAlgebra<M>,
  sgemm: Sgemm,
  { A, B, members, m, n, rank }: NarrowPairs,
  gauge: BalancedGauge,
  algorithm: GramAlgorithm,
): boolean {
  const host = hostAlgebra();
  const blocks = { la: { ...host, epsilon: la.epsilon, dtype: la.dtype }, roundoff: host.epsilon };
  const grams = { A: gramsOfEach(sgemm, true, A, [members, rank, m]), B: gramsOfEach(sgemm, false, B, [members, rank, n]) };
  const change = gaugeOfGrams<HostArray>(blocks, grams, gauge, algorithm);
  if (change === undefined) return false;
  const [T, inverseT] = [change.T, change.inverseT].map((matrix) => narrowed(host.peek(matrix) ?? []));
  if (!T.every(Number.isFinite) || !inverseT.every(Number.isFinite)) return false;

  const scratch = new Float32Array(Math.min(PANEL, rank * Math.max(m, n)));
  for (let member = 0; member < members; member++) {
    const square = (values: Float32Array) => values.subarray(member * rank * rank, (member + 1) * rank * rank);
    timesRight(sgemm, A.subarray(member * m * rank, (member + 1) * m * rank), square(inverseT), [m, rank], scratch);
    timesLeft(sgemm, square(T), B.subarray(member * rank * n, (member + 1) * rank * n), [rank, n], scratch);
  }
  return true;
}

/** Returns AᵀA of each member [length, rank] if `transposed`, else A Aᵀ of each [rank, length], in float64. */
function gramsOfEach(
  sgemm: Sgemm,
  transposed: boolean,
  values: Float32Array,
  [members, rank, length]: readonly [number, number, number],
): HostArray {
  const grams = new Float32Array(members * rank * rank);
  sgemm.onSuitableThreads(rank, rank, length, () => {
    for (let member = 0; member < members; member++) {
      const factor = values.subarray(member * rank * length, (member + 1) * rank * length);
      sgemm.gram(transposed, rank, length, factor, grams.subarray(member * rank * rank, (member + 1) * rank * rank));
    }
  });
  return hostAlgebra().fromArray(widened(grams), [members, rank, rank]);
}

/** A ← A X, some rows at a time. */
function timesRight(sgemm: Sgemm, A: Float32Array, X: Float32Array, [m, rank]: readonly [number, number], scratch: Float32Array): void {
  const most = Math.floor(scratch.length / rank);
  for (let row = 0; row < m; row += most) {
    const rows = Math.min(most, m - row);
    const panel = A.subarray(row * rank, (row + rows) * rank);
    sgemm.onSuitableThreads(rows, rank, rank, () => sgemm.multiply(false, false, rows, rank, rank, panel, X, scratch));
    panel.set(scratch.subarray(0, rows * rank));
  }
}

/** B ← X B, some columns at a time. */
function timesLeft(sgemm: Sgemm, X: Float32Array, B: Float32Array, [rank, n]: readonly [number, number], scratch: Float32Array): void {
  const most = Math.floor(scratch.length / rank);
  for (let column = 0; column < n; column += most) {
    const columns = Math.min(most, n - column);
    const panel = B.subarray(column);
    const product = { transposeA: false, transposeB: false, m: rank, n: columns, k: rank, alpha: 1, beta: 0 };
    sgemm.onSuitableThreads(rank, columns, rank, () =>
      sgemm.multiplyStrided({ ...product, a: X, rowA: rank, b: panel, rowB: n, c: scratch, rowC: columns }),
    );
    for (let row = 0; row < rank; row++) panel.set(scratch.subarray(row * columns, (row + 1) * columns), row * n);
  }
}
