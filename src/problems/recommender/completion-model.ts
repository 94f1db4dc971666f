import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import type { Completion } from '../completion/completion-types.js';
import type { RatingModel } from './rating-model.js';

/** Parts of a completion that predict. */
export type CompletedParts = Pick<Completion, 'x' | 'offsets' | 'noise' | 'range'>;

/**
 * Returns the model that {@link completeRatings} has fitted, for {@link predictRatings}, {@link recommend} and
 * {@link foldInRow}: balanced factors, leftᵀ·left = rightᵀ·right, predictions clipped to the range of the ratings, and
 * for a further row the ridges of its prior, the variance of the noise over that of the factor among the rows.
 */
export function completionModel({ x, offsets, noise, range }: CompletedParts): RatingModel {
  const la = hostAlgebra();
  const roots = la.sqrt(x.S);
  const left = la.scaleColumns(x.U, roots);
  const right = la.scaleColumns(x.V, roots);
  return {
    mean: offsets.mean,
    rowBiases: offsets.rows,
    columnBiases: offsets.columns,
    left,
    right,
    range,
    rowFit: rowPrior(left, offsets.rows, noise),
  };
}

/** Returns the ridges of a row's factors and bias, from their variances among the rows. */
export function rowPrior(left: HostArray, rowBiases: Float64Array, noise: number): RatingModel['rowFit'] {
  const [m, rank] = left.shape;
  const numbers = hostAlgebra().peek(left);
  const ridge = new Float64Array(rank);
  for (let p = 0; p < rank; p++) {
    const factor = Float64Array.from({ length: m }, (_, i) => numbers[i * rank + p]);
    ridge[p] = ridgeBeside(noise, rootMeanSquare(factor));
  }
  const deviation = rootMeanSquare(rowBiases);
  return { kind: 'ratings', ridge, ...(deviation > 0 ? { biasRidge: ridgeBeside(noise, deviation) } : {}) };
}

/** Largest ridge: that of a factor or bias which no row has. */
const largestRidge = Number.MAX_VALUE / 2 ** 60;

/** Returns noise²/deviation², in the units of the values: a factor has the root of their size. */
function ridgeBeside(noise: number, deviation: number): number {
  return Math.min((noise / deviation) * (noise / deviation), largestRidge) || 0;
}

/** Returns the root mean square of numbers of any size. */
function rootMeanSquare(numbers: Float64Array): number {
  let largest = 0;
  for (const x of numbers) largest = Math.max(largest, Math.abs(x));
  if (largest === 0) return 0;
  let squares = 0;
  for (const x of numbers) squares += (x / largest) ** 2;
  return largest * Math.sqrt(squares / numbers.length);
}
