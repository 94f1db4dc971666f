/** Batches of token sequences, padded to one length. */

/** Sequences of one length, row by row: entry t of row b is at b · length + t of each array. */
export interface TokenBatch {
  /** How many sequences. */
  readonly batch: number;
  /** Length of each. */
  readonly length: number;
  /** Tokens. */
  readonly inputIds: Int32Array;
  /** 1 for a token, 0 for padding, which no token attends to; all tokens where not given. */
  readonly attentionMask?: Uint8Array;
  /**
   * For several texts in one row: a token attends to its own segment only, and positions restart where the number
   * changes.
   */
  readonly segmentIds?: Int32Array;
  /**
   * The tokens to predict, −100 where none is: label t is held against the prediction from tokens before t, as in
   * transformers, so the first label of a row, and of a segment, does not count.
   */
  readonly labels?: Int32Array;
}
