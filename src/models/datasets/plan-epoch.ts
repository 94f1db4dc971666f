/** Plans the batches of one pass over a data set. */
import type { Random } from '../../core/random.js';

/** Consecutive rows that a pass gives equally often. */
export interface WeightedRows {
  /** Number of rows. */
  readonly rows: number;
  /** How often a pass gives each of them; of a fraction, so many of the rows are drawn in every pass anew. */
  readonly weight: number;
}

/** Options of {@link planEpoch}. */
export interface EpochPlan {
  /**
   * `file`: as they come; `shuffled`: at random; `length`: batches of nearly equal lengths, different in each pass, in
   * random order.
   */
  readonly order: 'file' | 'shuffled' | 'length';
  /** Sequences per batch. */
  readonly batchSize: number;
  /** Most tokens of the sequences that rows are packed into; one row per sequence if undefined. */
  readonly packLength: number | undefined;
  /** All rows, in order, with their weights. Default: every row once. */
  readonly parts?: readonly WeightedRows[] | undefined;
}

/**
 * Batches that are sorted by length together. Sorting all rows would put the same ones together in every pass; so it is
 * a quarter of them, as in Hugging Face's group_by_length, but not so few that a batch spans many lengths.
 */
const sortedBatches = { least: 8, most: 50 } as const;

/** A batch: the numbers of the rows in each of its sequences. */
export type PlannedBatch = readonly (readonly number[])[];

/**
 * Number of unfinished sequences in which a row is tried: more would pack hardly denser, and cost the square of the
 * number of rows.
 */
const mostOpen = 64;

/**
 * Plans one pass over rows: every row as often as its weight says.
 *
 * @param lengths - tokens of each row.
 * @param random - advanced by the draws of this pass; by `file` only where a weight is a fraction.
 */
export function planEpoch(
  lengths: readonly number[],
  { order, batchSize, packLength, parts = [{ rows: lengths.length, weight: 1 }] }: EpochPlan,
  random: Random,
): readonly PlannedBatch[] {
  const rows = drawRows(parts, random);
  if (order !== 'file') shuffleInPlace(rows, random);
  const sequences = packLength === undefined ? rows.map((row) => [row]) : pack(rows, lengths, packLength);
  if (order === 'length') sortInGroups(sequences, lengths, batchSize);
  const batches: PlannedBatch[] = [];
  for (let start = 0; start < sequences.length; start += batchSize) batches.push(sequences.slice(start, start + batchSize));
  if (order === 'length') shuffleInPlace(batches, random);
  return batches;
}

/** Number of rows that a pass gives of a part: the same in every pass. */
export const rowsInPass = ({ rows, weight }: WeightedRows): number => Math.round(rows * weight);

/** The rows of a pass, in their order: whole repetitions of a part, and then those that are drawn of it. */
function drawRows(parts: readonly WeightedRows[], random: Random): number[] {
  const drawn: number[] = [];
  let first = 0;
  for (const part of parts) {
    const all = Array.from({ length: part.rows }, (_, i) => first + i);
    let left = rowsInPass(part);
    // One by one: so many arguments would exceed the stack.
    for (; left >= part.rows; left -= part.rows) for (const row of all) drawn.push(row);
    if (left > 0) {
      const order = [...all];
      shuffleInPlace(order, random);
      for (const row of order.slice(0, left).sort((a, b) => a - b)) drawn.push(row);
    }
    first += part.rows;
  }
  return drawn;
}

/** Sorts within groups of batches; which rows share a group was drawn before. */
function sortInGroups(sequences: number[][], lengths: readonly number[], batchSize: number): void {
  const total = (sequence: readonly number[]): number => sequence.reduce((sum, row) => sum + lengths[row], 0);
  const quarter = Math.ceil(sequences.length / (4 * batchSize));
  const group = batchSize * Math.min(sortedBatches.most, Math.max(sortedBatches.least, quarter));
  for (let start = 0; start < sequences.length; start += group) {
    const sorted = sequences.slice(start, start + group).sort((a, b) => total(a) - total(b));
    sequences.splice(start, sorted.length, ...sorted);
  }
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
