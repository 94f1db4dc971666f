import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/** `MistralForCausalLM` (Jiang et al. 2023): Llama with attention that looks back as far as a window. */
export const mistral: Architecture = {
  modelType: 'mistral',
  describe(reader) {
    // A missing key has a default; with null, there is no window.
    const window = reader.isNull('sliding_window') ? undefined : reader.integer('sliding_window', 4096);
    return llamaLike(reader, {
      modelType: 'mistral',
      biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
      window: () => window,
      defaults: { max_position_embeddings: 131_072 },
    });
  },
};
