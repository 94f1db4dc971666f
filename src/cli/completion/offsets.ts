/** What a matrix is before any structure of low rank: a mean, and how rows and columns lie above or below it. */
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';
import { rootMeanSquare } from './sparse-errors.js';

/** Which offsets to fit. */
export const centerings = ['biases', 'mean', 'none'] as const;
/** One of {@link centerings}. */
export type Centering = (typeof centerings)[number];

/** Offsets: entry (i, j) is mean + rows[i] + columns[j] and more. */
export interface Offsets {
  readonly mean: number;
  readonly rows: Float64Array;
  readonly columns: Float64Array;
  /** Entries' worth of trust in zero. */
  readonly damping: number;
}

/** Dampings that are tried on entries set aside. */
const dampings = [0, 1, 3, 10, 30] as const;
/** Where there are none to try on: of the size that ratings want. */
const usualDamping = 3;
/** Sweeps, and the change relative to the root mean square of the values after which no more is to be had. */
const [mostSweeps, smallChange] = [100, 1e-12];

/**
 * Fits offsets, with the damping that predicts entries set aside best.
 *
 * @param train - the entries to fit.
 * @param watched - the entries to choose the damping by; none for the usual one.
 */
export function fitOffsets(train: CsrMatrix<HostArray>, centering: Centering, watched?: CsrMatrix<HostArray>): Offsets {
  if (centering !== 'biases') return withoutBiases(train, centering);
  if (watched === undefined) return dampedOffsets(train, usualDamping);
  const fits = dampings.map((damping) => dampedOffsets(train, damping));
  const errors = fits.map((offsets) => rootMeanSquare(lessOffsets(watched, offsets)));
  return fits[errors.indexOf(Math.min(...errors))];
}

function withoutBiases(train: CsrMatrix<HostArray>, centering: 'mean' | 'none'): Offsets {
  const mean = centering === 'mean' ? meanOf(train) : 0;
  return { mean, rows: new Float64Array(train.rows), columns: new Float64Array(train.columns), damping: 0 };
}

/**
 * Least squares with ridge, by turns over rows and columns:
 *
 * $$ \min_{b,c}\ \sum_{(i,j)\in\Omega}(z_{ij}-\mu-b_i-c_j)^2+\delta\Bigl(\sum_ib_i^2+\sum_jc_j^2\Bigr) $$
 *
 * A row or column without entries has offset zero.
 *
 * @param damping - δ.
 * @see Koren, Bell and Volinsky, "Matrix factorization techniques for recommender systems", IEEE Computer 42(8), 2009.
 */
export function dampedOffsets(train: CsrMatrix<HostArray>, damping: number): Offsets {
  const { rowPointers, columnIndices } = train;
  const values = hostAlgebra().peek(train.values);
  const mean = meanOf(train);
  const [rows, columns] = [new Float64Array(train.rows), new Float64Array(train.columns)];
  const [sums, counts] = [new Float64Array(train.columns), new Float64Array(train.columns)];
  for (const column of columnIndices) counts[column]++;
  const enough = smallChange * Math.max(rootMeanSquare(train), Number.MIN_VALUE);
  for (let sweep = 0, change = Number.POSITIVE_INFINITY; sweep < mostSweeps && change > enough; sweep++) {
    change = 0;
    sums.fill(0);
    for (let i = 0; i < train.rows; i++) {
      const [first, last] = [rowPointers[i], rowPointers[i + 1]];
      let sum = 0;
      for (let e = first; e < last; e++) sum += values[e] - mean - columns[columnIndices[e]];
      rows[i] = last > first ? sum / (last - first + damping) : 0;
      for (let e = first; e < last; e++) sums[columnIndices[e]] += values[e] - mean - rows[i];
    }
    for (let j = 0; j < columns.length; j++) {
      const updated = counts[j] > 0 ? sums[j] / (counts[j] + damping) : 0;
      change = Math.max(change, Math.abs(updated - columns[j]));
      columns[j] = updated;
    }
  }
  return { mean, rows, columns, damping };
}

/** The entries with the offsets taken away. */
export function lessOffsets(matrix: CsrMatrix<HostArray>, { mean, rows, columns }: Offsets): CsrMatrix<HostArray> {
  const la = hostAlgebra();
  const values = la.toArray(matrix.values);
  for (let i = 0; i < matrix.rows; i++) {
    for (let e = matrix.rowPointers[i]; e < matrix.rowPointers[i + 1]; e++) values[e] -= mean + rows[i] + columns[matrix.columnIndices[e]];
  }
  return { ...matrix, values: la.fromArray(values, [values.length]) };
}

function meanOf({ values, columnIndices }: CsrMatrix<HostArray>): number {
  return columnIndices.length === 0 ? 0 : hostAlgebra().total(values) / columnIndices.length;
}
