import { readSwitchedWindows } from '../config/layer-windows.js';
import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/**
 * `Qwen2ForCausalLM`: Qwen2 and Qwen2.5 (Yang et al. 2024), which is Llama with biases of queries, keys and values, and
 * a window in the later blocks if the config says so.
 */
export const qwen2: Architecture = {
  modelType: 'qwen2',
  describe(reader) {
    // Written by older exporters; the biases are there in any case.
    reader.only('qkv_bias', true);
    const from = reader.count('max_window_layers', 28);
    return llamaLike(reader, {
      modelType: 'qwen2',
      biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
      window: readSwitchedWindows(reader, { window: 4096, slides: (layer) => layer >= from }),
      defaults: { max_position_embeddings: 32_768 },
    });
  },
};
