import type { CausalLMConfig } from './causal-lm-config.js';

/**
 * Arrays of the hidden size that a block keeps for the way back: inputs of both norms and their results, q, attention's
 * result, and the sum.
 */
const HIDDEN_ARRAYS = 7;
/** And of the feed-forward size: gate, up, and their product. */
const INNER_ARRAYS = 3;
const BYTES = 4;

/**
 * Bytes that the blocks' activations take for the way back where they are kept, estimated: adapters add r numbers a
 * token and layer.
 */
export function activationBytes(config: CausalLMConfig, { batch, length }: { readonly batch: number; readonly length: number }): number {
  const { hiddenSize, intermediateSize, keyValueHeads, headSize, layers } = config;
  const perToken = HIDDEN_ARRAYS * hiddenSize + INNER_ARRAYS * intermediateSize + 2 * keyValueHeads * headSize;
  return BYTES * batch * length * layers * perToken;
}
