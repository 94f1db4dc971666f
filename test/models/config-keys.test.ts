/**
 * Keys of config.json that nobody asked for: passed over with a notice, unless they change the forward pass. Held
 * against the configuration classes of transformers (test/peers/golden_config_fields.py).
 */
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../src/core/errors.js';
import { loadCausalLM, modelMemory } from '../../src/models/index.js';
import { tensorEngines } from '../support/engines.js';

const FIXTURES = path.join(import.meta.dirname, '../fixtures/models');
const [[, algebra]] = tensorEngines;

interface Fields {
  readonly base: readonly string[];
  readonly shared: readonly string[];
  readonly models: Readonly<Record<string, { readonly declared: readonly string[]; readonly read: readonly string[] }>>;
}
const fields = JSON.parse(readFileSync(path.join(FIXTURES, 'config-fields.json'), 'utf8')) as Fields;

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'bures-keys-'));
});
afterAll(() => rm(scratch, { recursive: true }));

let copies = 0;
async function withKeys(name: string, keys: object, inText = false): Promise<string> {
  const folder = path.join(scratch, String(copies++));
  await cp(path.join(FIXTURES, name), folder, { recursive: true });
  const file = path.join(folder, 'config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as { readonly text_config?: object };
  const changed = inText ? { ...config, text_config: { ...config.text_config, ...keys } } : { ...config, ...keys };
  await writeFile(file, JSON.stringify(changed));
  return folder;
}

/** Opens a checkpoint: the notices, or the error. Weights are not read. */
async function opened(folder: string): Promise<readonly string[] | Error> {
  const notices: string[] = [];
  try {
    await modelMemory(folder, { onNotice: (line) => notices.push(line) });
    return notices;
  } catch (error) {
    return error as Error;
  }
}

/** Writes a safetensors file of these shapes whose numbers are a hole in the file. */
async function writeHollow(folder: string, shapes: ReadonlyMap<string, readonly number[]>): Promise<void> {
  let end = 0;
  const header: Record<string, unknown> = {};
  for (const [name, shape] of shapes) {
    const bytes = 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'BF16', shape, data_offsets: [end, end + bytes] };
    end += bytes;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = await open(path.join(folder, 'model.safetensors'), 'w');
  await file.write(Buffer.concat([length, text]));
  await file.truncate(8 + text.length + end);
  await file.close();
}

/** As published: SmolLM2-135M-Instruct. */
const SMOLLM2 = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: 'silu',
  hidden_size: 576,
  initializer_range: 0.041666666666666664,
  intermediate_size: 1536,
  is_llama_config: true,
  max_position_embeddings: 8192,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 9,
  num_hidden_layers: 30,
  num_key_value_heads: 3,
  pad_token_id: 2,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_interleaved: false,
  rope_scaling: null,
  rope_theta: 100000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
  'transformers.js_config': { kv_cache_dtype: { q4f16: 'float16', fp16: 'float16' } },
  transformers_version: '4.42.3',
  use_cache: true,
  vocab_size: 49152,
};

/** As published: distilgpt2. */
const DISTILGPT2 = {
  _num_labels: 1,
  activation_function: 'gelu_new',
  architectures: ['GPT2LMHeadModel'],
  attn_pdrop: 0.1,
  bos_token_id: 50256,
  embd_pdrop: 0.1,
  eos_token_id: 50256,
  id2label: { 0: 'LABEL_0' },
  initializer_range: 0.02,
  label2id: { LABEL_0: 0 },
  layer_norm_epsilon: 1e-5,
  model_type: 'gpt2',
  n_ctx: 1024,
  n_embd: 768,
  n_head: 12,
  n_layer: 6,
  n_positions: 1024,
  resid_pdrop: 0.1,
  summary_activation: null,
  summary_first_dropout: 0.1,
  summary_proj_to_labels: true,
  summary_type: 'cls_index',
  summary_use_proj: true,
  task_specific_params: { 'text-generation': { do_sample: true, max_length: 50 } },
  vocab_size: 50257,
};

