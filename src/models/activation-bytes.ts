import type { CausalLMConfig } from './causal-lm-config.js';

/**
 * Arrays of the hidden size that a block keeps for the backward pass: inputs of both norms and their results, q,
 * attention's result, and the sum.
 */
const HIDDEN_ARRAYS = 7;
/** Arrays of the feed-forward size that it keeps: gate, up, and their product. */
const INNER_ARRAYS = 3;
const BYTES = 4;

/**
 * Estimates the bytes of the blocks' activations if they are kept for the backward pass; the r numbers per token and
 * layer that adapters add are not counted.
 */
export function activationBytes(config: CausalLMConfig, { batch, length }: { readonly batch: number; readonly length: number }): number {
  const { hiddenSize, intermediateSize, keyValueHeads, headSize, layers } = config;
  const perToken = HIDDEN_ARRAYS * hiddenSize + INNER_ARRAYS * intermediateSize + 2 * keyValueHeads * headSize;
  return BYTES * batch * length * layers * perToken;
}
