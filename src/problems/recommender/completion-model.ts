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
  const variances = new Float64Array(rank);
  for (let i = 0; i < m; i++) for (let p = 0; p < rank; p++) variances[p] += numbers[i * rank + p] ** 2 / m;
  const biasVariance = rowBiases.reduce((sum, bias) => sum + bias ** 2, 0) / m;
  const ridge = variances.map((variance) => ridgeOf(noise, variance));
  return { kind: 'ratings', ridge, ...(biasVariance > 0 ? { biasRidge: ridgeOf(noise, biasVariance) } : {}) };
}

/** Returns noise²/variance, finite for a factor that no row has. */
function ridgeOf(noise: number, variance: number): number {
  return Math.min(noise * (noise / variance), Number.MAX_VALUE / 2 ** 60) || 0;
}
