/**
 * The causal language models in float64: the forward pass written out as their papers have it, over `bures/autodiff` on
 * the host, to judge the float32 gradients of `bures/models` by. Nothing is shared with the models but the checkpoint.
 *
 * @see Touvron et al., "LLaMA", 2023, section 2.2; Radford et al., "Language Models are Unsupervised Multitask
 * Learners", 2019.
 */
import { autodiff } from '../../src/autodiff/index.js';
import { type Random, seededRandom } from '../../src/core/random.js';
import { type HostAlgebra, type HostArray, hostAlgebra } from '../../src/linalg/host/host-algebra.js';
import type { TokenBatch } from '../../src/models/index.js';
import { embeddingName, llamaBlocks } from './float64-llama.js';
import {
  attention,
  type Float64Model,
  gelu,
  type NamedArrays,
  type Ops,
  type Pass,
  positionsOf,
  repeated,
  rowsOf,
} from './float64-parts.js';

export type { Float64Model, NamedArrays } from './float64-parts.js';

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

function lossOf(ops: Ops, model: Float64Model, trained: NamedArrays, batch: TokenBatch, denominator: number): HostArray {
  const { config, parameters, adapterScale } = model;
  const isGpt2 = config.model_type === 'gpt2';
  const embedding = isGpt2 ? 'transformer.wte.weight' : embeddingName(model);
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
