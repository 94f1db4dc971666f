import { ConfigError } from '../../core/errors.js';
import { choice, declareOptions, describeValue, number, option } from '../../core/options.js';
import { checkCsr } from '../../linalg/csr.js';
import type { CsrMatrix } from '../../linalg/csr-matrix.js';
import { checkAlgebra, type LinearAlgebra } from '../../linalg/linear-algebra.js';
import { type EntrySplit, partsOf } from '../split-entries.js';

/** Spans of which the latest entries can be set aside: the whole table, or each row by itself. */
export const timeSpans = ['table', 'rows'] as const;
/** One of {@link timeSpans}. */
export type TimeSpan = (typeof timeSpans)[number];

/** Options of {@link splitByTime}. */
export interface SplitByTimeOptions {
  /** Time of each entry, in the order of the entries, in any unit. */
  readonly times: ArrayLike<number>;
  /** Fraction of the entries to set aside at most, in (0, 1). */
  readonly fraction: number;
  /**
   * What the latest entries are taken of. `'table'`: all entries, so that everything that is fitted was known before
   * everything that is tested; `'rows'`: each row, so that every row with enough entries is tested. Default: `'table'`.
   */
  readonly of?: TimeSpan;
}

const splitByTimeOptions = declareOptions<SplitByTimeOptions>()({
  times: option({}),
  fraction: number({ above: 0, below: 1 }),
  of: choice(timeSpans, { default: 'table' }),
});

/** The defaults of {@link splitByTime}. */
export const splitByTimeDefaults: Required<Pick<SplitByTimeOptions, 'of'>> = splitByTimeOptions.defaults;

/** Times of entries, by which the latest are set aside. */
export interface EntryTimes {
  /** Time of each entry, in the order of the entries, in any unit. */
  readonly times: ArrayLike<number>;
  /** What the latest entries are taken of: see {@link splitByTime}. Default: `'table'`. */
  readonly of?: TimeSpan;
}

/** Declares the option that takes {@link EntryTimes}; the split checks the times themselves. */
export const timesOption = option<EntryTimes, { readonly optional: true }>({ optional: true }, (caller, name, value) => {
  const { times, of } = (value ?? {}) as Partial<EntryTimes>;
  if (typeof times === 'object' && (of === undefined || timeSpans.includes(of))) return;
  throw new ConfigError(
    `${caller}: ${name} must be { times, of: ${timeSpans.map((span) => `'${span}'`).join(' or ')} }, got ${describeValue(value)}; pass a time for each entry`,
  );
});

/** Entries in two parts, with the times of the first. */
export interface TimeSplit<M> extends EntrySplit<M> {
  /** Times of the entries to fit, for a further split. */
  readonly trainTimes: Float64Array;
}

/**
 * Splits the entries of a sparse matrix by time: the latest are set aside, never more than the fraction, of the table
 * or of each row: of a row of 9 entries a tenth is none. Entries of the same time stay on the same side, that of the
 * earlier ones, so that fewer are set aside where times repeat; none where all are equal.
 *
 * @param la - the engine of the data.
 * @returns two new matrices of the same shape, and the times of the first; O(nnz log nnz) time.
 * @throws ConfigError for a fraction that is not between 0 and 1, and unless there is a finite time for each entry.
 */
export async function splitByTime<M>(la: LinearAlgebra<M>, data: CsrMatrix<M>, options: SplitByTimeOptions): Promise<TimeSplit<M>> {
  const caller = 'splitByTime';
  checkAlgebra(caller, la);
  checkCsr(caller, data);
  const { times: given, fraction, of } = splitByTimeOptions.read(caller, options);
  const times = checkedTimes(caller, data, given);
  const aside = new Uint8Array(times.length);
  if (of === 'table') markLatest(times, 0, times.length, fraction, aside);
  else for (let i = 0; i < data.rows; i++) markLatest(times, data.rowPointers[i], data.rowPointers[i + 1], fraction, aside);
  return { ...(await partsOf(la, data, aside)), trainTimes: times.filter((_, e) => aside[e] === 0) };
}

/** @throws ConfigError unless there is a finite time for each entry. */
function checkedTimes(caller: string, { columnIndices }: CsrMatrix<unknown>, times: ArrayLike<number>): Float64Array {
  const count = columnIndices.length;
  if (typeof times !== 'object' || times?.length !== count) {
    throw new ConfigError(
      `${caller}: expected a time for each of ${count} entries, got ${times?.length === undefined ? describeValue(times) : times.length}; pass them in the order of the entries`,
    );
  }
  const numbers = Float64Array.from(times);
  const wrong = numbers.findIndex((time) => !Number.isFinite(time));
  if (wrong < 0) return numbers;
  throw new ConfigError(`${caller}: expected finite times, got ${numbers[wrong]} for entry ${wrong}; leave out entries without a time`);
}

/** Marks those of the entries from `first` to before `last` that are later than all but at most a fraction of them. */
function markLatest(times: Float64Array, first: number, last: number, fraction: number, aside: Uint8Array): void {
  const count = last - first;
  // Rounding must not lose an entry where the fraction gives an integer: 0.29 of 100 are 29.
  const wanted = Math.floor(fraction * count * (1 + 2 * Number.EPSILON));
  if (wanted === 0) return;
  const latestKept = times.slice(first, last).sort()[count - wanted - 1];
  for (let e = first; e < last; e++) if (times[e] > latestKept) aside[e] = 1;
}
