/** Models of ratings and of implicit feedback, however they were fitted, and what they predict. */
import { counted } from '../../core/counted.js';
import { ConfigError, ShapeError } from '../../core/errors.js';
import { describeValue } from '../../core/options.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';

/**
 * A model of an m×n table, of which entry (i, j) is `mean + rowBiases[i] + columnBiases[j] + left[i]·right[j]`, clipped
 * to `range` if there is one. It is plain data: a program may build one from factors of its own.
 */
export interface RatingModel {
  /** Mean of the entries; 0 for implicit feedback. */
  readonly mean: number;
  /** Bias of each of the m rows; zeros for a model without biases. */
  readonly rowBiases: Float64Array;
  /** Bias of each of the n columns. */
  readonly columnBiases: Float64Array;
  /** Factors of the rows, m×r. */
  readonly left: HostArray;
  /** Factors of the columns, n×r. */
  readonly right: HostArray;
  /** Least and greatest value that an entry can have; absent if predictions are not to be clipped. */
  readonly range?: readonly [least: number, greatest: number];
  /** How the unknowns of a row are found from its entries alone: see {@link foldInRow}. */
  readonly rowFit: RowFit;
}

/** The regression by which the factors of one more row are found. */
export type RowFit =
  | {
      /** Entries are ratings, explained by mean, biases and factors. */
      readonly kind: 'ratings';
      /** Ridge on each of the r factors: variance of the noise over that of the factor. */
      readonly ridge: Float64Array;
      /** Further ridge on each factor for each entry of the row. Default: 0. */
      readonly entryRidge?: number;
      /** Ridge on the bias; absent if rows have none. */
      readonly biasRidge?: number;
    }
  | {
      /** Entries are strengths of feedback, which explain a preference with confidence 1 + α·strength. */
      readonly kind: 'confidence';
      /** Ridge on each of the r factors. */
      readonly ridge: Float64Array;
      /** The α of the confidence. */
      readonly alpha: number;
    };

/** A row that the model was not fitted to, by its bias and factors. */
export interface FoldedRow {
  /** Bias of the row. */
  readonly bias: number;
  /** Factors of the row, r of them. */
  readonly factors: Float64Array;
}

/** Row or column that a model does not know, for {@link predictRatings}. */
export const unknownIndex = -1;

/** The numbers of a model, for loops. */
export interface ModelNumbers {
  readonly rows: number;
  readonly columns: number;
  readonly rank: number;
  readonly left: Float64Array;
  readonly right: Float64Array;
}

/**
 * Checks a model and returns its numbers.
 *
 * @throws ShapeError if its parts do not fit together; ConfigError for a mean, range or rowFit that is none.
 */
export function modelNumbers(caller: string, model: RatingModel): ModelNumbers {
  const la = hostAlgebra();
  const { mean, left, right, rowBiases, columnBiases, range, rowFit } = model ?? {};
  if (!la.isArray(left) || !la.isArray(right) || !(rowBiases instanceof Float64Array) || !(columnBiases instanceof Float64Array)) {
    throw new ShapeError(
      `${caller}: expected a model { mean, rowBiases, columnBiases, left, right, rowFit }, got ${describeValue(model)}; make one with completionModel, factorizeRatings or factorizeImplicit`,
    );
  }
  const [rows, columns, rank] = [rowBiases.length, columnBiases.length, left.shape[1]];
  if (left.shape.join() !== [rows, rank].join() || right.shape.join() !== [columns, rank].join() || rowFit?.ridge?.length !== rank) {
    throw new ShapeError(
      `${caller}: expected a model with factors of ${counted(rows, 'row')} and ${counted(columns, 'column')}, as it has biases, and a ridge for each factor, got left [${left.shape}], right [${right.shape}] and ${rowFit?.ridge?.length ?? 0} ridges; give all parts the same sizes`,
    );
  }
  if (!Number.isFinite(mean))
    throw new ConfigError(`${caller}: expected a model with a finite mean, got ${describeValue(mean)}; pass 0 for one without`);
  if (range !== undefined && !(range?.[0] <= range?.[1]))
    throw new ConfigError(
      `${caller}: expected a model with a range [least, greatest], got ${describeValue(range)}; leave it out for one that does not clip`,
    );
  if (rowFit.kind !== 'ratings' && !(rowFit.kind === 'confidence' && Number.isFinite(rowFit.alpha)))
    throw new ConfigError(
      `${caller}: expected a model with a rowFit of kind 'ratings', or 'confidence' with its alpha, got ${describeValue(rowFit)}; take that of a fit`,
    );
  return { rows, columns, rank, left: la.peek(left), right: la.peek(right) };
}

