import type { ConfigReader } from '../config/config-reader.js';
import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/**
 * `Qwen2ForCausalLM`: Qwen2 and Qwen2.5 (Yang et al. 2024), which is Llama with biases of queries, keys and values, and
 * a window in the later blocks if the config says so.
 */
export const qwen2: Architecture = {
  modelType: 'qwen2',
  describe(reader) {
    return llamaLike(reader, {
      modelType: 'qwen2',
      biases: { queryKeyValue: true, attentionOutput: false, feedForward: false },
      window: readWindows(reader),
      maxPositions: 32_768,
    });
  },
};

function readWindows(reader: ConfigReader): (layer: number) => number | undefined {
  const used = reader.flag('use_sliding_window', false);
  const size = reader.isNull('sliding_window') ? undefined : reader.integer('sliding_window', 4096);
  const from = reader.integer('max_window_layers', 28);
  const types = reader.strings('layer_types');
  const layers = reader.blocks('num_hidden_layers');
  if (types !== undefined && types.length !== layers) reader.fail('layer_types', `a list of num_hidden_layers = ${layers} entries`, types);
  const sliding = types?.map((type) => {
    if (type === 'full_attention') return false;
    if (type === 'sliding_attention') return true;
    return reader.fail('layer_types', "a list of 'full_attention' and 'sliding_attention'", type);
  });
  if (sliding?.includes(true) && (!used || size === undefined)) {
    reader.fail('layer_types', "without 'sliding_attention' where use_sliding_window is false or sliding_window null");
  }
  return (layer) => (used && (sliding?.[layer] ?? layer >= from) ? size : undefined);
}
