import { ConfigError } from '../../core/errors.js';
import { declareOptions, describeValue, option, size } from '../../core/options.js';
import { checkColumns, clipped, type FoldedRow, type ModelNumbers, modelNumbers, type RatingModel, rowOf } from './rating-model.js';

/** Options of {@link recommend}. */
export interface RecommendOptions {
  /** Number of columns to recommend. Default: 10. */
  readonly top?: number;
  /** Columns to leave out, as the row has seen them. Default: none. */
  readonly seen?: Iterable<number>;
}

const recommendOptions = declareOptions<RecommendOptions>()({
  top: size({ default: 10 }),
  seen: option({ default: [] }, (caller, name, seen) => {
    if (typeof (seen as Partial<Iterable<number>> | null)?.[Symbol.iterator] === 'function' && typeof seen !== 'string') return;
    throw new ConfigError(`${caller}: ${name} must be columns, got ${describeValue(seen)}; pass a list or a set of their numbers`);
  }),
});

/** The defaults of {@link recommend}. */
export const recommendDefaults: Required<RecommendOptions> = recommendOptions.defaults;

/** A column that is recommended. */
export interface Recommendation {
  /** Number of the column. */
  readonly column: number;
  /** Prediction, clipped to the model's range. */
  readonly score: number;
}

/**
 * Finds the columns that a model predicts highest for a row.
 *
 * Predictions are compared before they are clipped, so that of two that exceed the range the higher one comes first; of
 * equal ones the first column does.
 *
 * @param model - the model.
 * @param row - a row of the model, or one of {@link foldInRow}.
 * @param options - how many, and what to leave out.
 * @returns the columns, the highest first: fewer than `top` if not so many are left. 2nr flops.
 * @throws ConfigError, ShapeError for a row or seen columns that are none of the model.
 */
export function recommend(model: RatingModel, row: number | FoldedRow, options: RecommendOptions = {}): readonly Recommendation[] {
  const caller = 'recommend';
  const { top, seen } = recommendOptions.read(caller, options);
  const numbers = modelNumbers(caller, model);
  const scores = rowScores(model, numbers, rowOf(caller, model, numbers, row), new Float64Array(numbers.columns));
  const known = [...seen];
  checkColumns(caller, 'seen columns', known, scores.length);
  for (const column of known) scores[column] = Number.NEGATIVE_INFINITY;
  return highest(scores, top).map((column) => ({ column, score: clipped(scores[column], model.range) }));
}

/**
 * Predicts all columns of a row.
 *
 * @param row - a row of the model, or one of {@link foldInRow}.
 * @returns n predictions, clipped to the model's range if it has one; 2nr flops.
 * @throws ConfigError, ShapeError for a row that is none of the model.
 */
export function predictRow(model: RatingModel, row: number | FoldedRow): Float64Array {
  const numbers = modelNumbers('predictRow', model);
  const scores = rowScores(model, numbers, rowOf('predictRow', model, numbers, row), new Float64Array(numbers.columns));
  return scores.map((score) => clipped(score, model.range));
}

/** Computes the predictions of a row before clipping. @returns `into`. */
export function rowScores(
  { mean, columnBiases }: RatingModel,
  { columns, rank, right }: ModelNumbers,
  { bias, factors }: FoldedRow,
  into: Float64Array,
): Float64Array {
  for (let j = 0; j < columns; j++) {
    let sum = mean + bias + columnBiases[j];
    for (let p = 0, at = j * rank; p < rank; p++) sum += factors[p] * right[at + p];
    into[j] = sum;
  }
  return into;
}

/**
 * Returns the places of the `most` highest scores, the highest first and of equal ones the first; those of −∞ are left
 * out. O(n) for scores in random order.
 */
export function highest(scores: Float64Array, most: number): readonly number[] {
  const places: number[] = [];
  for (let j = 0; j < scores.length; j++) {
    const score = scores[j];
    if (!(score > Number.NEGATIVE_INFINITY) || (places.length === most && score <= scores[places[most - 1]])) continue;
    let at = places.length;
    while (at > 0 && score > scores[places[at - 1]]) at--;
    places.splice(at, 0, j);
    if (places.length > most) places.pop();
  }
  return places;
}
