/**
 * What is refused, with which error, and that nothing is left over. The texts are in __snapshots__/misuse.test.ts.snap,
 * to be read together.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { floor, mul, scalar, zeros } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackendError, ConfigError, DomainError, FormatError, NotImplementedError, ShapeError } from '../../src/core/errors.js';
import { openSafetensors, writeSafetensors } from '../../src/io/index.js';
import { type CausalLM, loadCausalLM, type ModelOverlay, type ModuleAdapter, type TokenBatch } from '../../src/models/index.js';
import { liveTensors, tensorEngines } from '../support/engines.js';
import { refused } from '../support/refused.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const [[, algebra]] = tensorEngines;
/** LongRoPE of tiny-phi3. */
const LONG = { rope_type: 'longrope', rope_theta: 500, partial_rotary_factor: 0.75, short_factor: [1.1, 1.7], long_factor: [1.9, 4.3] };
/** The language model of tiny-gemma3. */
const TEXT = {
  vocab_size: 61,
  hidden_size: 24,
  intermediate_size: 34,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
};
const NOTHING: ModelOverlay = { adapters: new Map(), replaced: new Map() };

/** A copy of a checkpoint, to be spoilt. */
async function withCopy(name: string, use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'bures-misuse-'));
  try {
    await cp(path.join(FIXTURES, name), directory, { recursive: true });
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function changeConfig(directory: string, changes: object): Promise<void> {
  const file = path.join(directory, 'config.json');
  await writeFile(file, JSON.stringify({ ...(JSON.parse(await readFile(file, 'utf8')) as object), ...changes }));
}

describe('config.json', () => {
  it.each([
    ['tiny-qwen2', { num_hidden_layers: 1e6 }],
    ['tiny-qwen2', { head_dim: 1e9 }],
    ['tiny-qwen2', { hidden_size: 2 ** 40 }],
    ['tiny-qwen2', { vocab_size: 2 ** 52 }],
    ['tiny-qwen2', { intermediate_size: 1e15 }],
    ['tiny-qwen2', { num_attention_heads: 1e12, num_key_value_heads: 1e12 }],
  ])('%s with %j claims more than the checkpoint holds, before anything is made of it', async (name, changes) => {
    await withCopy(name, async (directory) => {
      await changeConfig(directory, changes);
      await refused(FormatError, () => loadCausalLM(directory, { algebra }), directory);
    });
  });

  it('frequencies that are not finite are refused', async () => {
    await withCopy('tiny-qwen2', async (directory) => {
      await changeConfig(directory, { rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: 1e-320 } });
      await refused(ConfigError, () => loadCausalLM(directory, { algebra }), directory);
    });
  });

  it.each([
    ['tiny-qwen2', { rope_parameters: { rope_type: 'dynamic', rope_theta: 1e4, factor: 2 } }],
    ['tiny-qwen2', { rope_scaling: { type: 'linear', factor: 2 } }],
    ['tiny-qwen2', { rope_parameters: { rope_type: 'linear', rope_theta: 1e4 } }],
    ['tiny-qwen2', { rope_parameters: { rope_type: 'default', rope_theta: 1e4, extra: 3 } }],
    ['tiny-qwen2', { partial_rotary_factor: 0.5 }],
    ['tiny-qwen2', { hidden_act: 'gelu' }],
    ['tiny-qwen2', { layer_types: ['full_attention', 'sliding_attention'] }],
    ['tiny-qwen2', { num_key_value_heads: 3 }],
    ['tiny-qwen2', { vocab_size: -4 }],
    ['tiny-qwen2', { quantization_config: { bits: 4 } }],
    ['tiny-qwen2', { logit_scale: 2 }],
    ['tiny-qwen2', { model_type: 'qwen9' }],
    ['tiny-llama', { pretraining_tp: 2 }],
    ['tiny-llama', { head_dim: 5 }],
    ['tiny-mistral', { sliding_window: 'all' }],
    ['tiny-gpt2', { activation_function: 'relu' }],
    ['tiny-gpt2', { add_cross_attention: true }],
    ['tiny-qwen3', { head_dim: 7 }],
    ['tiny-qwen3', { layer_types: ['full_attention'] }],
    ['tiny-qwen3', { use_sliding_window: false }],
    ['tiny-qwen3', { rope_parameters: { ...LONG, partial_rotary_factor: undefined } }],
    ['tiny-phi3', { rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: 2 } }],
    ['tiny-phi3', { rope_parameters: { ...LONG, short_factor: [1, 2, 3] } }],
    ['tiny-phi3', { rope_parameters: { ...LONG, long_factor: [1, 0] } }],
    ['tiny-phi3', { rope_parameters: { ...LONG, long_factor: null } }],
    ['tiny-phi3', { rope_parameters: { rope_type: 'default', partial_rotary_factor: 1.5 } }],
    ['tiny-phi3', { rope_parameters: { rope_type: 'default', partial_rotary_factor: 0.1 } }],
    ['tiny-phi3', { full_attn_mod: 2 }],
    ['tiny-gemma3-text', { final_logit_softcapping: 30 }],
    ['tiny-gemma3-text', { attn_logit_softcapping: 50 }],
    ['tiny-gemma3-text', { use_bidirectional_attention: true }],
    ['tiny-gemma3-text', { sliding_window: null }],
    ['tiny-gemma3-text', { hidden_activation: 'relu' }],
    ['tiny-gemma3-text', { rope_parameters: { rope_type: 'default', rope_theta: 1e4 } }],
    ['tiny-gemma3', { text_config: null }],
    ['tiny-gemma3', { text_config: { ...TEXT, logits_scaling: 3 } }],
    ['tiny-smollm3', { no_rope_layers: [1] }],
    ['tiny-smollm3', { no_rope_layers: [1, 2] }],
    ['tiny-smollm3', { use_sliding_window: true, layer_types: ['full_attention', 'sliding_attention'] }],
    ['tiny-olmo2', { clip_qkv: 8 }],
  ])('%s with %j', async (name, changes) => {
    const before = liveTensors();
    await withCopy(name, async (directory) => {
      await changeConfig(directory, changes);
      await refused(ConfigError, () => loadCausalLM(directory, { algebra }), directory);
    });
    expect(liveTensors()).toBe(before);
  });

  it.each([
    [
      'tiny-llama',
      { rope_parameters: null, rope_theta: 500, rope_scaling: null, torch_dtype: 'float16', logit_scale: null, use_flash: false },
    ],
    ['tiny-phi3', { rope_parameters: null, rope_scaling: { ...LONG, rope_type: undefined, type: 'su' }, auto_map: { AutoConfig: 'a.b' } }],
    ['tiny-gemma3', { text_config: TEXT, eos_token_id: [1, 106], vision_config: undefined }],
    ['tiny-gemma3-text', { cache_implementation: 'hybrid', hidden_act: 'gelu', eos_token_id: [1, 106] }],
    ['tiny-smollm3', { pretraining_tp: 2, max_window_layers: 28 }],
    ['tiny-qwen2', { rope_parameters: undefined, rope_theta: 1e6, layer_types: undefined, dtype: undefined, torch_dtype: 'float32' }],
  ])('%s in the style of transformers 4: %j', async (name, changes) => {
    await withCopy(name, async (directory) => {
      await changeConfig(directory, changes);
      (await loadCausalLM(directory, { algebra })).dispose();
    });
  });
});

