/** A batch of token sequences, padded to one length: entry t of row b is at b · length + t of each array. */
export interface TokenBatch {
  /** Number of sequences. */
  readonly batch: number;
  /** Length of each sequence. */
  readonly length: number;
  /** Tokens. */
  readonly inputIds: Int32Array;
  /** 1 for a token, 0 for padding, which no token attends to. Default: all tokens. */
  readonly attentionMask?: Uint8Array;
  /**
   * Segment of each token, for several texts in one row: a token attends to its own segment only, and positions restart
   * where the number changes.
   */
  readonly segmentIds?: Int32Array;
  /**
   * Tokens to predict, −100 for none. As in transformers, label t is compared with the prediction from the tokens
   * before t, so the first label of a row, and of a segment, does not count.
   */
  readonly labels?: Int32Array;
}
