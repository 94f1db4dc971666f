/**
 * Llama and its relatives: RMS normalization before attention with rotary positions, and before a gated feed-forward
 * layer. They differ in biases and in how far attention looks back.
 *
 * @see Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2.
 */
import { add, type Tensor } from '@tensorflow/tfjs-core';
import { rmsNorm } from '../../nn/rms-norm.js';
import { type RotaryTables, rope, rotaryTables } from '../../nn/rope.js';
import { swiglu } from '../../nn/swiglu.js';
import { attend } from '../attend.js';
import type { CausalLMConfig } from '../causal-lm-config.js';
import type { ConfigReader } from '../config/config-reader.js';
import { type RotaryConfig, readRotary } from '../config/rotary-config.js';
import type { LinearModule } from '../model-overlay.js';
import type { ParameterScope } from '../parameter-scope.js';
import type { BlockCache, Sequence } from '../sequence.js';
import type { Decoder, PassContext } from './architecture.js';

/** Linear layers that have a bias. */
export interface LlamaBiases {
  readonly queryKeyValue: boolean;
  readonly attentionOutput: boolean;
  readonly feedForward: boolean;
}

/** Properties in which the relatives differ. */
export interface LlamaVariant {
  readonly modelType: string;
  readonly biases: LlamaBiases;
  /** Returns how many tokens the queries of a block see; `undefined` for all. */
  window(layer: number): number | undefined;
  /** Position limit if the file has none. */
  readonly maxPositions: number;
}

/**
 * Reads the keys that all relatives have.
 *
 * @throws ConfigError naming a key that is not supported.
 */
export function llamaLike(reader: ConfigReader, variant: LlamaVariant): Decoder {
  const config = readShape(reader, variant);
  reader.choice('hidden_act', ['silu', 'swish'], 'silu');
  const rotary = readRotary(reader, config);
  const modules = Array.from({ length: config.layers }, (_, layer) => blockModules(config, variant.biases, layer)).flat();
  const norm = (name: string, x: Tensor, scope: ParameterScope): Tensor =>
    rmsNorm(x, scope.get(name), { epsilon: config.normEpsilon, frozenGain: !scope.trains(name) });
  return {
    config,
    parameters: parameterShapes(config, modules),
    modules,
    embedding: EMBEDDING,
    prefix: 'model.',
    buffers: /\.rotary_emb\.inv_freq$/,
    prepare: (sequence) => ({ sequence, rotary: tablesOf(sequence, rotary, config.headSize) }),
    embed: (scope, tokens) => scope.rows(EMBEDDING, tokens),
    block(scope, layer, x, context, cache) {
      const path = `model.layers.${layer}`;
      const attended = attentionLayer(scope, layer, norm(`${path}.input_layernorm.weight`, x, scope), context, cache);
      const middle = add(x, attended);
      const input = norm(`${path}.post_attention_layernorm.weight`, middle, scope);
      const gated = swiglu(scope.linear(`${path}.mlp.gate_proj`, input), scope.linear(`${path}.mlp.up_proj`, input));
      return add(middle, scope.linear(`${path}.mlp.down_proj`, gated));
    },
    normalize: (scope, x) => norm('model.norm.weight', x, scope),
  };

  function attentionLayer(scope: ParameterScope, layer: number, x: Tensor, context: PassContext, cache?: BlockCache): Tensor {
    const path = `model.layers.${layer}.self_attn`;
    const { heads, keyValueHeads, headSize } = config;
    const turned = (projected: Tensor, count: number): Tensor =>
      context.rotary === undefined ? projected : rope(projected, context.rotary, { heads: count });
    const q = turned(scope.linear(`${path}.q_proj`, x), heads);
    const k = turned(scope.linear(`${path}.k_proj`, x), keyValueHeads);
    const v = scope.linear(`${path}.v_proj`, x);
    const scale = rotary.factor ** 2 / Math.sqrt(headSize);
    const mixed = attend(q, k, v, context.sequence, { heads, keyValueHeads, scale, window: variant.window(layer) }, cache);
    return scope.linear(`${path}.o_proj`, mixed);
  }
}

const EMBEDDING = 'model.embed_tokens.weight';

function readShape(reader: ConfigReader, variant: LlamaVariant): CausalLMConfig {
  const [hiddenSize, heads] = [reader.size('hidden_size'), reader.size('num_attention_heads')];
  const keyValueHeads = reader.size('num_key_value_heads', heads);
  if (heads % keyValueHeads !== 0) reader.fail('num_key_value_heads', `a divisor of num_attention_heads = ${heads}`, keyValueHeads);
  const headSize = reader.size('head_dim', hiddenSize / heads);
  if (headSize % 2 !== 0) reader.fail('head_dim', 'even, for rotary positions', headSize);
  return {
    modelType: variant.modelType,
    vocabularySize: reader.size('vocab_size'),
    hiddenSize,
    intermediateSize: reader.size('intermediate_size'),
    layers: reader.blocks('num_hidden_layers'),
    heads,
    keyValueHeads,
    headSize,
    maxPositions: reader.integer('max_position_embeddings', variant.maxPositions),
    normEpsilon: reader.positive('rms_norm_eps', 1e-6),
    tiedHead: reader.flag('tie_word_embeddings', false),
    endTokens: reader.tokens('eos_token_id'),
  };
}

function blockModules(config: CausalLMConfig, biases: LlamaBiases, layer: number): LinearModule[] {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const linear = (name: string, inFeatures: number, outFeatures: number, bias: boolean): LinearModule => ({
    name: `model.layers.${layer}.${name}`,
    inFeatures,
    outFeatures,
    fanInFanOut: false,
    bias,
  });
  return [
    linear('self_attn.q_proj', hiddenSize, heads * headSize, biases.queryKeyValue),
    linear('self_attn.k_proj', hiddenSize, keyValueHeads * headSize, biases.queryKeyValue),
    linear('self_attn.v_proj', hiddenSize, keyValueHeads * headSize, biases.queryKeyValue),
    linear('self_attn.o_proj', heads * headSize, hiddenSize, biases.attentionOutput),
    linear('mlp.gate_proj', hiddenSize, intermediateSize, biases.feedForward),
    linear('mlp.up_proj', hiddenSize, intermediateSize, biases.feedForward),
    linear('mlp.down_proj', intermediateSize, hiddenSize, biases.feedForward),
  ];
}

function parameterShapes(config: CausalLMConfig, modules: readonly LinearModule[]): Map<string, readonly number[]> {
  const { vocabularySize, hiddenSize, layers, tiedHead } = config;
  const shapes = new Map<string, readonly number[]>([[EMBEDDING, [vocabularySize, hiddenSize]]]);
  for (const { name, inFeatures, outFeatures, bias } of modules) {
    shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
    if (bias) shapes.set(`${name}.bias`, [outFeatures]);
  }
  for (let layer = 0; layer < layers; layer++) {
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) shapes.set(`model.layers.${layer}.${norm}.weight`, [hiddenSize]);
  }
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!tiedHead) shapes.set('lm_head.weight', [vocabularySize, hiddenSize]);
  return shapes;
}

/** Makes the rotary tables: rows of one range if all sequences have the same positions, else one row per token. */
function tablesOf({ positions }: Sequence, { frequencies }: RotaryConfig, headSize: number): RotaryTables {
  return rotaryTables({ tokens: positions, headSize, frequencies });
}
