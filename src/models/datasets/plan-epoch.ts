/** Which rows come together in one pass over a data set. */
import type { Random } from '../../core/random.js';

/** How rows are put together. */
export interface EpochPlan {
  /** `file`: as they come; `shuffled`: at random; `length`: batches of nearly equal lengths, in random order. */
  readonly order: 'file' | 'shuffled' | 'length';
  /** Sequences a batch. */
  readonly batchSize: number;
  /** Tokens a sequence that several rows are packed into; one row a sequence where undefined. */
  readonly packLength: number | undefined;
}

/** Rows, by number, of the sequences of the batches. */
export type PlannedBatch = readonly (readonly number[])[];

/** How many unfinished sequences a row is tried in: more would pack hardly denser, and cost the square of the number of rows. */
const mostOpen = 64;

/**
 * Plans one pass over rows: every row once.
 *
 * @param lengths - tokens of each row.
 * @param random - advanced by the draws of this pass; not by `file`.
 */
export function planEpoch(
  lengths: readonly number[],
  { order, batchSize, packLength }: EpochPlan,
  random: Random,
): readonly PlannedBatch[] {
  const rows = [...lengths.keys()];
  if (order !== 'file') shuffleInPlace(rows, random);
  const sequences = packLength === undefined ? rows.map((row) => [row]) : pack(rows, lengths, packLength);
  if (order === 'length') {
    const total = new Map(sequences.map((sequence) => [sequence, sequence.reduce((sum, row) => sum + lengths[row], 0)]));
    sequences.sort((a, b) => (total.get(a) ?? 0) - (total.get(b) ?? 0));
  }
  const batches: PlannedBatch[] = [];
  for (let start = 0; start < sequences.length; start += batchSize) batches.push(sequences.slice(start, start + batchSize));
  if (order === 'length') shuffleInPlace(batches, random);
  return batches;
}

/** First fit among the sequences opened last; a row is never divided. */
function pack(rows: readonly number[], lengths: readonly number[], packLength: number): number[][] {
  const sequences: { readonly rows: number[]; free: number }[] = [];
  for (const row of rows) {
    const length = lengths[row];
    let place = sequences.slice(-mostOpen).find(({ free }) => free >= length);
    if (place === undefined) {
      place = { rows: [], free: packLength };
      sequences.push(place);
    }
    place.rows.push(row);
    place.free -= length;
  }
  return sequences.map((sequence) => sequence.rows);
}

/** Fisher–Yates: every order is equally likely. */
function shuffleInPlace(items: unknown[], random: Random): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random.uniform() * (last + 1));
    [items[last], items[other]] = [items[other], items[last]];
  }
}
