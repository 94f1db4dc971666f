/** Batches for training, epoch after epoch, in an order that can be resumed. */
import { ConfigError, FormatError, ShapeError } from '../../core/errors.js';
import { choice, declareOptions, describeValue, number, option, type Settings, size } from '../../core/options.js';
import { restoreRandom, seededRandom } from '../../core/random.js';
import { isJsonObject } from '../../io/parse-json.js';
import type { TokenBatch } from '../token-batch.js';
import { collatePacked, collateRows, padIdOption } from './collate-rows.js';
import { type EpochPlan, planEpoch, rowsInPass, type WeightedRows } from './plan-epoch.js';
import type { TokenRow } from './token-row.js';

/** Values that batches depend on besides the random numbers. */
export interface BatchPlan {
  /** Number of rows. */
  readonly rows: number;
  /** The option `order`. */
  readonly order: string;
  /** The option `batchSize`. */
  readonly batchSize: number;
  /** The option `packLength`; null if rows are not packed. */
  readonly packLength: number | null;
  /** The option `parts`; missing where every row comes once. */
  readonly parts?: readonly WeightedRows[];
}

/** Position of a {@link BatchStream}: plain data, which JSON keeps exactly. */
export interface BatchStreamState {
  /** Number of complete passes over the rows. */
  readonly epoch: number;
  /** Number of batches given in the present pass. */
  readonly batch: number;
  /** State of the random numbers at the beginning of the present pass. */
  readonly random: readonly number[];
  /** Number of rows, and options: batches come out the same only with these. */
  readonly plan: BatchPlan;
}

/** Options of {@link batchStream}. */
export interface BatchStreamOptions {
  /** Token that fills up shorter rows. */
  readonly padId: number;
  /** Rows per batch or, packed, sequences; the last batch of a pass may have fewer. Default: 8. */
  readonly batchSize?: number;
  /**
   * `shuffled`: in random order; `length`: rows of nearly equal length together, so that there is little padding, and
   * the batches in random order; `file`: as they come. Random orders are new in each pass. Default: `'shuffled'`.
   */
  readonly order?: 'shuffled' | 'length' | 'file';
  /**
   * Most tokens of the sequences that whole rows are packed into; `segmentIds` keep them apart. Default: one row per
   * sequence.
   */
  readonly packLength?: number;
  /**
   * All rows in order, divided into parts with weights, such as several data sets: a pass gives every row of a part
   * `weight` times, and where that is a fraction, so many of its rows, drawn in every pass anew. Default: every row
   * once.
   */
  readonly parts?: readonly WeightedRows[];
  /** Seed of the random orders. Default: 0. */
  readonly seed?: number;
  /** Position to go on from, which `state()` returned; the seed is in it. Default: none, the beginning. */
  readonly state?: BatchStreamState;
}

const batchStreamOptions = declareOptions<BatchStreamOptions>()({
  padId: padIdOption,
  batchSize: size({ default: 8 }),
  order: choice(['shuffled', 'length', 'file'], { default: 'shuffled' }),
  packLength: size({ optional: true }),
  // Compared with the rows, as the state is.
  parts: option({ optional: true }),
  seed: number({ default: 0 }),
  // Compared with the rows when all else is known.
  state: option({ optional: true }),
});

/** Maximum number of rows of a part in a pass: their numbers are listed. */
const MOST_IN_PASS = 1e8;

/** Defaults of {@link batchStream}. */
export const batchStreamDefaults: Required<Pick<BatchStreamOptions, 'batchSize' | 'order' | 'seed'>> = batchStreamOptions.defaults;

/** An endless sequence of batches. */
export interface BatchStream {
  /** Returns the next batch; each pass over the rows gives every row once, or as often as its weight says. */
  next(): TokenBatch;
  /** Returns the position of the stream, for `state` of a later one. */
  state(): BatchStreamState;
  /** Number of batches in the present pass. */
  readonly batchesPerEpoch: number;
}

/**
 * Opens a stream of batches over rows, padded to the longest of each batch.
 *
 * @param rows - the data.
 * @param options - see {@link BatchStreamOptions}.
 * @returns the stream. Cost: planning (at most a sort) per epoch, and the batch's size per batch.
 * @throws ShapeError if there are no rows, a row is longer than `packLength`, or the parts are not all rows;
 * ConfigError for other options out of range, such as a weight with which no row is given; FormatError if the state is
 * invalid, or of other rows or options.
 */
