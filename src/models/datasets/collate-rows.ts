/** Rows of different lengths as one batch. */
import { ConfigError, ShapeError } from '../../core/errors.js';
import { declareOptions, describeValue, type Option, option } from '../../core/options.js';
import type { TokenBatch } from '../token-batch.js';
import { ignoredLabel, type TokenRow } from './token-row.js';

/** Options of {@link collateRows}. */
export interface CollateOptions {
  /** Token that fills up shorter rows. It is not attended to and carries no label. */
  readonly padId: number;
}

/** Declares the token for padding, a token id. */
export const padIdOption: Option<number, 'required'> = option({}, (caller, _name, padId) => {
  if (Number.isInteger(padId) && (padId as number) >= 0 && (padId as number) < 2 ** 31) return;
  throw new ConfigError(
    `${caller}: padId must be a token id, got ${describeValue(padId)}; pass, say, the tokenizer's specials.pad.id, or 0`,
  );
});

const collateOptions = declareOptions<CollateOptions>()({ padId: padIdOption });

/**
 * Puts rows into one batch, padded on the right to the longest.
 *
 * @param rows - at least one.
 * @param options - see {@link CollateOptions}.
 * @returns new arrays of rows × length of the longest.
 * @throws ShapeError if there are no rows, or none has a token, or one has more or fewer labels than tokens;
 * ConfigError if `padId` is no token id.
 */
export function collateRows(rows: readonly TokenRow[], options: CollateOptions): TokenBatch {
  const { padId } = collateOptions.read('collateRows', options);
  return collate(rows, padId);
}

/**
 * Packs several rows into each sequence of a batch. Padding joins the last segment: it is not attended to. The first
 * label of a segment becomes −100, since the token before it is another row's.
 *
 * @throws as {@link collateRows} does.
 */
export function collatePacked(sequences: readonly (readonly TokenRow[])[], padId: number): TokenBatch {
  const batch = collate(sequences.map(joinRows), padId);
  const segmentIds = new Int32Array(batch.batch * batch.length);
  for (const [position, rows] of sequences.entries()) {
    const sequence = segmentIds.subarray(position * batch.length, (position + 1) * batch.length);
    let start = 0;
    for (const [segment, { inputIds }] of rows.entries()) {
      sequence.fill(segment, start);
      start += inputIds.length;
    }
  }
  return { ...batch, segmentIds };
}

function collate(rows: readonly TokenRow[], padId: number): TokenBatch {
  const length = rows.reduce((longest, { inputIds }) => Math.max(longest, inputIds.length), 0);
  if (length === 0)
    throw new ShapeError(`collateRows: expected a row with tokens at least, got ${rows.length} rows without; drop empty rows first`);
  const inputIds = new Int32Array(rows.length * length).fill(padId);
  const labels = new Int32Array(rows.length * length).fill(ignoredLabel);
  const attentionMask = new Uint8Array(rows.length * length);
  for (const [position, row] of rows.entries()) {
    const start = position * length;
    if (row.labels.length !== row.inputIds.length) {
      throw new ShapeError(
        `collateRows: expected a label a token, got ${row.labels.length} for ${row.inputIds.length} in row ${position}; pass rows of readDataset`,
      );
    }
    inputIds.set(row.inputIds, start);
    labels.set(row.labels, start);
    attentionMask.fill(1, start, start + row.inputIds.length);
  }
  return { batch: rows.length, length, inputIds, attentionMask, labels };
}

function joinRows(rows: readonly TokenRow[]): TokenRow {
  const length = rows.reduce((total, { inputIds }) => total + inputIds.length, 0);
  const joined = { inputIds: new Int32Array(length), labels: new Int32Array(length) };
  let start = 0;
  for (const { inputIds, labels } of rows) {
    joined.inputIds.set(inputIds, start);
    joined.labels.set(labels, start);
    if (inputIds.length > 0) joined.labels[start] = ignoredLabel;
    start += inputIds.length;
  }
  return joined;
}
