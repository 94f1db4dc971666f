/** adapter_config.json: what is read, what is refused, and that what is written is read again. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../src/index.js';
import { loraMethods, peftScaling } from '../../src/lora/index.js';
import { readPeftConfig } from '../../src/lora/peft/read-config.js';

// As PEFT 0.21 wrote it, with all its keys.
const written = JSON.parse(readFileSync(new URL('../fixtures/lora/adapter_config.json', import.meta.url), 'utf8')) as Record<
  string,
  unknown
>;
const read = (changes: Readonly<Record<string, unknown>>) => readPeftConfig('test', 'adapter_config.json', { ...written, ...changes });

describe('adapter_config.json', () => {
  it('of PEFT 0.21 is read', () => {
    expect(Object.keys(written).length).toBeGreaterThan(38);
    expect(read({})).toMatchObject({
      rank: 4,
      alpha: 8,
      dropout: 0,
      bias: 'none',
      magnitudes: false,
      scaling: 'rank',
      start: 'kaiming',
    });
    expect(read({}).targetModules).toContain('q_proj');
  });

  it.each([
    [true, 'kaiming'],
    [false, 'random'],
    ['gaussian', 'gaussian'],
    ['olora', 'olora'],
    ['pissa', 'pissa'],
    ['orthogonal', 'kaiming'],
    ['eva', 'kaiming'],
  ])('init_lora_weights %s is %s', (value, start) => {
    expect(read({ init_lora_weights: value, eva_config: value === 'eva' ? { rho: 2 } : null }).start).toBe(start);
  });

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ['a feature that is not supported', { use_qalora: true }, /has 'use_qalora': true, which the library does not support/],
    ['its settings', { corda_config: { corda_method: 'ipm' } }, /corda_config/],
    ['tokens trained alone', { trainable_token_indices: [1, 2] }, /trainable_token_indices/],
    ['parameters as targets', { target_parameters: ['experts'] }, /target_parameters/],
    ['a bias of the factors', { lora_bias: true }, /lora_bias/],
    ['a key of tomorrow', { use_something_new: 3 }, /'use_something_new': 3/],
    ['another kind of adapter', { peft_type: 'IA3' }, /must be of a LoRA adapter, got peft_type "IA3"/],
    ['another task', { task_type: 'SEQ_CLS' }, /causal language model, got task_type "SEQ_CLS"/],
    ['a randomized start', { init_lora_weights: 'pissa_niter_4' }, /'init_lora_weights': "pissa_niter_4", .* cannot be repeated/],
    ['a start that cannot be repeated', { init_lora_weights: 'corda' }, /'init_lora_weights': "corda"/],
    ['a wrong type', { lora_dropout: '0.1' }, /dropout must be a finite number/],
  ])('%s is refused by name', (_, changes, message) => {
    expect(() => read(changes)).toThrow(ConfigError);
    expect(() => read(changes)).toThrow(message);
  });

  it('keys of tomorrow that ask for nothing pass', () => {
    expect(() => read({ tomorrow: null, later: false, soon: [], after: {}, qalora_group_size: 16, megatron_core: 'other' })).not.toThrow();
    expect(() => read({ qalora_group_size: 8 })).toThrow(/qalora_group_size/);
  });

  it('without targets, or not an object, is malformed', () => {
    expect(() => read({ target_modules: null })).toThrow(FormatError);
    expect(() => readPeftConfig('test', 'file', [1])).toThrow(/file must hold a JSON object/);
  });
});

describe('peftScaling', () => {
  it('gives rank and scale by the name of a module', () => {
    const scaling = peftScaling('file', { ...written, use_rslora: true, rank_pattern: { 'layers.1.*': 16 }, alpha_pattern: { q_proj: 3 } });
    expect(scaling('model.layers.0.self_attn.k_proj')).toEqual({ rank: 4, alpha: 8, scale: 4 });
    expect(scaling('model.layers.1.self_attn.q_proj')).toEqual({ rank: 16, alpha: 3, scale: 0.75 });
  });
});

describe('loraMethods', () => {
  it('are called what they call themselves, and refuse options that are not theirs', () => {
    for (const [name, make] of Object.entries(loraMethods)) {
      expect(make().name).toBe(name);
      const foreign = name === 'balora' ? { ratio: 2 } : { gauge: 'svd' as const };
      expect(() => make(foreign)).toThrow(/unknown option '(gauge|ratio)'/);
    }
    expect(loraMethods.balora({ every: 3 }).name).toBe('balora');
  });
});