describe('checkpoints', () => {
  async function rewrite(
    directory: string,
    change: (tensors: Map<string, { dtype: 'F32'; shape: readonly number[]; data: Float32Array }>) => void,
  ) {
    const store = await openSafetensors(directory);
    const tensors = new Map<string, { dtype: 'F32'; shape: readonly number[]; data: Float32Array }>();
    for (const { name, shape } of store.entries.values()) {
      tensors.set(name, { dtype: 'F32', shape, data: (await store.read(name)) as Float32Array });
    }
    await store.close();
    change(tensors);
    await writeSafetensors(path.join(directory, 'model.safetensors'), tensors);
  }

  it.each([
    ['a tensor missing', 'model.norm.weight', undefined],
    ['one too many', 'model.layers.2.mlp.up_proj.weight', [34, 24]],
    ['one of another shape', 'model.norm.weight', [25]],
  ])('%s', async (_, name, shape) => {
    const before = liveTensors();
    await withCopy('tiny-llama', async (directory) => {
      await rewrite(directory, (tensors) => {
        if (shape === undefined) tensors.delete(name);
        else tensors.set(name, { dtype: 'F32', shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
      });
      await refused(FormatError, () => loadCausalLM(directory, { algebra }), directory);
    });
    expect(liveTensors()).toBe(before);
  });

  it('GPT-2 without the prefix, with buffers, as first published', async () => {
    await withCopy('tiny-gpt2', async (directory) => {
      await rewrite(directory, (tensors) => {
        for (const [name, value] of [...tensors]) {
          tensors.delete(name);
          tensors.set(name.replace('transformer.', ''), value);
        }
        tensors.set('h.0.attn.bias', { dtype: 'F32', shape: [1, 1, 3, 3], data: new Float32Array(9) });
      });
      const [first, second] = [
        await loadCausalLM(directory, { algebra }),
        await loadCausalLM(path.join(FIXTURES, 'tiny-gpt2'), { algebra }),
      ];
      const batch = { batch: 1, length: 3, inputIds: Int32Array.of(5, 6, 7) };
      const [ours, theirs] = [first.logits(batch), second.logits(batch)];
      expect(ours.dataSync()).toEqual(theirs.dataSync());
      for (const each of [ours, theirs, first, second]) each.dispose();
    });
  });

  it('what does not fit is said before anything is loaded', async () => {
    const before = liveTensors();
    const directory = path.join(FIXTURES, 'tiny-qwen2');
    await refused(BackendError, () => loadCausalLM(directory, { algebra, trainingStep: { batch: 2 ** 20, length: 256 } }));
    expect(liveTensors()).toBe(before);
  });
});

describe('calls', () => {
  let model: CausalLM;
  let before = 0;
  beforeAll(async () => {
    model = await loadCausalLM(path.join(FIXTURES, 'tiny-qwen2'), { algebra });
    before = liveTensors();
  });
  afterAll(() => {
    expect(liveTensors()).toBe(before);
    model.dispose();
  });
  const row = (ids: readonly number[], more: Partial<TokenBatch> = {}): TokenBatch => ({
    batch: 1,
    length: ids.length,
    inputIds: Int32Array.from(ids),
    ...more,
  });

  it.each([
    ['a token outside the vocabulary', row([1, 384]), DomainError],
    ['a negative token', row([1, -1]), DomainError],
    ['a label outside the vocabulary', row([1, 2], { labels: Int32Array.of(1, 400) }), DomainError],
    ['a sequence past the position limit', row(Array(257).fill(1)), DomainError],
    ['labels of another length', row([1, 2], { labels: Int32Array.of(1) }), ShapeError],
    ['no labels', row([1, 2]), DomainError],
    ['only ignored labels', row([1, 2], { labels: Int32Array.of(-100, -100) }), DomainError],
    ['one label, at the first token', row([1, 2], { labels: Int32Array.of(1, -100) }), DomainError],
  ])('%s', async (_, batch, kind) => {
    await refused(kind, () => model.loss(batch));
    await refused(kind, () => model.lossAndGradient(batch, NOTHING));
  });

  it('an overlay for another model', async () => {
    const batch = row([1, 2], { labels: Int32Array.of(1, 2) });
    const value = zeros([3]);
    const adapter = { parameters: { a: value }, forward: () => value };
    const elsewhere = { ...NOTHING, adapters: new Map([['model.layers.7.mlp.up_proj', adapter]]) };
    await refused(ConfigError, () => model.lossAndGradient(batch, elsewhere));
    await refused(ConfigError, () => model.logits(batch, { overlay: { ...NOTHING, replaced: new Map([['model.norm.bias', value]]) } }));
    await refused(ShapeError, () => model.logits(batch, { overlay: { ...NOTHING, replaced: new Map([['model.norm.weight', value]]) } }));
    await refused(ConfigError, () => model.parameter('model.norm.bias'));
    await refused(ShapeError, () => model.replaceParameter('model.norm.weight', value));
    value.dispose();
  });

  it('an adapter that throws, or whose operations have no gradient', async () => {
    const batch = row([1, 2, 3], { labels: Int32Array.of(1, 2, 3) });
    const value = scalar(1);
    const failing = (forward: () => never) => ({ ...NOTHING, adapters: new Map([['lm_head', { parameters: { value }, forward }]]) });
    const thrown = new NotImplementedError('here');
    for (const recompute of [true, false]) {
      const overlay = failing(() => {
        throw thrown;
      });
      await expect(model.lossAndGradient(batch, overlay, { recompute })).rejects.toBe(thrown);
    }
    const adapter: ModuleAdapter = { parameters: { value }, forward: ({ base, parameters }) => mul(floor(base()), parameters.value) };
    const overlay = {
      ...NOTHING,
      adapters: new Map([
        ['model.layers.0.mlp.up_proj', adapter],
        ['model.layers.1.mlp.up_proj', adapter],
      ]),
    };
    await refused(NotImplementedError, () => model.lossAndGradient(batch, overlay));
    value.dispose();
  });

  it('nothing to differentiate is a loss without gradients', async () => {
    const batch = row([1, 2, 3], { labels: Int32Array.of(1, 2, 3) });
    const { loss, adapters, replaced } = await model.lossAndGradient(batch, NOTHING);
    const { sum, tokens } = await model.loss(batch);
    expect(loss).toBeCloseTo(sum / tokens, 5);
    expect(adapters.size + replaced.size).toBe(0);
  });
});
