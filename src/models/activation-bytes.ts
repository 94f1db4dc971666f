import { Tensor } from '@tensorflow/tfjs-core';
import { memorySharing } from '../core/allocate.js';
import type { TensorAlgebra } from '../linalg/tensor/tensor-algebra.js';
import { HEAP_LIMIT } from '../linalg/tensor/wasm/heap-guard.js';
import type { StoredMatrix } from '../linalg/tensor/wasm/stored-rows.js';
import { RECOMPUTE_ABOVE_BYTES } from './causal-lm.js';
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

/**
 * Returns how many bytes of activations are kept where nobody chooses: three fifths of what the arrays that are there
 * leave of the memory of the machine or the heap, and not less than {@link RECOMPUTE_ABOVE_BYTES}. What is free at the
 * moment does not count, so that a run goes on as it began. No more than that beside quantized weights: who quantizes
 * wants to save memory.
 *
 * @param weights - those of the model.
 * @param engine - bytes of all arrays on the engine: weights, adapters and the optimizer's state.
 */
export function keptActivationBytes(
  { memory, taken }: TensorAlgebra['report'],
  weights: Iterable<Tensor | StoredMatrix>,
  engine: number,
): number {
  let beside = 0;
  for (const weight of weights) {
    if (weight instanceof Tensor) continue;
    if ('block' in weight) return RECOMPUTE_ABOVE_BYTES;
    beside += weight.bytes.byteLength;
  }
  if (memory === undefined) return RECOMPUTE_ABOVE_BYTES;
  const room = Math.min(memory / memorySharing() - engine - beside, taken === 'wasm' ? HEAP_LIMIT - engine : Number.POSITIVE_INFINITY);
  return Math.max(RECOMPUTE_ABOVE_BYTES, 0.6 * room);
}
