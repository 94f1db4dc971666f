/** The shape of a causal language model, read from any style of `config.json`. */
export interface CausalLMConfig {
  /** `model_type` of the file: the architecture. */
  readonly modelType: string;
  /** Tokens lie in 0 … vocabularySize − 1. */
  readonly vocabularySize: number;
  /** Length of the vector that stands for a token. */
  readonly hiddenSize: number;
  /** Length inside the feed-forward layers. */
  readonly intermediateSize: number;
  /** Number of blocks. */
  readonly layers: number;
  /** Number of query heads. */
  readonly heads: number;
  /** Number of key and value heads; divides `heads`. */
  readonly keyValueHeads: number;
  /** Length of one head. */
  readonly headSize: number;
  /** The longest sequence, in tokens. */
  readonly maxPositions: number;
  /** ε of the normalizations. */
  readonly normEpsilon: number;
  /** True if the head's weight is the embedding's. */
  readonly tiedHead: boolean;
  /** Tokens after which generation stops. */
  readonly endTokens: readonly number[];
}