/** @throws ConfigError unless a value is a list of numbers: an array or a typed array. */
export function checkList(caller: string, what: string, value: unknown): asserts value is ArrayLike<number> {
  if (typeof value === 'object' && Number.isInteger((value as Partial<ArrayLike<number>> | null)?.length)) return;
  throw new ConfigError(`${caller}: expected ${what} to be a list of numbers, got ${describeValue(value)}; pass an array, or a typed one`);
}

/** @throws ShapeError unless all of some columns are columns of the model. */
export function checkColumns(caller: string, what: string, given: Iterable<number>, columns: number): void {
  for (const column of given) {
    if (Number.isInteger(column) && column >= 0 && column < columns) continue;
    throw new ShapeError(
      `${caller}: expected ${what} from 0 to ${columns - 1}, got ${describeValue(column)}; leave out what the model does not know`,
    );
  }
}

/** Clips a prediction to the range of a model. */
export function clipped(value: number, range: RatingModel['range']): number {
  return range === undefined ? value : Math.min(range[1], Math.max(range[0], value));
}

/**
 * Predicts entries. What the model does not know of a row or column (index {@link unknownIndex}) contributes nothing:
 * an unknown row has the mean and the bias of the column, an unknown row and column the mean.
 *
 * @param model - the model.
 * @param rowIndices - the row of each entry to predict, or −1.
 * @param columnIndices - its column, or −1.
 * @returns a prediction for each, clipped to the model's range if it has one; 2r flops each.
 * @throws ConfigError, ShapeError for a model or lists that are none, lists of unequal length, and indices outside of
 * the model.
 */
export function predictRatings(model: RatingModel, rowIndices: ArrayLike<number>, columnIndices: ArrayLike<number>): Float64Array {
  const caller = 'predictRatings';
  const { rows, columns, rank, left, right } = modelNumbers(caller, model);
  checkList(caller, 'rowIndices', rowIndices);
  checkList(caller, 'columnIndices', columnIndices);
  const count = rowIndices.length;
  if (columnIndices.length !== count) {
    throw new ShapeError(
      `${caller}: expected as many rows as columns, got ${count} and ${columnIndices.length}; give each entry one of both, −1 where it is unknown`,
    );
  }
  const predictions = new Float64Array(count);
  for (let e = 0; e < count; e++) {
    const [i, j] = [rowIndices[e], columnIndices[e]];
    checkIndex(caller, 'row', i, rows);
    checkIndex(caller, 'column', j, columns);
    let sum = model.mean + (i < 0 ? 0 : model.rowBiases[i]) + (j < 0 ? 0 : model.columnBiases[j]);
    if (i >= 0 && j >= 0) for (let p = 0; p < rank; p++) sum += left[i * rank + p] * right[j * rank + p];
    predictions[e] = clipped(sum, model.range);
  }
  return predictions;
}

function checkIndex(caller: string, what: 'row' | 'column', index: number, count: number): void {
  if (Number.isInteger(index) && index >= unknownIndex && index < count) return;
  throw new ShapeError(
    `${caller}: expected a ${what} from 0 to ${count - 1}, or −1 for an unknown one, got ${index}; look it up among the labels`,
  );
}

/**
 * Checks the row that something is asked for: one of the model's, or a folded one.
 *
 * @throws ConfigError, ShapeError otherwise.
 */
export function rowOf(caller: string, model: RatingModel, numbers: ModelNumbers, row: number | FoldedRow): FoldedRow {
  const { rows, rank, left } = numbers;
  if (typeof row === 'number') {
    if (!Number.isInteger(row) || row < 0 || row >= rows) {
      throw new ConfigError(
        `${caller}: expected a row from 0 to ${rows - 1}, got ${row}; pass a row of the model, or foldInRow(model, …) for another one`,
      );
    }
    return { bias: model.rowBiases[row], factors: left.subarray(row * rank, (row + 1) * rank) };
  }
  if (row?.factors?.length !== rank || !Number.isFinite(row.bias)) {
    throw new ShapeError(
      `${caller}: expected a row { bias, factors } with ${rank} factors, got ${describeValue(row)}; make one with foldInRow of this model`,
    );
  }
  return row;
}