function llamaShapes(): Map<string, readonly number[]> {
  const [hidden, inner, keys] = [576, 1536, 192];
  const shapes = new Map<string, readonly number[]>([
    ['model.embed_tokens.weight', [49152, hidden]],
    ['model.norm.weight', [hidden]],
  ]);
  for (let layer = 0; layer < 30; layer++) {
    const at = `model.layers.${layer}`;
    for (const norm of ['input_layernorm', 'post_attention_layernorm']) shapes.set(`${at}.${norm}.weight`, [hidden]);
    for (const name of ['q_proj', 'o_proj']) shapes.set(`${at}.self_attn.${name}.weight`, [hidden, hidden]);
    for (const name of ['k_proj', 'v_proj']) shapes.set(`${at}.self_attn.${name}.weight`, [keys, hidden]);
    for (const name of ['gate_proj', 'up_proj']) shapes.set(`${at}.mlp.${name}.weight`, [inner, hidden]);
    shapes.set(`${at}.mlp.down_proj.weight`, [hidden, inner]);
  }
  return shapes;
}

function gpt2Shapes(): Map<string, readonly number[]> {
  const hidden = 768;
  const shapes = new Map<string, readonly number[]>([
    ['transformer.wte.weight', [50257, hidden]],
    ['transformer.wpe.weight', [1024, hidden]],
  ]);
  const vectors = (name: string, sizes: readonly (readonly number[])[]): void => {
    shapes.set(`transformer.${name}.weight`, sizes[0]).set(`transformer.${name}.bias`, sizes[1]);
  };
  for (let layer = 0; layer < 6; layer++) {
    shapes.set(`transformer.h.${layer}.attn.bias`, [1, 1, 1024, 1024]);
    for (const norm of ['ln_1', 'ln_2']) vectors(`h.${layer}.${norm}`, [[hidden], [hidden]]);
    vectors(`h.${layer}.attn.c_attn`, [[hidden, 3 * hidden], [3 * hidden]]);
    vectors(`h.${layer}.attn.c_proj`, [[hidden, hidden], [hidden]]);
    vectors(`h.${layer}.mlp.c_fc`, [[hidden, 4 * hidden], [4 * hidden]]);
    vectors(`h.${layer}.mlp.c_proj`, [[4 * hidden, hidden], [hidden]]);
  }
  vectors('ln_f', [[hidden], [hidden]]);
  return shapes;
}

describe('configs of real models, with the shapes of their weights', () => {
  it.each([
    ['SmolLM2-135M-Instruct', SMOLLM2, llamaShapes(), 134_515_008],
    ['distilgpt2', DISTILGPT2, gpt2Shapes(), 81_912_576],
  ])('%s', async (_, config, shapes, parameters) => {
    const folder = await mkdtemp(path.join(scratch, 'real-'));
    await writeFile(path.join(folder, 'config.json'), JSON.stringify(config));
    await writeHollow(folder, shapes);
    const notices: string[] = [];
    expect((await modelMemory(folder, { onNotice: (line) => notices.push(line) })).parameters).toBe(parameters);
    expect(notices).toEqual([]);
  });
});

