import { add, slice, type Tensor, tensor1d } from '@tensorflow/tfjs-core';
import { gelu } from '../../nn/gelu.js';
import { layerNorm } from '../../nn/layer-norm.js';
import { attend } from '../attend.js';
import type { CausalLMConfig } from '../causal-lm-config.js';
import type { ConfigReader } from '../config/config-reader.js';
import type { LinearModule } from '../model-overlay.js';
import type { ParameterScope } from '../parameter-scope.js';
import type { Architecture } from './architecture.js';

const TOKENS = 'transformer.wte.weight';
const POSITIONS = 'transformer.wpe.weight';

/**
 * `GPT2LMHeadModel`: GPT-2 (Radford et al. 2019), with layer normalization, learned positions, and linear layers stored
 * as [in, out]. Dropout of the file is not applied: the forward pass has none, and a frozen base is trained without it.
 */
export const gpt2: Architecture = {
  modelType: 'gpt2',
  describe(reader) {
    const config = readShape(reader);
    const scaled = reader.flag('scale_attn_weights', true) ? 1 / Math.sqrt(config.headSize) : 1;
    const byDepth = reader.flag('scale_attn_by_inverse_layer_idx', false);
    // The same formula under two names.
    reader.choice('activation_function', ['gelu_new', 'gelu_pytorch_tanh'], 'gelu_new');
    reader.only('add_cross_attention', false);
    reader.ignore('n_ctx', 'reorder_and_upcast_attn');
    const modules = Array.from({ length: config.layers }, (_, layer) => blockModules(config, layer)).flat();
    const norm = (scope: ParameterScope, name: string, x: Tensor): Tensor =>
      layerNorm(x, scope.get(`${name}.weight`), scope.get(`${name}.bias`), {
        epsilon: config.normEpsilon,
        frozen: !scope.trains(`${name}.weight`) && !scope.trains(`${name}.bias`),
      });
    return {
      config,
      parameters: parameterShapes(config, modules),
      modules,
      embedding: TOKENS,
      embeddings: [TOKENS, POSITIONS],
      prefixes: [['', 'transformer.']],
      buffers: /\.attn\.(masked_)?bias$/,
      prepare: (sequence) => ({ sequence }),
      embed(scope, tokens, { batch, length, positions }) {
        const rows =
          positions.length === batch * length ? positions : Int32Array.from({ length: batch * length }, (_, t) => positions[t % length]);
        return add(scope.rows(TOKENS, tokens), scope.rows(POSITIONS, tensor1d(rows, 'int32')));
      },
      block(scope, layer, x, { sequence }, cache) {
        const path = `transformer.h.${layer}`;
        const projected = scope.linear(`${path}.attn.c_attn`, norm(scope, `${path}.ln_1`, x));
        const [q, k, v] = thirds(projected, config.hiddenSize);
        const { heads } = config;
        const scale = byDepth ? scaled / (layer + 1) : scaled;
        const mixed = attend(q, k, v, sequence, { heads, keyValueHeads: heads, scale }, cache);
        const middle = add(x, scope.linear(`${path}.attn.c_proj`, mixed));
        const hidden = gelu(scope.linear(`${path}.mlp.c_fc`, norm(scope, `${path}.ln_2`, middle)));
        return add(middle, scope.linear(`${path}.mlp.c_proj`, hidden));
      },
      normalize: (scope, x) => norm(scope, 'transformer.ln_f', x),
    };
  },
};

/** Splits queries, keys and values, which one layer projects side by side. */
function thirds(x: Tensor, size: number): [Tensor, Tensor, Tensor] {
  const part = (index: number): Tensor => slice(x, [0, index * size], [-1, size]);
  return [part(0), part(1), part(2)];
}

function readShape(reader: ConfigReader): CausalLMConfig {
  const [hiddenSize, heads] = [reader.size('n_embd'), reader.size('n_head')];
  const [layers, maxPositions] = [reader.blocks('n_layer'), reader.size('n_positions', 1024)];
  // Other names of the same sizes.
  const aliases = { hidden_size: hiddenSize, num_attention_heads: heads, num_hidden_layers: layers, max_position_embeddings: maxPositions };
  for (const [alias, size] of Object.entries(aliases)) reader.only(alias, size);
  if (hiddenSize % heads !== 0) reader.fail('n_head', `a divisor of n_embd = ${hiddenSize}`, heads);
  return {
    modelType: 'gpt2',
    vocabularySize: reader.size('vocab_size'),
    hiddenSize,
    intermediateSize: reader.size('n_inner', 4 * hiddenSize),
    layers,
    heads,
    keyValueHeads: heads,
    headSize: hiddenSize / heads,
    maxPositions,
    normEpsilon: reader.positive('layer_norm_epsilon', 1e-5),
    tiedHead: reader.flag('tie_word_embeddings', true),
    endTokens: reader.tokens('eos_token_id'),
  };
}

function blockModules({ hiddenSize, intermediateSize }: CausalLMConfig, layer: number): LinearModule[] {
  const linear = (name: string, inFeatures: number, outFeatures: number): LinearModule => ({
    name: `transformer.h.${layer}.${name}`,
    inFeatures,
    outFeatures,
    fanInFanOut: true,
    bias: true,
  });
  return [
    linear('attn.c_attn', hiddenSize, 3 * hiddenSize),
    linear('attn.c_proj', hiddenSize, hiddenSize),
    linear('mlp.c_fc', hiddenSize, intermediateSize),
    linear('mlp.c_proj', intermediateSize, hiddenSize),
  ];
}

function parameterShapes(config: CausalLMConfig, modules: readonly LinearModule[]): Map<string, readonly number[]> {
  const { vocabularySize, hiddenSize, layers, maxPositions, tiedHead } = config;
  const shapes = new Map<string, readonly number[]>([
    [TOKENS, [vocabularySize, hiddenSize]],
    [POSITIONS, [maxPositions, hiddenSize]],
  ]);
  for (const { name, inFeatures, outFeatures } of modules) {
    shapes.set(`${name}.weight`, [inFeatures, outFeatures]).set(`${name}.bias`, [outFeatures]);
  }
  const norms = Array.from({ length: layers }, (_, layer) => [`transformer.h.${layer}.ln_1`, `transformer.h.${layer}.ln_2`]).flat();
  for (const norm of [...norms, 'transformer.ln_f']) shapes.set(`${norm}.weight`, [hiddenSize]).set(`${norm}.bias`, [hiddenSize]);
  if (!tiedHead) shapes.set('lm_head.weight', [vocabularySize, hiddenSize]);
  return shapes;
}