export function batchStream(rows: readonly TokenRow[], options: BatchStreamOptions): BatchStream {
  const caller = 'batchStream';
  const { padId, seed, state, ...settings } = batchStreamOptions.read(caller, options);
  const plan = planFor(caller, rows, settings);
  const fingerprint = {
    rows: rows.length,
    order: plan.order,
    batchSize: plan.batchSize,
    packLength: plan.packLength ?? null,
    ...(plan.parts === undefined ? {} : { parts: plan.parts }),
  };
  const lengths = rows.map(({ inputIds }) => inputIds.length);
  const saved = state === undefined ? undefined : checkState(caller, state, fingerprint);
  const random = saved === undefined ? seededRandom(seed) : restoreRandom(saved.random);
  const beginEpoch = (epoch: number) => ({ epoch, random: random.state(), batches: planEpoch(lengths, plan, random) });
  let current = beginEpoch(saved?.epoch ?? 0);
  let taken = saved?.batch ?? 0;
  if (taken > current.batches.length) {
    throw new FormatError(`${caller}: state.batch must be at most ${current.batches.length}, got ${taken}; pass what state() returned`);
  }
  return {
    next() {
      if (taken === current.batches.length) {
        current = beginEpoch(current.epoch + 1);
        taken = 0;
      }
      const sequences = current.batches[taken].map((sequence) => sequence.map((row) => rows[row]));
      const batch = plan.packLength === undefined ? collateRows(sequences.flat(), { padId }) : collatePacked(sequences, padId);
      taken += 1;
      return batch;
    },
    state: () => ({ epoch: current.epoch, batch: taken, random: current.random, plan: fingerprint }),
    get batchesPerEpoch() {
      return current.batches.length;
    },
  };
}

function planFor(
  caller: string,
  rows: readonly TokenRow[],
  {
    batchSize,
    order,
    packLength,
    parts,
  }: Pick<Settings<BatchStreamOptions, 'batchSize' | 'order'>, 'batchSize' | 'order' | 'packLength' | 'parts'>,
): EpochPlan {
  if (rows.length === 0) throw new ShapeError(`${caller}: expected rows, got none; read a data set that has some`);
  const empty = rows.findIndex(({ inputIds }) => inputIds.length === 0);
  if (empty >= 0) throw new ShapeError(`${caller}: expected rows with tokens, got none in row ${empty}; drop empty rows first`);
  if (packLength !== undefined) {
    const long = rows.findIndex(({ inputIds }) => inputIds.length > packLength);
    if (long >= 0) {
      throw new ShapeError(
        `${caller}: expected rows of at most packLength = ${packLength} tokens, got ${rows[long].inputIds.length} in row ${long}; read them with that maxLength`,
      );
    }
  }
  return { order, batchSize, packLength, parts: parts === undefined ? undefined : checkParts(caller, rows.length, parts) };
}

function checkParts(caller: string, rows: number, parts: unknown): readonly WeightedRows[] {
  const isPart = (part: unknown): part is WeightedRows =>
    isJsonObject(part) && isCount(part.rows) && part.rows > 0 && Number.isFinite(part.weight) && (part.weight as number) > 0;
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every(isPart)) {
    const wrong = Array.isArray(parts) ? parts.find((part) => !isPart(part)) : parts;
    throw new ConfigError(
      `${caller}: expected parts to be a list of { rows, weight } with a number of rows and a positive weight, got ${describeValue(wrong)}; leave parts out to give every row once`,
    );
  }
  const own = parts.map((part) => ({ rows: part.rows, weight: part.weight }));
  const total = own.reduce((sum, part) => sum + part.rows, 0);
  if (total !== rows) throw new ShapeError(`${caller}: expected parts of ${rows} rows in all, got ${total}; list every row in one part`);
  for (const part of own) {
    const given = rowsInPass(part);
    if (given === 0)
      throw new ConfigError(
        `${caller}: expected a weight with which at least one of ${part.rows} rows is given in a pass, got ${part.weight}; raise it, or leave the part out`,
      );
    if (given > MOST_IN_PASS)
      throw new ConfigError(
        `${caller}: expected at most ${MOST_IN_PASS} rows in a pass, got ${given} of a part with weight ${part.weight}; lower it`,
      );
  }
  return own;
}

function checkState(caller: string, state: unknown, plan: BatchStreamState['plan']): BatchStreamState {
  const fail = (problem: string): never => {
    throw new FormatError(`${caller}: ${problem}; pass what state() returned, with the same rows and options`);
  };
  if (!isJsonObject(state) || !isJsonObject(state.plan)) return fail(`state must be an object with a plan, got ${describeValue(state)}`);
  if (state.plan.parts !== undefined && plan.parts === undefined) fail('state.plan.parts must be missing, as parts are now');
  for (const [key, value] of Object.entries(plan)) {
    if (JSON.stringify(state.plan[key]) !== JSON.stringify(value))
      fail(`state.plan.${key} must be ${describeValue(value)} as now, got ${describeValue(state.plan[key])}`);
  }
  const { epoch, batch, random } = state;
  if (!isCount(epoch) || !isCount(batch))
    return fail(`state.epoch and state.batch must be integers ≥ 0, got ${describeValue(epoch)} and ${describeValue(batch)}`);
  if (!Array.isArray(random) || !random.every((word) => typeof word === 'number')) return fail('state.random must be a list of numbers');
  return { epoch, batch, random, plan };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
