import { NumericalError } from '../../core/errors.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { FixedRankPoint } from '../../metrics/fixed-rank-metric.js';
import { unknownsOf, type VariationalState } from '../variational-completion.js';
import type { Offsets } from './offsets.js';
import type { PowerOfTwo } from './value-scale.js';

/** A model as a matrix of fixed rank, rank 0 included, and offsets. */
export interface FittedModel {
  readonly x: FixedRankPoint<HostArray>;
  readonly offsets: Offsets;
}

/**
 * Returns the components as U diag(S) Vᵀ, and the offsets, in units of the values.
 *
 * @param shape - m and n.
 * @throws NumericalError if the numbers do not fit into float64.
 */
export function modelOf(state: VariationalState, [m, n]: readonly [number, number], { back }: PowerOfTwo): FittedModel {
  const la = hostAlgebra();
  const { rank, biases, rows, columns } = state;
  const k = unknownsOf(state);
  const factor = (means: Float64Array, count: number): HostArray =>
    la.fromArray(
      Float64Array.from({ length: count * rank }, (_, place) => means[Math.floor(place / rank) * k + (place % rank)]),
      [count, rank],
    );
  const biasesOf = (means: Float64Array, count: number): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => (biases ? back(means[i * k + rank]) : 0));
  const { U, S, V } = product(factor(rows.means, m), factor(columns.means, n), rank);
  const x = { U, S: la.fromArray(la.toArray(S).map(back), [rank]), V };
  const offsets = { mean: back(state.mean), rows: biasesOf(rows.means, m), columns: biasesOf(columns.means, n) };
  if (![la.peek(x.S), offsets.rows, offsets.columns].every((numbers) => numbers.every(Number.isFinite))) {
    throw new NumericalError('complete: the predictions exceed the largest float64, 1.8e308; divide the values by a power of ten first');
  }
  return { x, offsets };
}

/** Returns L Rᵀ as U diag(S) Vᵀ, by two thin QRs and the SVD of a small matrix. */
function product(left: HostArray, right: HostArray, rank: number): FixedRankPoint<HostArray> {
  const la = hostAlgebra();
  if (rank === 0) return { U: left, S: la.fromArray([], [0]), V: right };
  const [first, second] = [la.qr(left), la.qr(right)];
  const { U, S, V } = la.svd(la.matmul(first.R, second.R, { transposeB: true }));
  return { U: la.matmul(first.Q, U), S, V: la.matmul(second.Q, V) };
}
