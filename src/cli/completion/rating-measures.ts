/** What a completion of ratings is worth on its test entries, beside the root mean square error. */
import { counted } from '../../core/counted.js';
import { type CsrMatrix, type HostArray, hostAlgebra } from '../../index.js';
import {
  type Completion,
  popularityModel,
  predictRatings,
  type RankingMeasures,
  type RatingModel,
  rankingMeasures,
} from '../../problems/index.js';
import { short, table } from '../format.js';

/** Measures of the lists that a model and popularity alone recommend. */
export interface ListMeasures {
  /** Length of the lists. */
  readonly top: number;
  /** Number of rows that were ranked. */
  readonly rows: number;
  /** Least value of a relevant entry; absent if every test entry is relevant. */
  readonly relevant?: number;
  readonly model: ListQuality;
  readonly popularity: ListQuality;
}

type ListQuality = Pick<RankingMeasures, 'precision' | 'recall' | 'ndcg'>;

/** Measures of a completion; absent without test entries. */
export interface RatingMeasures {
  /** Root mean square error over the test entries of predictions clipped to the range of the ratings. */
  readonly clippedRmse?: number;
  readonly ranking?: ListMeasures;
}

/** How lists are measured. */
export interface ListSettings {
  readonly top: number;
  /** Least value of a relevant entry. Default: the mean of the fitted ones. */
  readonly relevant?: number | undefined;
  readonly seed: number;
}

/** Largest number of rows that are ranked: enough for two digits, in seconds for any table. */
export const mostRankedRows = 2000;

/** Measures a completion of ratings. */
export async function ratingMeasures(completion: Completion, model: RatingModel, settings: ListSettings): Promise<RatingMeasures> {
  const { known, test } = completion;
  if (test === undefined) return {};
  const relevant = settings.relevant ?? meanOf(hostAlgebra().peek(known.values));
  const options = { known, test, top: settings.top, seed: settings.seed, relevant, maxRows: mostRankedRows };
  const [own, popularity] = [await rankingMeasures(model, options), await rankingMeasures(popularityModel(known), options)];
  const clippedRmse = rmse(model, test);
  return { clippedRmse, ...(own && popularity ? { ranking: listMeasures(own, popularity, relevant) } : {}) };
}

/** Joins the measures of a model and of popularity. */
export function listMeasures(own: RankingMeasures, popularity: RankingMeasures, relevant?: number): ListMeasures {
  const quality = ({ precision, recall, ndcg }: RankingMeasures): ListQuality => ({ precision, recall, ndcg });
  const { top, rows } = own;
  return { top, rows, ...(relevant === undefined ? {} : { relevant }), model: quality(own), popularity: quality(popularity) };
}

function rmse(model: RatingModel, test: CsrMatrix<HostArray>): number {
  const rowIndices = new Int32Array(test.columnIndices.length);
  for (let i = 0; i < test.rows; i++) rowIndices.fill(i, test.rowPointers[i], test.rowPointers[i + 1]);
  const values = hostAlgebra().peek(test.values);
  const [least, greatest] = model.range ?? [0, 0];
  // In units of the largest, since squares of values of any size may overflow or vanish.
  const unit = Math.max(Math.abs(least), Math.abs(greatest)) || 1;
  let squares = 0;
  predictRatings(model, rowIndices, test.columnIndices).forEach((prediction, e) => {
    squares += (prediction / unit - values[e] / unit) ** 2;
  });
  return unit * Math.sqrt(squares / values.length);
}

/** Returns the mean, also of numbers whose sum overflows. */
function meanOf(values: Float64Array): number {
  let mean = 0;
  values.forEach((value, e) => {
    mean += value / (e + 1) - mean / (e + 1);
  });
  return mean;
}

/** Formats the measures of lists as a table. */
export function rankingText({ top, rows, relevant, model, popularity }: ListMeasures): string {
  const row = (name: string, { precision, recall, ndcg }: ListQuality): string[] => [
    name,
    ...[precision, recall, ndcg].map((part) => part.toFixed(4)),
  ];
  const which = relevant === undefined ? '' : `, relevant from ${short(relevant)} on`;
  const header = [`${counted(rows, 'row')}${which}`, `precision@${top}`, `recall@${top}`, `NDCG@${top}`];
  return table([header, row('most popular', popularity), row('model', model)]);
}
