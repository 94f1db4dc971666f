import { readSwitchedWindows } from '../config/layer-windows.js';
import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/**
 * `Qwen3ForCausalLM` (Yang et al. 2025): Llama with RMS normalization of each head of queries and keys, and a window in
 * the later blocks if the config says so.
 */
export const qwen3: Architecture = {
  modelType: 'qwen3',
  describe(reader) {
    const attention = reader.flag('attention_bias', false);
    const from = reader.count('max_window_layers', 28);
    return llamaLike(reader, {
      modelType: 'qwen3',
      biases: { queryKeyValue: attention, attentionOutput: attention, feedForward: false },
      window: readSwitchedWindows(reader, { window: 4096, slides: (layer) => layer >= from }),
      queryKeyNorm: 'heads',
      defaults: { num_key_value_heads: 32, head_dim: 128, max_position_embeddings: 32_768 },
    });
  },
};
