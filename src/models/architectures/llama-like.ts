/**
 * Llama and its relatives: RMS normalization, attention with rotary positions, and a gated feed-forward layer. In what
 * they differ stands in `LlamaVariant`.
 *
 * @see Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2.
 */
import { add, mul, reshape, slice, type Tensor } from '@tensorflow/tfjs-core';
import { gelu } from '../../nn/gelu.js';
import { rmsNorm } from '../../nn/rms-norm.js';
import { type RotaryTables, rope, rotaryTables } from '../../nn/rope.js';
import { swiglu } from '../../nn/swiglu.js';
import { attend } from '../attend.js';
import type { ConfigReader } from '../config/config-reader.js';
import { frequenciesFor, type RotaryConfig, readRotary } from '../config/rotary-config.js';
import type { ParameterScope } from '../parameter-scope.js';
import type { BlockCache, Sequence } from '../sequence.js';
import type { Decoder, PassContext } from './architecture.js';
import { blockModules, NORMS, type PartNorms, parameterShapes, projectionSizes, readShape } from './llama-parameters.js';
import { ACTIVATIONS, type LlamaVariant } from './llama-variant.js';

/**
 * Reads the keys that all relatives have.
 *
 * @throws ConfigError naming a key that is not supported.
 */
export function llamaLike(reader: ConfigReader, variant: LlamaVariant): Decoder {
  const { path = 'model', queryKeyNorm, fused = false, gainsFromOne = false, activation: [key, usual] = ['hidden_act', 'silu'] } = variant;
  const config = readShape(reader, variant);
  const { heads, keyValueHeads, headSize, intermediateSize } = config;
  const activate = reader.choice(key, ACTIVATIONS, usual).startsWith('gelu') ? gelu : undefined;
  const rotary = variant.rotary?.(reader, config) ?? everywhere(readRotary(reader, config));
  const rotations = new Set(Array.from({ length: config.layers }, (_, layer) => rotary(layer)).filter((each) => each !== undefined));
  const cacheLimit = [...rotations].find(({ beyond }) => beyond !== undefined)?.beyond?.positions;
  const scale = 1 / Math.sqrt(variant.scoreDivisor ?? headSize);
  const { queries, keys } = projectionSizes(config);
  const norms = NORMS[variant.norms ?? 'before'];
  const [embedding, modules] = [`${path}.embed_tokens.weight`, blockModules(config, variant, path)];
  return {
    config,
    parameters: parameterShapes(config, variant, modules, path),
    modules,
    embedding,
    embeddings: [embedding],
    prefixes: variant.prefixes ?? [['', `${path}.`]],
    buffers: variant.buffers ?? /\.rotary_emb\.inv_freq$/,
    ...(cacheLimit === undefined ? {} : { cacheLimit }),
    prepare: (sequence) => ({ sequence, rotary: new Map([...rotations].map((each) => [each, tablesOf(sequence, each)])) }),
    embed(scope, tokens) {
      const rows = scope.rows(embedding, tokens);
      return variant.scaledEmbedding === true ? mul(rows, Math.sqrt(config.hiddenSize)) : rows;
    },
    block(scope, layer, x, context, cache) {
      const middle = part(scope, layer, norms.attention, x, (input) => attention(scope, layer, input, context, cache));
      return part(scope, layer, norms.feedForward, middle, (input) => feedForward(scope, layer, input));
    },
    normalize: (scope, x) => norm(scope, `${path}.norm`, x),
  };

  function norm(scope: ParameterScope, name: string, x: Tensor): Tensor {
    const weight = scope.get(`${name}.weight`);
    const gain = gainsFromOne ? add(weight, 1) : weight;
    return rmsNorm(x, gain, { epsilon: config.normEpsilon, frozenGain: !scope.trains(`${name}.weight`) });
  }

  /** Adds to x what a part of a block makes of it, with the norms before and after the part. */
  function part(scope: ParameterScope, layer: number, { before, after }: PartNorms, x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
    const named = (name: string): string => `${path}.layers.${layer}.${name}`;
    const result = compute(before === undefined ? x : norm(scope, named(before), x));
    return add(x, after === undefined ? result : norm(scope, named(after), result));
  }

  function attention(scope: ParameterScope, layer: number, x: Tensor, context: PassContext, cache?: BlockCache): Tensor {
    const self = `${path}.layers.${layer}.self_attn`;
    const turn = rotary(layer);
    const tables = turn === undefined ? undefined : context.rotary?.get(turn);
    const placed = (name: string, projected: Tensor, count: number): Tensor => {
      const normal = queryKeyNorm === undefined ? projected : headNorm(scope, `${self}.${name}`, projected);
      return tables === undefined ? normal : rope(normal, tables, { heads: count, headSize });
    };
    const [q, k, v] = fused
      ? columns(scope.linear(`${self}.qkv_proj`, x), [queries, keys, keys])
      : scope.linears(
          ['q_proj', 'k_proj', 'v_proj'].map((name) => `${self}.${name}`),
          x,
        );
    const options = { heads, keyValueHeads, scale, window: variant.window(layer) };
    const mixed = attend(placed('q_norm', q, heads), placed('k_norm', k, keyValueHeads), v, context.sequence, options, cache);
    return scope.linear(`${self}.o_proj`, mixed);
  }

  /** Normalizes queries or keys: each head by itself, or all as one vector. */
  function headNorm(scope: ParameterScope, name: string, x: Tensor): Tensor {
    return queryKeyNorm === 'heads' ? reshape(norm(scope, name, reshape(x, [-1, headSize])), x.shape) : norm(scope, name, x);
  }

  function feedForward(scope: ParameterScope, layer: number, x: Tensor): Tensor {
    const mlp = `${path}.layers.${layer}.mlp`;
    const [gate, up] = fused
      ? columns(scope.linear(`${mlp}.gate_up_proj`, x), [intermediateSize, intermediateSize])
      : scope.linears([`${mlp}.gate_proj`, `${mlp}.up_proj`], x);
    return scope.linear(`${mlp}.down_proj`, activate === undefined ? swiglu(gate, up) : mul(activate(gate), up));
  }
}

/** Splits a matrix into blocks of columns of these widths. */
function columns(x: Tensor, widths: readonly number[]): Tensor[] {
  let start = 0;
  return widths.map((width) => {
    const begin = start;
    start += width;
    return slice(x, [0, begin], [-1, width]);
  });
}

const everywhere = (rotary: RotaryConfig) => (): RotaryConfig => rotary;

/** Makes the rotary tables: rows of one range if all sequences have the same positions, else one row per token. */
function tablesOf({ positions }: Sequence, rotary: RotaryConfig): RotaryTables {
  const frequencies = frequenciesFor(rotary, positions);
  return rotaryTables({ tokens: positions, headSize: 2 * frequencies.length, frequencies, factor: rotary.factor });
}
