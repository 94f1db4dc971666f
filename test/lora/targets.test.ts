/** Which modules are adapted, with which rank and scale: against PEFT 0.21, and what is refused. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveLoraConfig } from '../../src/lora/adapter/lora-config.js';
import { type LoraConfig, lora, rslora } from '../../src/lora/index.js';
import { pythonPattern } from '../../src/lora/targets/python-pattern.js';
import { targetModules } from '../../src/lora/targets/target-modules.js';
import type { LinearModule } from '../../src/models/index.js';

interface Golden {
  readonly linear: Readonly<Record<string, readonly string[]>>;
  readonly cases: readonly {
    readonly model: string;
    readonly options: Readonly<Record<string, unknown>>;
    readonly adapted: Readonly<Record<string, { readonly rank: number; readonly scale: number }>> | null;
  }[];
}

// Written by test/peers/golden_targets.py.
const golden = JSON.parse(readFileSync(new URL('../fixtures/lora/targets.json', import.meta.url), 'utf8')) as Golden;

const names: Readonly<Record<string, string>> = {
  target_modules: 'targetModules',
  exclude_modules: 'excludeModules',
  layers_to_transform: 'layersToTransform',
  layers_pattern: 'layersPattern',
  rank_pattern: 'rankPattern',
  alpha_pattern: 'alphaPattern',
  modules_to_save: 'modulesToSave',
};

const modulesOf = (model: string): LinearModule[] =>
  golden.linear[model].map((name) => ({ name, inFeatures: 16, outFeatures: 16, fanInFanOut: model === 'gpt2', bias: false }));

function targets(model: string, config: LoraConfig, everyName = true) {
  return targetModules('test', resolveLoraConfig('test', { rank: 4, alpha: 8, ...config }), modulesOf(model), { everyName });
}

describe('targets', () => {
  it.each(golden.cases.map((one) => [`${one.model} ${JSON.stringify(one.options)}`, one] as const))(
    'as PEFT: %s',
    (_, { model, options, adapted }) => {
      const { use_rslora: rootRank, ...others } = options;
      const config = {
        ...Object.fromEntries(Object.entries(others).map(([key, value]) => [names[key], value])),
        method: rootRank === true ? rslora() : lora(),
      } as LoraConfig;
      // As PEFT, which lets keys pass that match nothing.
      if (adapted === null) {
        expect(() => targets(model, config, false)).toThrow(/test: .*(matches none|were taken out)/);
        return;
      }
      const found = targets(model, config, false).map(({ module, rank, scale }) => [module.name, { rank, scale }]);
      expect(Object.fromEntries(found)).toEqual(adapted);
      expect(found).toHaveLength(Object.keys(adapted).length);
    },
  );

  it('that match nothing are an error with the nearest names', () => {
    expect(() => targets('qwen2', { targetModules: ['q_prj'] })).toThrow(/"q_prj" matches none; did you mean 'q_proj'/);
    expect(() => targets('qwen2', { targetModules: ['q_proj', 'c_attn'] })).toThrow(/"c_attn" matches none; the model has q_proj, k_proj/);
    expect(targets('qwen2', { targetModules: ['q_proj', 'c_attn'] }, false)).toHaveLength(12);
    expect(() => targets('gpt2', { targetModules: 'c_atn' })).toThrow(/did you mean 'c_attn'/);
  });

  it.each<[string, LoraConfig, RegExp]>([
    [
      'a module to leave out',
      { excludeModules: ['up_proj', 'q_prj'] },
      /excludeModules must match .* "q_prj" matches none; did you mean 'q_proj'/,
    ],
    ['modules to leave out', { excludeModules: 'up_pro' }, /"up_pro" matches none; a single text is a pattern .* did you mean 'up_proj'/],
    [
      'a rank',
      { rankPattern: { q_proj: 2, up_porj: 3 } },
      /rankPattern has the key "up_porj", which matches no module; did you mean 'up_proj'/,
    ],
    ['an α', { alphaPattern: { 'layers.70.*': 3 } }, /alphaPattern has the key "layers.70.\*", which matches no module/],
    [
      'a rank of a module that is not adapted',
      { targetModules: ['q_proj'], rankPattern: { up_proj: 3 } },
      /"up_proj", which matches only modules that are not adapted, such as 'model.layers.0.mlp.up_proj'; did you mean/,
    ],
    [
      'a rank behind another',
      { rankPattern: { q_proj: 3, 'layers.1.self_attn.q_proj': 4 } },
      /"layers.1.self_attn.q_proj" for modules of which "q_proj" before it decides already; put it first/,
    ],
    ['a layer', { targetModules: ['q_proj'], layersToTransform: [0, 99] }, /layersToTransform must be .* got 99; the layers are 0 to 11/],
    [
      'a list of layers',
      { targetModules: ['q_proj'], layersToTransform: 1, layersPattern: 'h' },
      /got 1; no module has a layer by layersPattern/,
    ],
  ])('keys that match nothing are errors: %s', (_name, config, message) => {
    expect(() => targets('qwen2', config)).toThrow(message);
    expect(() => targets('qwen2', { ...config, targetModules: config.targetModules ?? ['q_proj', 'up_proj'] })).toThrow(message);
  });

  it('any key that is no part of a name is an error that says it', () => {
    const parts = ['model', 'layers', 'self_attn', 'mlp', 'lm_head', ...modulesOf('qwen2').map(({ name }) => name)];
    const word = fc.stringMatching(/^[a-z_]{1,12}$/).filter((name) => !parts.some((part) => part.split('.').includes(name)));
    fc.assert(
      fc.property(word, fc.constantFrom('excludeModules', 'rankPattern', 'alphaPattern'), (name, option) => {
        const config = option === 'excludeModules' ? { excludeModules: [name] } : { [option]: { [name]: 2 } };
        expect(() => targets('qwen2', config)).toThrow(new RegExp(`test: ${option} .*"${name}".* matches (none|no module); `));
      }),
    );
  });

  it.each<[string, LoraConfig, RegExp]>([
    ['an unknown option', { target: 'x' } as LoraConfig, /unknown option 'target'/],
    ['a rank that is none', { rank: 0 }, /rank must be a positive integer/],
    ['a rank of a pattern', { rankPattern: { q: 1.5 } }, /rankPattern\['q'\] must be a positive integer/],
    ['dropout of one', { dropout: 1 }, /dropout must be .* below 1/],
    ['a bias that is none', { bias: 'some' as 'all' }, /bias must be one of/],
    [
      'a pattern with layers',
      { targetModules: '.*q_proj', layersToTransform: 1 },
      /layersToTransform needs a list .*; put the layers into the pattern/,
    ],
    [
      'all-linear with layers',
      { targetModules: 'all-linear', layersToTransform: 1 },
      /layersToTransform needs a list .*; give names, such as \['q_proj', 'v_proj'\]/,
    ],
    ['a pattern of layers alone', { layersPattern: 'h' }, /layersPattern was given without/],
    ['what is no pattern', { targetModules: 'q_proj(' }, /must be regular expressions/],
    ['what linear time lacks', { targetModules: '(?>q)_proj' }, /must be regular expressions/],
  ])('%s is refused', (_name, config, message) => {
    expect(() => targets('qwen2', config)).toThrow(message);
  });
});

describe('Python’s patterns', () => {
  it.each([
    ['a|ab', 'ab', true],
    ['[]x]+', ']x', true],
    ['[^]]', 'a', true],
    ['[^]]', ']', false],
    ['\\Aab\\Z', 'ab', true],
    ['(?P<n>a)b', 'ab', true],
    ['a{,2}', 'aa', true],
    ['a{,2}', 'aaa', false],
    ['[{,2}]+', '{,2}', true],
    ['(?i)Ab', 'aB', true],
    ['\\[]', '[]', true],
  ])('%s and %s', (pattern, text, matches) => {
    expect(pythonPattern('test', 'option', pattern).test(text)).toBe(matches);
  });
});
