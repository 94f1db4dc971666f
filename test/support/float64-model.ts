/**
 * The causal language models in float64: the forward pass written out as their papers have it, over `bures/autodiff` on
 * the host, to judge the float32 gradients of `bures/models` by. Nothing is shared with the models but the checkpoint.
 *
 * @see Touvron et al., "LLaMA", 2023, section 2.2; Radford et al., "Language Models are Unsupervised Multitask
 * Learners", 2019.
 */
import { autodiff, type DifferentiableAlgebra } from '../../src/autodiff/index.js';
import { type Random, seededRandom } from '../../src/core/random.js';
import { type HostAlgebra, type HostArray, hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import type { TokenBatch } from '../../src/models/index.js';

type Ops = DifferentiableAlgebra<HostArray>;

/** Arrays by name: parameters as in the checkpoint, and the factors `MODULE.a`, `MODULE.b` of adapters. */
export type NamedArrays = Readonly<Record<string, HostArray>>;

/** A model with what is not trained. */
export interface Float64Model {
  /** Content of config.json, in the style of transformers 5. */
  readonly config: Readonly<Record<string, unknown>>;
  /** All parameters. */
  readonly parameters: NamedArrays;
  /** Factor s of the adapters x Wᵀ + s (x aᵀ) bᵀ. */
  readonly adapterScale: number;
}

/** Σ of the token losses of a batch, divided, with its derivative by each trained array. */
export interface Float64Gradient {
  readonly loss: number;
  readonly gradient: NamedArrays;
}

const float64 = hostAlgebra({ blas: 'off' });

/**
 * Computes the loss and its gradient in float64, and how far rounding of a float32 computation takes the gradient: it
 * is computed again some times with every operand and result of every operation, on the way there and back, off by a
 * random factor between 1 − ε and 1 + ε, twice what rounding does to a float32 number. Operands too, because a sum
 * rounds with each of its terms.
 *
 * @param trained - the arrays to differentiate by; parameters among them take the place of the model's own.
 * @param epsilon - spacing of the float32 numbers at one.
 * @returns the gradient, and for each array the largest ‖deviation‖ ÷ ε.
 */
export async function float64Gradient(
  model: Float64Model,
  trained: NamedArrays,
  batch: TokenBatch,
  { denominator, epsilon, draws = 4 }: { readonly denominator: number; readonly epsilon: number; readonly draws?: number },
): Promise<Float64Gradient & { readonly growth: Readonly<Record<string, number>> }> {
  const exact = await gradientOver(float64, model, trained, batch, denominator);
  const growth: Record<string, number> = {};
  for (let draw = 0; draw < draws; draw++) {
    const { gradient } = await gradientOver(roundedAlgebra(epsilon, seededRandom(draw)), model, trained, batch, denominator);
    for (const [name, array] of Object.entries(gradient))
      growth[name] = Math.max(growth[name] ?? 0, float64.norm(float64.subtract(array, exact.gradient[name])) / epsilon);
  }
  return { ...exact, growth };
}

/** Computes Σ of the token losses ÷ denominator in float64. */
export function float64Loss(model: Float64Model, trained: NamedArrays, batch: TokenBatch, denominator: number): number | Promise<number> {
  return autodiff<HostArray, NamedArrays>(float64, (ops, arrays) => lossOf(ops, model, arrays, batch, denominator)).cost(trained);
}

async function gradientOver(
  la: HostAlgebra,
  model: Float64Model,
  trained: NamedArrays,
  batch: TokenBatch,
  denominator: number,
): Promise<Float64Gradient> {
  const cost = autodiff<HostArray, NamedArrays>(la, (ops, arrays) => lossOf(ops, model, arrays, batch, denominator));
  const { cost: loss, gradient } = await cost.costAndGradient(trained);
  return { loss, gradient };
}

/** The operations that round. Those that only move numbers do not. */
const rounding = [
  'add',
  'subtract',
  'scale',
  'multiply',
  'divide',
  'sqrt',
  'exp',
  'log',
  'scaleRows',
  'scaleColumns',
  'scaleEach',
  'sum',
  'sumVector',
  'innerEach',
  'matmul',
] as const;

/** An engine whose operations change each entry of their operands and results by a random factor. */
function roundedAlgebra(epsilon: number, random: Random): HostAlgebra {
  const noisy = (value: unknown): unknown => {
    if (!float64.isArray(value)) return value;
    const entries = float64.toArray(value).map((entry) => entry * (1 + epsilon * (2 * random.uniform() - 1)));
    return float64.fromArray(entries, value.shape);
  };
  const operations = rounding.map((name) => {
    const exact = float64[name] as (...operands: unknown[]) => unknown;
    return [name, (...operands: unknown[]) => noisy(exact(...operands.map(noisy)))] as const;
  });
  return { ...float64, ...Object.fromEntries(operations) };
}

/** What the parts of a forward pass need. */
interface Pass {
  readonly ops: Ops;
  readonly model: Float64Model;
  readonly batch: TokenBatch;
  /** Returns a number of config.json. */
  size(key: string): number;
  /** Returns a trained array, or the model's own. */
  get(name: string): HostArray;
  /** Computes x Wᵀ + b with the adapter, where there are any. */
  linear(name: string, x: HostArray): HostArray;
}

function lossOf(ops: Ops, model: Float64Model, trained: NamedArrays, batch: TokenBatch, denominator: number): HostArray {
  const { config, parameters, adapterScale } = model;
  const isGpt2 = config.model_type === 'gpt2';
  const embedding = isGpt2 ? 'transformer.wte.weight' : 'model.embed_tokens.weight';
  const pass: Pass = {
    ops,
    model,
    batch,
    size: (key) => config[key] as number,
    get: (name) => trained[name] ?? parameters[name],
    linear(name, x) {
      // The head of a tied model takes the model's own embedding, unless it is trained itself.
      const own = name === 'lm_head' && config.tie_word_embeddings === true ? parameters[embedding] : parameters[`${name}.weight`];
      const stored = isGpt2 && name !== 'lm_head' ? {} : { transposeB: true };
      const base = ops.matmul(x, trained[`${name}.weight`] ?? own, stored);
      const [a, b] = [trained[`${name}.a`], trained[`${name}.b`]];
      const low = a === undefined ? undefined : ops.matmul(ops.matmul(x, a, { transposeB: true }), b, { transposeB: true });
      const adapted = low === undefined ? base : ops.add(base, ops.scale(adapterScale, low));
      return parameters[`${name}.bias`] === undefined ? adapted : ops.add(adapted, repeated(ops, pass.get(`${name}.bias`), x));
    },
  };
  const embedded = rowsOf(ops, pass.get(embedding), batch.inputIds);
  const hidden = isGpt2 ? gpt2Blocks(pass, embedded) : llamaBlocks(pass, embedded);
  const { tokens, labels } = predicted(batch);
  const logits = pass.linear('lm_head', rowsOf(ops, hidden, tokens));
  const chosen = labels.flatMap((label) => Array.from({ length: pass.size('vocab_size') }, (_, token) => (token === label ? 1 : 0)));
  const likelihood = ops.inner(logits, ops.fromArray(chosen, [labels.length, pass.size('vocab_size')]));
  return ops.scale(1 / denominator, ops.subtract(ops.sumVector(ops.log(ops.sum(ops.exp(logits), 'rows'))), likelihood));
}

/** The tokens from which a label is predicted: those before it, in the same row and segment. */
function predicted({ batch, length, labels, segmentIds }: TokenBatch): { readonly tokens: number[]; readonly labels: number[] } {
  const counts = Array.from({ length: batch * length }, (_, t) => t).filter(
    (t) => t % length > 0 && (labels?.[t] ?? -100) !== -100 && segmentIds?.[t] === segmentIds?.[t - 1],
  );
  return { tokens: counts.map((t) => t - 1), labels: counts.map((t) => labels?.[t] ?? 0) };
}

/** Rows of a matrix, in the order given. */
function rowsOf(ops: Ops, x: HostArray, rows: ArrayLike<number>): HostArray {
  return ops.concat(
    Array.from(rows, (row) => ops.slice(x, { rows: [row, row + 1] })),
    'rows',
  );
}

/** A vector in each of as many rows as x has. */
function repeated(ops: Ops, vector: HostArray, x: HostArray): HostArray {
  return ops.scaleColumns(ops.full([ops.shape(x)[0], ops.shape(vector)[0]], 1), vector);
}

/** Position of each token: from 0 in each row, and from where the segment changes. */
function positionsOf({ batch, length, segmentIds }: TokenBatch): number[] {
  const positions: number[] = [];
  for (let t = 0; t < batch * length; t++)
    positions.push(t % length > 0 && segmentIds?.[t] === segmentIds?.[t - 1] ? positions[t - 1] + 1 : 0);
  return positions;
}

/** Attention of one row of the batch, for all heads: softmax over the tokens that are visible, by grouped heads. */
function attention(
  { ops, batch: { length, attentionMask, segmentIds } }: Pass,
  row: number,
  [q, k, v]: readonly HostArray[],
  { heads, keyValueHeads, window }: { readonly heads: number; readonly keyValueHeads: number; readonly window: number },
): HostArray {
  const size = ops.shape(q)[1] / heads;
  const visible = Array.from({ length: length ** 2 }, (_, place) => {
    const [i, j] = [Math.floor(place / length), place % length];
    const [query, key] = [row * length + i, row * length + j];
    if (i === j) return 1;
    const isText = attentionMask?.[key] !== 0 && attentionMask?.[query] !== 0;
    return j < i && i - j < window && isText && segmentIds?.[query] === segmentIds?.[key] ? 1 : 0;
  });
  const mask = ops.fromArray(visible, [length, length]);
  const part = (x: HostArray, head: number): HostArray =>
    ops.slice(x, { rows: [row * length, (row + 1) * length], columns: [head * size, (head + 1) * size] });
  const mixed = Array.from({ length: heads }, (_, head) => {
    const shared = Math.floor((head * keyValueHeads) / heads);
    const scores = ops.scale(1 / Math.sqrt(size), ops.matmul(part(q, head), part(k, shared), { transposeB: true }));
    const weights = ops.multiply(mask, ops.exp(scores));
    const sums = ops.sum(weights, 'rows');
    return ops.scaleRows(ops.divide(ops.full([length], 1), sums), ops.matmul(weights, part(v, shared)));
  });
  return ops.concat(mixed, 'columns');
}

/** RMS normalization x / √(mean x² + ε) ∘ g. */
function rmsNorm({ ops, size, get }: Pass, name: string, x: HostArray): HostArray {
  const [rows, width] = ops.shape(x);
  const squares = ops.scale(1 / width, ops.sum(ops.multiply(x, x), 'rows'));
  const roots = ops.sqrt(ops.add(squares, ops.full([rows], size('rms_norm_eps'))));
  return ops.scaleColumns(ops.scaleRows(ops.divide(ops.full([rows], 1), roots), x), get(name));
}

function llamaBlocks(pass: Pass, embedded: HostArray): HostArray {
  const { ops, size, linear, model, batch } = pass;
  const heads = size('num_attention_heads');
  const keyValueHeads = size('num_key_value_heads');
  const headSize = (model.config.head_dim as number | undefined) ?? size('hidden_size') / heads;
  const window = model.config.model_type === 'mistral' ? size('sliding_window') : Number.POSITIVE_INFINITY;
  const turn = rotation(pass, headSize);
  let x = embedded;
  for (let layer = 0; layer < size('num_hidden_layers'); layer++) {
    const path = `model.layers.${layer}`;
    const input = rmsNorm(pass, `${path}.input_layernorm.weight`, x);
    const [q, k, v] = ['q', 'k', 'v'].map((letter) => linear(`${path}.self_attn.${letter}_proj`, input));
    const turned = [turn(q), turn(k), v];
    const mixed = Array.from({ length: batch.batch }, (_, row) => attention(pass, row, turned, { heads, keyValueHeads, window }));
    x = ops.add(x, linear(`${path}.self_attn.o_proj`, ops.concat(mixed, 'rows')));
    const middle = rmsNorm(pass, `${path}.post_attention_layernorm.weight`, x);
    const gate = linear(`${path}.mlp.gate_proj`, middle);
    // SwiGLU: g σ(g) u.
    const one = ops.full(ops.shape(gate), 1);
    const gated = ops.divide(ops.multiply(gate, linear(`${path}.mlp.up_proj`, middle)), ops.add(one, ops.exp(ops.scale(-1, gate))));
    x = ops.add(x, linear(`${path}.mlp.down_proj`, gated));
  }
  return rmsNorm(pass, 'model.norm.weight', x);
}

/** Rotary positions: turns the entries j and j + d/2 of each head of size d by the angle position · ω_j. */
function rotation({ ops, model, batch }: Pass, headSize: number): (x: HostArray) => HostArray {
  const half = headSize / 2;
  const frequencies = frequenciesOf(model.config.rope_parameters as Readonly<Record<string, number | string>>, headSize);
  const positions = positionsOf(batch);
  const table = (turn: (angle: number) => number): HostArray =>
    ops.fromArray(
      positions.flatMap((position) => frequencies.map((omega) => turn(position * omega))),
      [positions.length, half],
    );
  const [cosines, sines] = [table(Math.cos), table(Math.sin)];
  return (x) => {
    const parts: HostArray[] = [];
    for (let start = 0; start < ops.shape(x)[1]; start += headSize) {
      const first = ops.slice(x, { columns: [start, start + half] });
      const second = ops.slice(x, { columns: [start + half, start + headSize] });
      parts.push(ops.subtract(ops.multiply(first, cosines), ops.multiply(second, sines)));
      parts.push(ops.add(ops.multiply(second, cosines), ops.multiply(first, sines)));
    }
    return ops.concat(parts, 'columns');
  };
}

/** ω_j = θ^(−2j/d), stretched for Llama 3.1 where the original context holds fewer turns than `high_freq_factor`. */
function frequenciesOf(rope: Readonly<Record<string, number | string>>, headSize: number): number[] {
  const plain = Array.from({ length: headSize / 2 }, (_, j) => (rope.rope_theta as number) ** ((-2 * j) / headSize));
  if (rope.rope_type === 'default') return plain;
  if (rope.rope_type !== 'llama3') throw new Error(`float64-model: no formula for ${rope.rope_type}`);
  const [factor, low, high, context] = ['factor', 'low_freq_factor', 'high_freq_factor', 'original_max_position_embeddings'].map((key) =>
    Number(rope[key]),
  );
  return plain.map((omega) => {
    const turns = (context * omega) / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return kept * omega + ((1 - kept) * omega) / factor;
  });
}

/** Layer normalization (x − mean) / √(variance + ε) ∘ g + b. */
function layerNorm({ ops, size, get }: Pass, name: string, x: HostArray): HostArray {
  const [rows, width] = ops.shape(x);
  const means = ops.scale(1 / width, ops.sum(x, 'rows'));
  const centered = ops.subtract(x, ops.scaleRows(means, ops.full([rows, width], 1)));
  const variances = ops.scale(1 / width, ops.sum(ops.multiply(centered, centered), 'rows'));
  const roots = ops.sqrt(ops.add(variances, ops.full([rows], size('layer_norm_epsilon'))));
  const normal = ops.scaleRows(ops.divide(ops.full([rows], 1), roots), centered);
  return ops.add(ops.scaleColumns(normal, get(`${name}.weight`)), repeated(ops, get(`${name}.bias`), x));
}

function gpt2Blocks(pass: Pass, embedded: HostArray): HostArray {
  const { ops, size, get, linear, batch } = pass;
  const [heads, width] = [size('n_head'), size('n_embd')];
  let x = ops.add(embedded, rowsOf(ops, get('transformer.wpe.weight'), positionsOf(batch)));
  for (let layer = 0; layer < size('n_layer'); layer++) {
    const path = `transformer.h.${layer}`;
    const projected = linear(`${path}.attn.c_attn`, layerNorm(pass, `${path}.ln_1`, x));
    const parts = [0, 1, 2].map((index) => ops.slice(projected, { columns: [index * width, (index + 1) * width] }));
    const options = { heads, keyValueHeads: heads, window: Number.POSITIVE_INFINITY };
    const mixed = Array.from({ length: batch.batch }, (_, row) => attention(pass, row, parts, options));
    x = ops.add(x, linear(`${path}.attn.c_proj`, ops.concat(mixed, 'rows')));
    const inner = linear(`${path}.mlp.c_fc`, layerNorm(pass, `${path}.ln_2`, x));
    x = ops.add(x, linear(`${path}.mlp.c_proj`, gelu(ops, inner)));
  }
  return layerNorm(pass, 'transformer.ln_f', x);
}

/** x (1 + tanh u) / 2 = x (1 − 1 / (e^2u + 1)) with u = √(2/π) (x + 0.044715 x³). */
function gelu(ops: Ops, x: HostArray): HostArray {
  const one = ops.full(ops.shape(x), 1);
  const cubic = ops.multiply(x, ops.add(one, ops.scale(0.044715, ops.multiply(x, x))));
  const exponential = ops.exp(ops.scale(2 * Math.sqrt(2 / Math.PI), cubic));
  return ops.multiply(x, ops.subtract(one, ops.divide(one, ops.add(exponential, one))));
}
