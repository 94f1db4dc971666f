/**
 * Llama and its relatives in float64, told apart by `model_type`.
 *
 * @see Touvron et al., "LLaMA", 2023, section 2.2, and the reports of the relatives that src/models/architectures
 * names.
 */
import type { HostArray } from '../../src/linalg/host/host-algebra.js';
import { attention, type Float64Model, gelu, type Pass, positionsOf, rmsNorm } from './float64-parts.js';

type Values = Readonly<Record<string, number | string | readonly number[]>>;

const pathOf = ({ config }: Float64Model): string => (config.model_type === 'gemma3' ? 'model.language_model' : 'model');
const isGemma = ({ config }: Float64Model): boolean => String(config.model_type).startsWith('gemma3');

/** Name of the embedding. */
export const embeddingName = (model: Float64Model): string => `${pathOf(model)}.embed_tokens.weight`;

/** The blocks and the last norm, from the embeddings. */
export function llamaBlocks(pass: Pass, embedded: HostArray): HostArray {
  const { ops, size, linear, model, batch } = pass;
  const { config } = model;
  const heads = size('num_attention_heads');
  const keyValueHeads = size('num_key_value_heads');
  const headSize = (config.head_dim as number | undefined) ?? size('hidden_size') / heads;
  const [queries, keys] = [heads * headSize, keyValueHeads * headSize];
  const scale = 1 / Math.sqrt((config.query_pre_attn_scalar as number | undefined) ?? headSize);
  const norm = (name: string, x: HostArray): HostArray => {
    const weight = pass.get(`${name}.weight`);
    return rmsNorm(pass, isGemma(model) ? ops.add(weight, ops.full(ops.shape(weight), 1)) : weight, x);
  };
  let x = isGemma(model) ? ops.scale(Math.sqrt(size('hidden_size')), embedded) : embedded;
  for (let layer = 0; layer < size('num_hidden_layers'); layer++) {
    const path = `${pathOf(model)}.layers.${layer}`;
    const turn = rotation(pass, layer, headSize);
    const read = (name: string, from: HostArray, widths: readonly number[]): HostArray[] =>
      split(pass, linear(`${path}.${name}`, from), widths);
    const normalOf = (letter: string, from: HostArray): HostArray => {
      const name = `${path}.self_attn.${letter}_norm`;
      if (config.model_type === 'olmo2') return norm(name, from);
      const parts = split(
        pass,
        from,
        Array.from({ length: ops.shape(from)[1] / headSize }, () => headSize),
      );
      const isNormal = config.model_type === 'qwen3' || isGemma(model);
      return isNormal
        ? ops.concat(
            parts.map((part) => norm(name, part)),
            'columns',
          )
        : from;
    };
    const mix = (input: HostArray): HostArray => {
      const [q, k, v] =
        config.model_type === 'phi3'
          ? read('self_attn.qkv_proj', input, [queries, keys, keys])
          : ['q', 'k', 'v'].map((letter) => linear(`${path}.self_attn.${letter}_proj`, input));
      const options = { heads, keyValueHeads, window: windowOf(model, layer), scale };
      const turned = [turn(normalOf('q', q)), turn(normalOf('k', k)), v];
      const mixed = Array.from({ length: batch.batch }, (_, row) => attention(pass, row, turned, options));
      return linear(`${path}.self_attn.o_proj`, ops.concat(mixed, 'rows'));
    };
    const feed = (input: HostArray): HostArray => {
      const inner = size('intermediate_size');
      const [gate, up] =
        config.model_type === 'phi3'
          ? read('mlp.gate_up_proj', input, [inner, inner])
          : ['gate', 'up'].map((name) => linear(`${path}.mlp.${name}_proj`, input));
      return linear(`${path}.mlp.down_proj`, ops.multiply(isGemma(model) ? gelu(ops, gate) : silu(pass, gate), up));
    };
    const { attended, fed } = normNames(model);
    const around = ([before, after]: readonly (string | undefined)[], compute: (input: HostArray) => HostArray): HostArray => {
      const result = compute(before === undefined ? x : norm(`${path}.${before}`, x));
      return ops.add(x, after === undefined ? result : norm(`${path}.${after}`, result));
    };
    x = around(attended, mix);
    x = around(fed, feed);
  }
  return norm(`${pathOf(model)}.norm`, x);
}

/** Names of the norms before and after attention and feed-forward layer. */
function normNames(model: Float64Model): {
  readonly attended: readonly (string | undefined)[];
  readonly fed: readonly (string | undefined)[];
} {
  const [first, second] = ['input_layernorm', 'post_attention_layernorm'];
  if (isGemma(model)) return { attended: [first, second], fed: ['pre_feedforward_layernorm', 'post_feedforward_layernorm'] };
  if (model.config.model_type === 'olmo2') return { attended: [undefined, second], fed: [undefined, 'post_feedforward_layernorm'] };
  return { attended: [first, undefined], fed: [second, undefined] };
}

