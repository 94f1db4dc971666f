/** One training example as tokens and labels; arrays of one length. */
export interface TokenRow {
  /** The tokens, from the first of the prompt to the end token. */
  readonly inputIds: Int32Array;
  /** The same tokens where the model is trained to predict them, −100 elsewhere, as on the prompt. */
  readonly labels: Int32Array;
}

/** The label of a token that is not to be predicted: PyTorch's `ignore_index`. */
export const ignoredLabel = -100;
