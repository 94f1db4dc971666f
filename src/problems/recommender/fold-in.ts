import { ShapeError } from '../../core/errors.js';
import { atOnce } from '../../core/event-loop.js';
import { declareOptions, option } from '../../core/options.js';
import { ridgeOf } from './biased-factorization.js';
import { checkStrengthsOf } from './implicit-factorization.js';
import { checkColumns, checkList, type FoldedRow, modelNumbers, type RatingModel } from './rating-model.js';
import { regressRows } from './row-regressions.js';

/** Entries of a row, for {@link foldInRow}. */
export interface FoldInOptions {
  /** Columns of the entries. */
  readonly columns: ArrayLike<number>;
  /** Values of the entries: ratings, or strengths of feedback. */
  readonly values: ArrayLike<number>;
}

const foldInOptions = declareOptions<FoldInOptions>()({ columns: option({}), values: option({}) });

/**
 * Finds bias and factors of a row that the model was not fitted to, from the row's own entries: the regression that a
 * sweep makes for each row, with the columns as they are.
 *
 * @param model - the model.
 * @param options - the row's entries, none at all for the average row. Entries of one column count each.
 * @returns the row, for {@link recommend} and {@link predictRow}; 2·count·r² + r³/3 flops, and 2n·r² with confidences.
 * @throws ShapeError for columns outside of the model, or lists of unequal length; ConfigError for what is no list, and
 * for values that are not finite or, with confidences, not above 0.
 * @see Hu, Koren and Volinsky, ICDM 2008, section 4, for the regression.
 */
export function foldInRow(model: RatingModel, options: FoldInOptions): FoldedRow {
  const caller = 'foldInRow';
  const { columns: n, rank, right } = modelNumbers(caller, model);
  const given = foldInOptions.read(caller, options);
  checkList(caller, 'columns', given.columns);
  checkList(caller, 'values', given.values);
  const [indices, values] = [Int32Array.from(given.columns), Float64Array.from(given.values)];
  if (indices.length !== values.length) {
    throw new ShapeError(
      `${caller}: expected as many columns as values, got ${indices.length} and ${values.length}; give each entry one of both`,
    );
  }
  checkColumns(caller, 'columns', Array.from(given.columns), n);
  checkStrengthsOf(caller, values, model.rowFit.kind === 'confidence');
  const { rowFit, mean, columnBiases } = model;
  const entries = { count: 1, pointers: Int32Array.of(0, values.length), indices, values };
  if (rowFit.kind === 'confidence') {
    const factors = new Float64Array(rank);
    const { ridge: own, alpha } = rowFit;
    const ridge = { own, perEntry: new Float64Array(rank) };
    atOnce(regressRows({ entries, beside: right, ridge, weighting: { kind: 'confidence', alpha }, solutions: factors }));
    return { bias: 0, factors };
  }
  const biases = rowFit.biasRidge !== undefined;
  const k = rank + (biases ? 1 : 0);
  const solution = new Float64Array(k);
  // The columns of the entries alone, and what mean and biases leave of the values; both in units of their sizes, since
  // squares of values of any size would leave the range of numbers.
  const left = values.map((value, e) => value - columnBiases[indices[e]] - mean);
  const [unit, length] = [sizeOfEntries(left), sizeOfEntries(right)];
  const beside = new Float64Array(indices.length * k);
  indices.forEach((column, e) => {
    for (let p = 0; p < rank; p++) beside[e * k + p] = right[column * rank + p] / length;
  });
  const ridge = ridgeOf(rank, 0, (rowFit.entryRidge ?? 0) / length / length, rowFit.biasRidge);
  ridge.own.set(rowFit.ridge.map((value) => value / length / length));
  const own = { ...entries, indices: indices.map((_, e) => e), values: left.map((value) => value / unit) };
  atOnce(regressRows({ entries: own, beside, ridge, weighting: { kind: 'ratings', mean: 0, biases }, solutions: solution }));
  const factors = solution.subarray(0, rank).map((value) => (value / length) * unit);
  return { bias: biases ? solution[rank] * unit : 0, factors };
}

/** Returns the power of two, up to its double, of the largest magnitude; 1 if there is none. */
function sizeOfEntries(values: Float64Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest > 0 ? 2 ** Math.floor(Math.log2(largest)) : 1;
}
