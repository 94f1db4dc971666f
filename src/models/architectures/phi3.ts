import { type RotaryKind, readRotary } from '../config/rotary-config.js';
import type { Architecture } from './architecture.js';
import { llamaLike } from './llama-like.js';

/** Names that files give to LongRoPE, of which only the last is today's. */
const KINDS: Readonly<Record<string, RotaryKind>> = { default: 'default', su: 'longrope', yarn: 'longrope', longrope: 'longrope' };

/**
 * `Phi3ForCausalLM`: Phi-3, Phi-3.5 and Phi-4 (Abdin et al. 2024), which is Llama with one projection to queries, keys
 * and values and one to gate and up, rotary positions on a part of each head, and LongRoPE.
 */
export const phi3: Architecture = {
  modelType: 'phi3',
  describe(reader) {
    const window = reader.has('sliding_window') ? reader.integer('sliding_window') : undefined;
    const originalPositions = reader.integer('original_max_position_embeddings', 4096);
    reader.ignore('auto_map');
    // Of the authors' own program: at one, neither of them does anything.
    reader.only('full_attn_mod', 1);
    reader.only('interpolate_factor', 1);
    return llamaLike(reader, {
      modelType: 'phi3',
      biases: { queryKeyValue: false, attentionOutput: false, feedForward: false },
      window: () => window,
      fused: true,
      rotary(config, context) {
        const rotary = readRotary(config, { ...context, kinds: KINDS, partial: true, originalPositions });
        return () => rotary;
      },
      defaults: { max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
    });
  },
};
