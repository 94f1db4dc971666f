import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/**
 * `Olmo2ForCausalLM` (OLMo et al. 2024, "2 OLMo 2 Furious"): Llama with RMS normalization after attention and
 * feed-forward layer in place of before, and of queries and keys over all heads.
 */
export const olmo2: Architecture = {
  modelType: 'olmo2',
  describe(reader) {
    const attention = reader.flag('attention_bias', false);
    return llamaLike(reader, {
      modelType: 'olmo2',
      biases: { queryKeyValue: attention, attentionOutput: attention, feedForward: false },
      window: () => undefined,
      queryKeyNorm: 'whole',
      norms: 'after',
      defaults: { max_position_embeddings: 2048, rms_norm_eps: 1e-5 },
    });
  },
};
