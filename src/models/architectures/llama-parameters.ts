/** Shape, linear layers and parameters of Llama's relatives. */
import type { CausalLMConfig } from '../causal-lm-config.js';
import type { ConfigReader } from '../config/config-reader.js';
import type { LinearModule } from '../model-overlay.js';
import type { LlamaVariant, NormPlacement } from './llama-variant.js';

/** Names of the norms before and after a part of a block. */
export interface PartNorms {
  readonly before?: string;
  readonly after?: string;
}

/**
 * Names of a block's norms. What is called `post_attention_layernorm` stands before the feed-forward layer in Llama,
 * and after attention elsewhere.
 */
export const NORMS: Readonly<Record<NormPlacement, { readonly attention: PartNorms; readonly feedForward: PartNorms }>> = {
  before: { attention: { before: 'input_layernorm' }, feedForward: { before: 'post_attention_layernorm' } },
  after: { attention: { after: 'post_attention_layernorm' }, feedForward: { after: 'post_feedforward_layernorm' } },
  around: {
    attention: { before: 'input_layernorm', after: 'post_attention_layernorm' },
    feedForward: { before: 'pre_feedforward_layernorm', after: 'post_feedforward_layernorm' },
  },
};

/** Reads the shape. @throws ConfigError naming a key that does not fit. */
export function readShape(
  reader: ConfigReader,
  { modelType, defaults, tiedHead = false, headReader = reader }: LlamaVariant,
): CausalLMConfig {
  const hiddenSize = reader.size('hidden_size', defaults.hidden_size);
  const heads = reader.size('num_attention_heads', defaults.num_attention_heads);
  const everyHead = reader.isNull('num_key_value_heads') ? heads : (defaults.num_key_value_heads ?? heads);
  const keyValueHeads = reader.size('num_key_value_heads', everyHead);
  if (heads % keyValueHeads !== 0) reader.fail('num_key_value_heads', `a divisor of num_attention_heads = ${heads}`, keyValueHeads);
  const headSize = reader.size('head_dim', defaults.head_dim ?? hiddenSize / heads);
  if (headSize % 2 !== 0) reader.fail('head_dim', 'even, for rotary positions', headSize);
  return {
    modelType,
    vocabularySize: reader.size('vocab_size', defaults.vocab_size),
    hiddenSize,
    intermediateSize: reader.size('intermediate_size', defaults.intermediate_size),
    layers: reader.blocks('num_hidden_layers', defaults.num_hidden_layers),
    heads,
    keyValueHeads,
    headSize,
    maxPositions: reader.integer('max_position_embeddings', defaults.max_position_embeddings),
    normEpsilon: reader.positive('rms_norm_eps', defaults.rms_norm_eps ?? 1e-6),
    tiedHead: headReader.flag('tie_word_embeddings', tiedHead),
    endTokens: headReader.has('eos_token_id') ? headReader.tokens('eos_token_id') : reader.tokens('eos_token_id'),
  };
}

/** Lists the linear layers of all blocks. */
export function blockModules(config: CausalLMConfig, variant: LlamaVariant, path: string): LinearModule[] {
  const { hiddenSize, intermediateSize, layers } = config;
  const { biases, fused = false } = variant;
  const { queries, keys } = projectionSizes(config);
  return Array.from({ length: layers }, (_, layer) => {
    const linear = (name: string, inFeatures: number, outFeatures: number, bias: boolean): LinearModule => ({
      name: `${path}.layers.${layer}.${name}`,
      inFeatures,
      outFeatures,
      fanInFanOut: false,
      bias,
    });
    const qkv = fused
      ? [linear('self_attn.qkv_proj', hiddenSize, queries + 2 * keys, biases.queryKeyValue)]
      : [
          linear('self_attn.q_proj', hiddenSize, queries, biases.queryKeyValue),
          linear('self_attn.k_proj', hiddenSize, keys, biases.queryKeyValue),
          linear('self_attn.v_proj', hiddenSize, keys, biases.queryKeyValue),
        ];
    const gateAndUp = fused
      ? [linear('mlp.gate_up_proj', hiddenSize, 2 * intermediateSize, biases.feedForward)]
      : [
          linear('mlp.gate_proj', hiddenSize, intermediateSize, biases.feedForward),
          linear('mlp.up_proj', hiddenSize, intermediateSize, biases.feedForward),
        ];
    return [
      ...qkv,
      linear('self_attn.o_proj', queries, hiddenSize, biases.attentionOutput),
      ...gateAndUp,
      linear('mlp.down_proj', intermediateSize, hiddenSize, biases.feedForward),
    ];
  }).flat();
}

/** Returns the lengths of a token's queries, and of its keys, over all heads. */
export function projectionSizes({ heads, keyValueHeads, headSize }: CausalLMConfig): { readonly queries: number; readonly keys: number } {
  return { queries: heads * headSize, keys: keyValueHeads * headSize };
}

/** Lists the shapes of all parameters. */
export function parameterShapes(
  config: CausalLMConfig,
  { norms = 'before', queryKeyNorm }: LlamaVariant,
  modules: readonly LinearModule[],
  path: string,
): Map<string, readonly number[]> {
  const { vocabularySize, hiddenSize, headSize, layers, tiedHead } = config;
  const shapes = new Map<string, readonly number[]>([[`${path}.embed_tokens.weight`, [vocabularySize, hiddenSize]]]);
  for (const { name, inFeatures, outFeatures, bias } of modules) {
    shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
    if (bias) shapes.set(`${name}.bias`, [outFeatures]);
  }
  const { attention, feedForward } = NORMS[norms];
  const names = [attention.before, attention.after, feedForward.before, feedForward.after].filter((name) => name !== undefined);
  const { queries, keys } = projectionSizes(config);
  for (let layer = 0; layer < layers; layer++) {
    for (const norm of names) shapes.set(`${path}.layers.${layer}.${norm}.weight`, [hiddenSize]);
    if (queryKeyNorm === undefined) continue;
    shapes.set(`${path}.layers.${layer}.self_attn.q_norm.weight`, [queryKeyNorm === 'heads' ? headSize : queries]);
    shapes.set(`${path}.layers.${layer}.self_attn.k_norm.weight`, [queryKeyNorm === 'heads' ? headSize : keys]);
  }
  shapes.set(`${path}.norm.weight`, [hiddenSize]);
  if (!tiedHead) shapes.set('lm_head.weight', [vocabularySize, hiddenSize]);
  return shapes;
}
