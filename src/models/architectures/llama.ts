import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/** `LlamaForCausalLM`: Llama 1 to 3 (Touvron et al. 2023; Dubey et al. 2024). */
export const llama: Architecture = {
  modelType: 'llama',
  describe(reader) {
    const attention = reader.flag('attention_bias', false);
    const feedForward = reader.flag('mlp_bias', false);
    // Above one the projections are computed in pieces, which rounds differently.
    reader.only('pretraining_tp', 1);
    return llamaLike(reader, {
      modelType: 'llama',
      biases: { queryKeyValue: attention, attentionOutput: attention, feedForward },
      window: () => undefined,
      defaults: { max_position_embeddings: 2048 },
    });
  },
};
