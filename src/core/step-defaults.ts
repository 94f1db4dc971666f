/**
 * The training step whose memory is told unless another is asked for; apart, since help needs it without TensorFlow.js.
 */
export const stepDefaults = {
  /** Rows. */
  batch: 8,
  /** Tokens of a row. */
  length: 512,
  /** Rank of the adapters. */
  rank: 16,
} as const;
