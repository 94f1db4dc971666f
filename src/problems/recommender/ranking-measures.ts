import { ConfigError, ShapeError } from '../../core/errors.js';
import { eventLoopYielder } from '../../core/event-loop.js';
import { count, declareOptions, number, option, size } from '../../core/options.js';
import { seededRandom } from '../../core/random.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { type HostArray, hostAlgebra } from '../../linalg/host/host-algebra.js';
import { modelNumbers, type RatingModel, rowOf } from './rating-model.js';
import { highest, rowScores } from './recommend.js';

/** Options of {@link rankingMeasures}. */
export interface RankingMeasuresOptions {
  /** Entries that the model was fitted to; their columns are not recommended to their rows. */
  readonly known: CsrMatrix<HostArray>;
  /** Entries that were set aside. */
  readonly test: CsrMatrix<HostArray>;
  /** Length N of the lists. Default: 10. */
  readonly top?: number;
  /** Least value with which a test entry is relevant. Default: none, every test entry is. */
  readonly relevant?: number;
  /** Largest number of rows to rank columns for; of more, as many are drawn. Default: all. */
  readonly maxRows?: number;
  /** Seed of the draw. Default: 0. */
  readonly seed?: number;
}

const checkEntries = (caller: string, _name: string, matrix: unknown): void => checkCsr(caller, matrix as CsrMatrix<unknown>);

const rankingMeasuresOptions = declareOptions<RankingMeasuresOptions>()({
  known: option({}, checkEntries),
  test: option({}, checkEntries),
  top: size({ default: 10 }),
  relevant: number({ optional: true }),
  maxRows: size({ optional: true }),
  seed: count({ default: 0 }),
});

/** The defaults of {@link rankingMeasures}. */
export const rankingMeasuresDefaults: Required<Pick<RankingMeasuresOptions, 'top' | 'seed'>> = rankingMeasuresOptions.defaults;

/** Measures of lists of recommendations, each the mean over the rows that have a relevant test entry. */
export interface RankingMeasures {
  /** Length N of the lists. */
  readonly top: number;
  /** Number of rows that were ranked. */
  readonly rows: number;
  /** Precision at N: part of the list that is relevant, hits / N. */
  readonly precision: number;
  /** Recall at N: part of what is relevant that is in the list, hits / number of relevant test entries. */
  readonly recall: number;
  /**
   * Normalized discounted cumulative gain at N: Σ 1/log₂(place + 1) over the hits, divided by that of the best list.
   */
  readonly ndcg: number;
}

/**
 * Measures what a model recommends against entries that were set aside. For each row with a relevant test entry, all
 * columns but those of its known entries are ranked by prediction, and the N highest are compared with the columns of
 * its relevant test entries. A column without a test entry counts as not relevant, since nothing else is known of it:
 * the measures are to be compared with those of another model, not with 1.
 *
 * @returns the measures, or `undefined` if no row has a relevant test entry. 2nr flops for each row.
 * @throws ConfigError, ShapeError for invalid options, or tables of other sizes than the model's.
 * @see Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002; Cremonesi,
 * Koren and Turrin, "Performance of recommender algorithms on top-N recommendation tasks", RecSys 2010.
 */
export async function rankingMeasures(model: RatingModel, options: RankingMeasuresOptions): Promise<RankingMeasures | undefined> {
  const caller = 'rankingMeasures';
  const numbers = modelNumbers(caller, model);
  const settings = rankingMeasuresOptions.read(caller, options);
  const { known, test, top, relevant = Number.NEGATIVE_INFINITY, maxRows = Number.POSITIVE_INFINITY, seed } = settings;
  for (const { rows, columns } of [known, test]) {
    if (rows === numbers.rows && columns === numbers.columns) continue;
    throw new ShapeError(
      `${caller}: expected tables of ${numbers.rows}×${numbers.columns}, as the model is, got ${rows}×${columns}; pass parts of the table that it was fitted to`,
    );
  }
  if (known === test) throw new ConfigError(`${caller}: known and test are the same table; set entries aside, say by splitEntries`);
  const values = hostAlgebra().peek(test.values);
  const rows = drawn(rowsWith(test, values, relevant), maxRows, seed);
  const scores = new Float64Array(numbers.columns);
  const wanted = new Int32Array(numbers.columns).fill(-1);
  const turn = eventLoopYielder();
  let [precision, recall, ndcg] = [0, 0, 0];
  for (const i of rows) {
    rowScores(model, numbers, rowOf(caller, model, numbers, i), scores);
    for (let e = known.rowPointers[i]; e < known.rowPointers[i + 1]; e++) scores[known.columnIndices[e]] = Number.NEGATIVE_INFINITY;
    let count = 0;
    for (let e = test.rowPointers[i]; e < test.rowPointers[i + 1]; e++) {
      const column = test.columnIndices[e];
      if (!(values[e] >= relevant) || wanted[column] === i) continue;
      wanted[column] = i;
      count++;
    }
    let [hits, gain, ideal] = [0, 0, 0];
    for (const [place, column] of highest(scores, top).entries()) {
      if (wanted[column] !== i) continue;
      hits++;
      gain += 1 / Math.log2(place + 2);
    }
    for (let place = 0; place < Math.min(top, count); place++) ideal += 1 / Math.log2(place + 2);
    precision += hits / top;
    recall += hits / count;
    ndcg += gain / ideal;
    await turn();
  }
  const mean = (sum: number): number => sum / rows.length;
  return rows.length === 0 ? undefined : { top, rows: rows.length, precision: mean(precision), recall: mean(recall), ndcg: mean(ndcg) };
}

/** Returns the rows that have an entry of at least a value. */
function rowsWith({ rows, rowPointers }: CsrMatrix<HostArray>, values: Float64Array, least: number): readonly number[] {
  const found: number[] = [];
  for (let i = 0; i < rows; i++) {
    let e = rowPointers[i];
    while (e < rowPointers[i + 1] && !(values[e] >= least)) e++;
    if (e < rowPointers[i + 1]) found.push(i);
  }
  return found;
}

/** Draws at most `most` of a list, without replacement. */
function drawn(rows: readonly number[], most: number, seed: number): readonly number[] {
  if (rows.length <= most) return rows;
  const random = seededRandom(seed);
  const pool = Array.from(rows);
  for (let k = 0; k < most; k++) {
    const other = k + Math.floor(random.uniform() * (pool.length - k));
    [pool[k], pool[other]] = [pool[other], pool[k]];
  }
  return pool.slice(0, most);
}