/** Number of tokens that a query of a block sees. */
function windowOf({ config }: Float64Model, layer: number): number {
  const size = config.sliding_window as number | null | undefined;
  const types = config.layer_types as readonly string[] | undefined;
  const slides =
    types === undefined ? config.model_type === 'mistral' || config.model_type === 'phi3' : types[layer] === 'sliding_attention';
  return slides ? (size ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
}

/** g σ(g). */
function silu({ ops }: Pass, gate: HostArray): HostArray {
  return ops.divide(gate, ops.add(ops.full(ops.shape(gate), 1), ops.exp(ops.scale(-1, gate))));
}

/** Blocks of columns of these widths. */
function split({ ops }: Pass, x: HostArray, widths: readonly number[]): HostArray[] {
  const ends = widths.map((_, index) => widths.slice(0, index + 1).reduce((sum, width) => sum + width, 0));
  return ends.map((end, index) => ops.slice(x, { columns: [end - widths[index], end] }));
}

/**
 * Rotary positions: turns the entries j and j + d/2 of the first d of each head by the angle position · ω_j, times a
 * factor. SmolLM3 has blocks without.
 */
function rotation({ ops, model, batch }: Pass, layer: number, headSize: number): (x: HostArray) => HostArray {
  const { config } = model;
  if ((config.no_rope_layers as readonly number[] | undefined)?.[layer] === 0) return (x) => x;
  const parameters = config.rope_parameters as Readonly<Record<string, Values>> & Values;
  const rope = isGemma(model) ? parameters[(config.layer_types as readonly string[])[layer]] : parameters;
  const positions = positionsOf(batch);
  const { frequencies, factor } = frequenciesOf(rope, headSize, config, Math.max(...positions));
  const half = frequencies.length;
  const table = (turn: (angle: number) => number): HostArray =>
    ops.fromArray(
      positions.flatMap((position) => frequencies.map((omega) => factor * turn(position * omega))),
      [positions.length, half],
    );
  const [cosines, sines] = [table(Math.cos), table(Math.sin)];
  return (x) => {
    const parts: HostArray[] = [];
    for (let start = 0; start < ops.shape(x)[1]; start += headSize) {
      const first = ops.slice(x, { columns: [start, start + half] });
      const second = ops.slice(x, { columns: [start + half, start + 2 * half] });
      parts.push(ops.subtract(ops.multiply(first, cosines), ops.multiply(second, sines)));
      parts.push(ops.add(ops.multiply(second, cosines), ops.multiply(first, sines)));
      if (2 * half < headSize) parts.push(ops.slice(x, { columns: [start + 2 * half, start + headSize] }));
    }
    return ops.concat(parts, 'columns');
  };
}

/**
 * ω_j = θ^(−2j/d), divided by a factor (linear), by one for each j (LongRoPE), or stretched for Llama 3.1 where the
 * original context holds fewer turns than `high_freq_factor`.
 */
function frequenciesOf(
  rope: Values,
  headSize: number,
  config: Float64Model['config'],
  lastPosition: number,
): { readonly frequencies: readonly number[]; readonly factor: number } {
  const rotated = Math.floor(headSize * Number(rope.partial_rotary_factor ?? 1));
  const plain = Array.from({ length: rotated / 2 }, (_, j) => (rope.rope_theta as number) ** ((-2 * j) / rotated));
  if (rope.rope_type === 'default') return { frequencies: plain, factor: 1 };
  if (rope.rope_type === 'linear') return { frequencies: plain.map((omega) => omega / Number(rope.factor)), factor: 1 };
  if (rope.rope_type === 'longrope') {
    const context = config.original_max_position_embeddings as number;
    const divisors = (lastPosition >= context ? rope.long_factor : rope.short_factor) as readonly number[];
    const factor = Math.sqrt(1 + Math.log((config.max_position_embeddings as number) / context) / Math.log(context));
    return { frequencies: plain.map((omega, j) => omega / divisors[j]), factor };
  }
  if (rope.rope_type !== 'llama3') throw new Error(`float64-llama: no formula for ${rope.rope_type}`);
  const [factor, low, high, context] = ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'].map((key) =>
    Number(rope[key]),
  );
  const frequencies = plain.map((omega) => {
    const turns = (context * omega) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return kept * omega + ((1 - kept) * omega) / factor;
  });
  return { frequencies, factor: 1 };
}
