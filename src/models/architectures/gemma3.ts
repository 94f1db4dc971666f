import type { ConfigReader } from '../config/config-reader.js';
import { readSliding } from '../config/layer-windows.js';
import { type RotaryConfig, type RotaryContext, readRotarySection, refuseBoth } from '../config/rotary-config.js';
import type { Architecture, Decoder } from './architecture.js';
import { llamaLike } from './llama-like.js';
import type { LlamaVariant } from './llama-variant.js';

/**
 * `Gemma3ForCausalLM` (Gemma Team 2025): norms around attention and feed-forward layer and of each head of queries and
 * keys, all with gains 1 + w, embeddings times √hidden, GELU for SiLU, and five blocks with a window and rotary
 * positions of their own to one that sees everything.
 */
export const gemma3Text: Architecture = {
  modelType: 'gemma3_text',
  describe: (reader) => describe(reader, { modelType: 'gemma3_text' }),
};

/**
 * The language model of `Gemma3ForConditionalGeneration`, as of the Gemma 3 files from 4B on. Texts alone are read: the
 * tower that reads images is left in its file.
 */
export const gemma3: Architecture = {
  modelType: 'gemma3',
  describe(reader) {
    reader.ignore('vision_config', 'image_token_index', 'image_token_id', 'mm_tokens_per_image');
    reader.ignore('boi_token_index', 'boi_token_id', 'eoi_token_index', 'eoi_token_id');
    const text = reader.model('text_config');
    const decoder = describe(text, {
      modelType: 'gemma3',
      headReader: reader,
      path: 'model.language_model',
      prefixes: [
        ['language_model.model.', 'model.language_model.'],
        ['language_model.lm_head.', 'lm_head.'],
      ],
      buffers: /^(model\.)?(vision_tower|multi_modal_projector)\./,
    });
    // Whether the head is tied is for the whole model's config to say.
    text.ignore('tie_word_embeddings');
    text.finish();
    return decoder;
  },
};

function describe(
  reader: ConfigReader,
  variant: Pick<LlamaVariant, 'modelType' | 'headReader' | 'path' | 'prefixes' | 'buffers'>,
): Decoder {
  const attention = reader.flag('attention_bias', false);
  const sliding = readLayers(reader);
  for (const key of ['attn_logit_softcapping', 'final_logit_softcapping']) {
    if (reader.has(key)) reader.fail(key, 'null');
  }
  reader.only('use_bidirectional_attention', false);
  reader.ignore('cache_implementation', 'hidden_act', '_sliding_window_pattern');
  const window = sliding.includes(true) ? readWindow(reader) : undefined;
  reader.ignore('sliding_window');
  return llamaLike(reader, {
    ...variant,
    biases: { queryKeyValue: attention, attentionOutput: attention, feedForward: false },
    window: (layer) => (sliding[layer] ? window : undefined),
    rotary: (config, context) => readRotations(config, context, sliding),
    queryKeyNorm: 'heads',
    norms: 'around',
    gainsFromOne: true,
    scaledEmbedding: true,
    scoreDivisor: reader.positive('query_pre_attn_scalar', 256),
    activation: ['hidden_activation', 'gelu_pytorch_tanh'],
    tiedHead: true,
    defaults: DEFAULTS,
  });
}

/** Gemma's files leave out what is as transformers has it. */
const DEFAULTS: LlamaVariant['defaults'] = {
  vocab_size: 262_208,
  hidden_size: 2304,
  intermediate_size: 9216,
  num_hidden_layers: 26,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 256,
  max_position_embeddings: 131_072,
  rms_norm_eps: 1e-6,
};

/** Reads which blocks have a window: all but every sixth, unless the file has another pattern or a list. */
function readLayers(reader: ConfigReader): readonly boolean[] {
  const layers = reader.blocks('num_hidden_layers', DEFAULTS.num_hidden_layers);
  const period = reader.integer('sliding_window_pattern', 6);
  return readSliding(reader, layers) ?? Array.from({ length: layers }, (_, layer) => (layer + 1) % period !== 0);
}

function readWindow(reader: ConfigReader): number {
  if (reader.isNull('sliding_window')) reader.fail('sliding_window', 'a positive integer, since some blocks slide', null);
  return reader.integer('sliding_window', 4096);
}

/**
 * Reads the rotary positions of both kinds of blocks. In files of transformers 4, `rope_scaling` is of those without a
 * window.
 */
function readRotations(reader: ConfigReader, context: RotaryContext, sliding: readonly boolean[]): (layer: number) => RotaryConfig {
  refuseBoth(reader);
  const parameters = reader.section('rope_parameters');
  const scaling = reader.section('rope_scaling');
  const [global, local] = [reader.positive('rope_theta', 1_000_000), reader.positive('rope_local_base_freq', 10_000)];
  const full = readRotarySection(reader, parameters?.section('full_attention') ?? scaling, { ...context, base: global });
  const near = readRotarySection(reader, parameters?.section('sliding_attention'), { ...context, base: local });
  parameters?.finish();
  return (layer) => (sliding[layer] ? near : full);
}
