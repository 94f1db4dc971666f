import type { ConfigReader } from '../config/config-reader.js';
import { readSwitchedWindows } from '../config/layer-windows.js';
import { readRotary } from '../config/rotary-config.js';
import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/**
 * `SmolLM3ForCausalLM` (Bakouch et al. 2025): Llama with blocks that have no rotary positions (Yang et al. 2025, "RoPE
 * to NoPE and Back Again"), every fourth one if the file does not say which; they look back as far as a window if it
 * has one.
 */
export const smollm3: Architecture = {
  modelType: 'smollm3',
  describe(reader) {
    const attention = reader.flag('attention_bias', false);
    const feedForward = reader.flag('mlp_bias', false);
    const turns = readTurns(reader, reader.blocks('num_hidden_layers'));
    reader.ignore('max_window_layers');
    return llamaLike(reader, {
      modelType: 'smollm3',
      biases: { queryKeyValue: attention, attentionOutput: attention, feedForward },
      window: readSwitchedWindows(reader, { window: undefined, slides: (layer) => !turns(layer) }),
      rotary(config, context) {
        const rotary = readRotary(config, { ...context, base: 2_000_000 });
        return (layer) => (turns(layer) ? rotary : undefined);
      },
      tiedHead: true,
      defaults: { num_key_value_heads: 4, max_position_embeddings: 32_768 },
    });
  },
};

/** Reads whether a block has rotary positions, which is what a 1 in `no_rope_layers` says. */
function readTurns(reader: ConfigReader, layers: number): (layer: number) => boolean {
  const interval = reader.integer('no_rope_layer_interval', 4);
  const listed = reader.numbers('no_rope_layers');
  const isComplete = listed === undefined || (listed.length >= layers && listed.every((entry) => entry === 0 || entry === 1));
  if (!isComplete) reader.fail('no_rope_layers', `a list of 0 and 1 for num_hidden_layers = ${layers} blocks`, listed);
  return (layer) => (listed === undefined ? (layer + 1) % interval !== 0 : listed[layer] === 1);
}