describe('keys that nobody knows', () => {
  it('are passed over with one line that names them, wherever they stand', async () => {
    const keys = { exported_by: 'a tool', its_numbers: [1, 2], off: false };
    expect(await opened(await withKeys('tiny-llama', keys))).toEqual([
      expect.stringMatching(
        /^modelMemory: .*config\.json has keys that the library does not know, and passes over: 'exported_by' = "a tool", 'its_numbers' = \[1,2\]$/,
      ),
    ]);
    expect(await opened(await withKeys('tiny-gemma3', keys, true))).toEqual([
      expect.stringMatching(/text_config has keys .*'exported_by'/),
    ]);
    expect(await opened(await withKeys('tiny-qwen2', { auto_map: { AutoModelForCausalLM: 'modeling.Own' } }))).toEqual([
      expect.stringMatching(/'auto_map'.*; the code of its authors that 'auto_map' names is not run/),
    ]);
  });

  it('any of them, with any value, loads the same model', async () => {
    const plain = await loadCausalLM(path.join(FIXTURES, 'tiny-llama'), { algebra });
    const key = fc.stringMatching(/^zz_[a-z_]{1,20}$/);
    await fc.assert(
      fc.asyncProperty(key, fc.jsonValue({ maxDepth: 3 }), async (name, value) => {
        const notices: string[] = [];
        const model = await loadCausalLM(await withKeys('tiny-llama', { [name]: value }), {
          algebra,
          onNotice: (line) => notices.push(line),
        });
        expect(model.config).toEqual(plain.config);
        model.dispose();
        const isOff = value === null || value === false || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
        expect(notices).toHaveLength(isOff ? 0 : 1);
        if (!isOff) expect(notices[0]).toContain(`'${name}'`);
      }),
      { numRuns: 20 },
    );
    plain.dispose();
  });

  it('go to the warnings of Node where nobody listens', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    (await loadCausalLM(await withKeys('tiny-llama', { exported_by: 'a tool' }), { algebra })).dispose();
    expect(emit.mock.calls).toEqual([[expect.stringContaining("'exported_by'"), 'BuresWarning']]);
    emit.mockRestore();
  });
});

const NAMES = Object.keys(fields.models).map((model) => [model, `tiny-${model.replace('_', '-')}`] as const);

describe.each(NAMES)('%s', (model, fixture) => {
  /** Returns how a key with a value of no sense is taken: it must not be passed over as unknown. */
  async function passedOver(keys: readonly string[], inText: boolean): Promise<readonly string[]> {
    const found: string[] = [];
    for (const key of keys) {
      // A value that is neither off nor a default of any of them.
      const result = await opened(await withKeys(fixture, { [key]: 7.25 }, inText));
      if (!(result instanceof Error) && result.some((line) => line.includes(`'${key}'`))) found.push(key);
    }
    return found;
  }

  it('every field of its class in transformers, and what all models read, is known', async () => {
    const { declared, read } = fields.models[model];
    const own = new Set([...fields.base, ...declared, ...read]);
    expect(await passedOver([...own], false)).toEqual([]);
    const shared = model === 'gemma3' ? fields.models.gemma3_text.declared : [];
    expect(await passedOver([...fields.shared, ...shared], model === 'gemma3')).toEqual([]);
  });

  it.each([
    ['logits_scaling', 8],
    ['attn_logit_softcapping', 50],
    ['num_local_experts', 8],
    ['mamba_d_state', 16],
    ['attention_chunk_size', 8192],
    ['rope_interleaved', true],
    ['is_causal', false],
    ['pruned_heads', { 0: [1] }],
    ['embedding_multiplier', 12],
    ['clip_qkv', 8],
    ['use_qk_norm', true],
    ['per_layer_config', { 0: { hidden_size: 8 } }],
  ])('refuses %s = %j', async (key, value) => {
    const result = await opened(await withKeys(fixture, { [key]: value }, model === 'gemma3'));
    expect(result).toBeInstanceOf(ConfigError);
    expect((result as Error).message).toContain(`'${key}'`);
  });

  it.each([
    ['logits_scaling', 1],
    ['residual_multiplier', 1.0],
    ['num_local_experts', 0],
    ['use_qk_norm', false],
    ['is_causal', true],
    ['router_aux_loss_coef', null],
    ['pruned_heads', {}],
    ['is_llama_config', true],
    ['_num_labels', 1],
    ['max_sequence_length', 2048],
    ['rope_interleaved', false],
  ])('takes %s = %j without a word', async (key, value) => {
    expect(await opened(await withKeys(fixture, { [key]: value }, model === 'gemma3'))).toEqual([]);
  });
});
