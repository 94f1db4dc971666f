/** Coordinates of a variational completion in which its variances are independent of one another. */
import { hostAlgebra } from '../linalg/host/host-algebra.js';
import type { EntriesByRow } from './variational-entries.js';
import { type Posterior, packedIndex } from './variational-posterior.js';
import type { RowSums } from './variational-rows.js';

/**
 * Change of coordinates of the columns, w ↦ T w − t, that preserves every prediction once the rows follow, and the
 * variances and the mean in the new coordinates.
 */
export interface Alignment {
  /** T, k×k. */
  readonly matrix: Float64Array;
  /** t, of length k. */
  readonly shift: Float64Array;
  /** Prior variance of each coordinate of the rows, of length k. */
  readonly rowVariances: Float64Array;
  /** Prior variance of each coordinate of the columns, of length k. */
  readonly columnVariances: Float64Array;
  /** Number to add to the mean. */
  readonly mean: number;
}

/** Average mean and second moments of a row or column. */
interface Averages {
  readonly mean: Float64Array;
  readonly moment: (p: number, q: number) => number;
}

/**
 * Computes the alignment. With biases the components are centered: u·v = (u − ū)·(v − v̄) + v̄·(u − ū) + ū·v, where the
 * last two terms are a bias of the row and one of the column.
 *
 * @param rank - number of components; with biases, one more unknown follows them.
 */
export function align(rowSums: RowSums, columnSums: RowSums, rank: number, biases: boolean): Alignment {
  const [rows, columns] = [averagesOf(rowSums), averagesOf(columnSums)];
  const k = rank + (biases ? 1 : 0);
  const matrix = new Float64Array(k * k);
  const rowVariances = new Float64Array(k).fill(1);
  const columnVariances = new Float64Array(k);
  if (rank > 0) {
    const { turn, variances } = whiten(covariance(rows, rank, biases), covariance(columns, rank, biases), rank);
    for (let p = 0; p < rank; p++) {
      columnVariances[p] = variances[p];
      for (let q = 0; q < rank; q++) matrix[p * k + q] = turn[p * rank + q];
    }
  }
  if (!biases) return { matrix, shift: new Float64Array(k), rowVariances, columnVariances, mean: 0 };
  for (let q = 0; q < rank; q++) matrix[rank * k + q] = rows.mean[q];
  matrix[rank * k + rank] = 1;
  rowVariances[rank] = varianceOfBias(rows, columns.mean, rank);
  columnVariances[rank] = varianceOfBias(columns, rows.mean, rank);
  const shift = new Float64Array(k);
  for (let p = 0; p < k; p++) for (let q = 0; q < k; q++) shift[p] += matrix[p * k + q] * columns.mean[q];
  // The last shift is c̄ + ū·v̄.
  return { matrix, shift, rowVariances, columnVariances, mean: rows.mean[rank] + shift[rank] };
}

function averagesOf({ rows, means, moments }: RowSums): Averages {
  const count = Math.max(1, rows);
  return { mean: means.map((sum) => sum / count), moment: (p, q) => moments[packedIndex(Math.max(p, q), Math.min(p, q))] / count };
}

function covariance({ mean, moment }: Averages, rank: number, centered: boolean): Float64Array {
  return Float64Array.from({ length: rank * rank }, (_, place) => {
    const [p, q] = [Math.floor(place / rank), place % rank];
    return moment(p, q) - (centered ? mean[p] * mean[q] : 0);
  });
}

/** Returns the variance of b + v̄·u. */
function varianceOfBias({ mean, moment }: Averages, other: Float64Array, rank: number): number {
  const weights = Float64Array.from({ length: rank + 1 }, (_, p) => (p < rank ? other[p] : 1));
  let [square, average] = [0, 0];
  for (let p = 0; p <= rank; p++) {
    average += weights[p] * mean[p];
    for (let q = 0; q <= rank; q++) square += weights[p] * weights[q] * moment(p, q);
  }
  return square - average * average;
}

/** Returns the map v ↦ Qᵀ Lᵀ v, where C_u = L Lᵀ and Qᵀ (Lᵀ C_v L) Q is diagonal, largest first. */
function whiten(
  rows: Float64Array,
  columns: Float64Array,
  rank: number,
): { readonly turn: Float64Array; readonly variances: Float64Array } {
  const la = hostAlgebra();
  // Components that have died out leave a covariance of zero.
  let trace = 0;
  for (let p = 0; p < rank; p++) trace += rows[p * rank + p];
  for (let p = 0; p < rank; p++) rows[p * rank + p] += 1e-13 * trace + Number.MIN_VALUE;
  const lower = la.cholesky(la.fromArray(rows, [rank, rank]));
  const { vectors, values } = la.eigh(la.matmul(lower, la.matmul(la.fromArray(columns, [rank, rank]), lower), { transposeA: true }));
  const [spectrum, turned] = [la.peek(values), la.peek(la.matmul(vectors, lower, { transposeA: true, transposeB: true }))];
  const order = Array.from({ length: rank }, (_, p) => p).sort((p, q) => spectrum[q] - spectrum[p]);
  return {
    turn: Float64Array.from({ length: rank * rank }, (_, place) => turned[order[Math.floor(place / rank)] * rank + (place % rank)]),
    variances: Float64Array.from(order, (p) => spectrum[p]),
  };
}

/** Replaces w by T w − t in every column that has entries. */
export function transformPosterior(
  { means, moments, packed }: Posterior,
  { count, pointers }: EntriesByRow,
  { matrix, shift }: Alignment,
): void {
  const k = shift.length;
  const [moved, half, full] = [new Float64Array(k), new Float64Array(k * k), new Float64Array(k * k)];
  for (let j = 0; j < count; j++) {
    if (pointers[j] === pointers[j + 1]) continue;
    for (let p = 0, place = j * packed; p < k; p++) {
      for (let q = 0; q <= p; q++, place++) {
        full[p * k + q] = moments[place];
        full[q * k + p] = moments[place];
      }
    }
    for (let p = 0; p < k; p++) {
      let sum = 0;
      for (let q = 0; q < k; q++) sum += matrix[p * k + q] * means[j * k + q];
      moved[p] = sum;
      for (let q = 0; q < k; q++) {
        let product = 0;
        for (let l = 0; l < k; l++) product += matrix[p * k + l] * full[l * k + q];
        half[p * k + q] = product;
      }
    }
    for (let p = 0, place = j * packed; p < k; p++) {
      means[j * k + p] = moved[p] - shift[p];
      for (let q = 0; q <= p; q++, place++) {
        let product = 0;
        for (let l = 0; l < k; l++) product += half[p * k + l] * matrix[q * k + l];
        moments[place] = product - moved[p] * shift[q] - shift[p] * moved[q] + shift[p] * shift[q];
      }
    }
  }
}
